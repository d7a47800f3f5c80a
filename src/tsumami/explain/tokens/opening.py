"""Opening: whatever was stored of a run, made ready to be looked into.

Guarantee: a run that opens says honestly what it is: recomputed bit for bit, or what does not match (another model,
another build, an edited file) and what can still be shown. What a file says is shown as such, never as recomputed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from tsumami.bisection import bisect
from tsumami.errors import RunFileError, japanese
from tsumami.runs import Run
from tsumami.runs.backend import Backend
from tsumami.runs.restore import restore, restore_json
from tsumami.runs.verify import circumstances, same_step
from tsumami.storage import decoded
from tsumami.wording import counted


@dataclass(frozen=True, slots=True)
class Opened:
    """A run to look into. `sound`: tokens before this index came out again, so their ledgers can be shown (None: all of
    them, bit for bit); `notes`: what does not match, in ja and en.
    """

    run: Run
    sound: int | None
    notes: tuple[tuple[str, str], ...] = ()

    def can_look(self, index: int) -> bool:
        """Whether the ledger of token number `index` can be shown."""
        return self.sound is None or index < self.sound


def open_bytes(backend: Backend, data: bytes) -> Opened:
    """Open a run file, or a receipt as the chat saves it.

    Raises:
        RunFileError: it is neither; or a receipt of another model, which holds nothing that could be shown.
    """
    try:
        return open_run(backend, Run.from_json(data))
    except RunFileError:
        receipt = _receipt(data)
        if receipt is None:
            raise
    return open_receipt(backend, receipt)


def open_receipt(backend: Backend, receipt: dict[str, Any]) -> Opened:
    """Open a receipt with its `reply_tokens`; all else is computed again.

    Raises:
        RunFileError: another model, or a token does not come out again.
    """
    return Opened(restore_json(backend, receipt), None)


def open_run(backend: Backend, run: Run) -> Opened:
    """Open a run: compute it again and compare every number."""
    theirs, ours = run.receipt.model, backend.model_card
    if theirs.fingerprint != ours.fingerprint:
        return Opened(run, 0, (_other_model(theirs.full_name, ours.full_name),))
    run = run.attach(backend)
    try:
        again = restore(backend, run.receipt, run.tokens)
    except RunFileError as error:
        sound = _sound(backend, run)
        return Opened(run, sound, (_broken(sound, error), *circumstances(backend, run.receipt)))
    pairs = enumerate(zip(run.steps, again.steps, strict=False))
    different = next((i for i, (one, other) in pairs if not same_step(one, other)), None)
    if different is None and len(run.steps) == len(again.steps):
        return Opened(replace(run, steps=again.steps), None)
    at = len(again.steps) if different is None else different
    # the tokens all came out, so what is computed is what happened; what the file says beside it is not shown
    return Opened(replace(again, receipt=run.receipt), None, (_edited(at), *circumstances(backend, run.receipt)))


def _receipt(data: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(decoded(data))
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) and "reply_tokens" in values else None


def _sound(backend: Backend, run: Run) -> int:
    """How many tokens at the beginning come out again, given that not all do. Each try is one pass."""

    def comes_again(count: int) -> bool:
        try:
            restore(backend, run.receipt, run.tokens[:count])
        except RunFileError:
            return False
        return True

    return bisect(comes_again, 0, len(run.tokens)).kept


def _other_model(theirs: str, ours: str) -> tuple[str, str]:
    return (
        f"この実行は別のモデル({theirs})のもので、今のモデル({ours})では計算し直せない。ファイルにある値(色、確率、順位)"
        f"だけを表示する。{theirs} を読み込んでから開き直すと、すべて見られる",
        f"this run was made with another model ({theirs}), which {ours} cannot compute again. Shown is what the file "
        f"says (colours, probabilities, ranks); load {theirs} and open it again to see everything",
    )


def _broken(sound: int, why: RunFileError) -> tuple[str, str]:
    return (
        f"{sound + 1} 番目のトークンから計算と合わない。編集されたか、別の環境で作られている。"
        f"その前の {sound} トークンは中まで見られ、残りはファイルの値だけを表示する({japanese(why)})",
        f"from token {sound + 1} on it does not come out again: it was edited, or made elsewhere. "
        f"{_before(sound)} before can be looked into; of the rest only what the file says is shown ({why})",
    )


def _before(sound: int) -> str:
    return "The token" if sound == 1 else f"The {counted(sound, 'token')}"


def _edited(at: int) -> tuple[str, str]:
    return (
        f"トークンは計算どおりだが、{at + 1} 番目の数値がファイルと違う。編集されたか、別の環境で作られている。"
        "計算し直した値を表示する",
        f"the tokens come out again, but the numbers of token {at + 1} are not the file's: it was edited, or made "
        "elsewhere. Shown is what was computed now",
    )
