"""Verify: run it again and say whether it is the same, bit for bit, or what differs.

Guarantee: "same" means that every token and every number of every step is equal, not similar. Where it differs, the
report names what the receipts disagree on (model, engine, exactness), because that is where the cause is to be looked
for. Alternatives that were not kept (tsumami.history) are not compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tsumami.runs.backend import Backend
from tsumami.runs.decision import UpTo
from tsumami.runs.generate import Generation, Stream, make_decider
from tsumami.runs.run import Run
from tsumami.runs.values import Receipt, Step


@dataclass(frozen=True, slots=True)
class Verification:
    """`same_tokens` and `same_numbers` (probabilities, entropies, rolls, and the text that each step showed) against
    `again`; `first_difference` is the index of the first step that differs; `circumstances` names what the two receipts
    disagree on, in ja and en.
    """

    original: Run
    again: Run
    same_tokens: bool
    same_numbers: bool
    first_difference: int | None
    circumstances: tuple[tuple[str, str], ...]

    @property
    def same(self) -> bool:
        """Whether tokens and numbers are all equal."""
        return self.same_tokens and self.same_numbers


def verify(backend: Backend, run: Run) -> Verification:
    """Generate the run again from its receipt (prompt tokens, settings, effective seed) and compare."""
    receipt = run.receipt
    again = _again(backend, receipt, max(len(run.steps), 1))
    pairs = list(zip(run.steps, again.steps, strict=False))
    different = [i for i, (a, b) in enumerate(pairs) if not same_step(a, b)]
    same_tokens = run.tokens == again.tokens[: len(run.tokens)]  # a run without tokens is made again with one
    first = different[0] if different else None
    if first is None and not same_tokens:
        first = len(pairs)
    return Verification(run, again, same_tokens, not different, first, tuple(_circumstances(receipt, again.receipt)))


def same_step(kept: Step, made: Step) -> bool:
    """Whether a step is what was kept of it; alternatives may not have been."""
    return kept == (made if kept.alternatives else replace(made, alternatives=()))


def _again(backend: Backend, receipt: Receipt, count: int) -> Run:
    """The first so many tokens of the run."""
    settings, prompt = receipt.settings.replace(seed=receipt.seed), receipt.to_prompt()
    if not settings.banned_texts:
        with Stream(backend, prompt, settings.replace(max_tokens=count)) as stream:
            return stream.run
    # with another max_tokens a text that is banned might not come to its end, and so not be taken back
    decider = UpTo(make_decider(backend, prompt, settings, receipt.seed), count)
    made = Generation(backend, prompt, settings, ledgers=False, emit=_nobody_waits, decider=decider)
    return backend.engine.run(made.program())


def _nobody_waits(_: Step) -> None:
    """The steps are wanted all at once."""


def circumstances(backend: Backend, receipt: Receipt) -> tuple[tuple[str, str], ...]:
    """What a receipt and this model disagree on, in ja and en."""
    now = Receipt.of(backend, receipt.to_prompt(), receipt.settings, receipt.seed)
    return tuple(_circumstances(receipt, now))


def _circumstances(then: Receipt, now: Receipt) -> list[tuple[str, str]]:
    """What two receipts disagree on, in ja and en."""
    found = []
    for old, new, ja, en in (
        (then.model.file_sha256, now.model.file_sha256, "モデルの重みが違う", "other weights"),
        (_adapters(then), _adapters(now), "LoRA アダプターが違う", "other LoRA adapters"),
        (then.engine.library, now.engine.library, "llama.cpp の版が違う", "another llama.cpp"),
        (then.engine.binding, now.engine.binding, "llama-cpp-python の版が違う", "another llama-cpp-python"),
        (then.engine.features, now.engine.features, "ビルドの CPU 機能が違う", "other CPU features in the build"),
        (then.engine.processor, now.engine.processor, "プロセッサーが違う", "another processor"),
        (then.engine.mode, now.engine.mode, "exact と fast の指定が違う", "exact against fast mode"),
        (_layout(then), _layout(now), "重みの並べ方が違う", "another layout of the weights"),
        (then.tsumami, now.tsumami, "tsumami の版が違う", "another tsumami"),
    ):
        if old != new:
            found.append((f"{ja}: {_short(old)} → {_short(new)}", f"{en}: {_short(old)} → {_short(new)}"))
    if now.engine.n_ctx < then.engine.n_ctx:
        sizes = f"{then.engine.n_ctx} → {now.engine.n_ctx}"
        found.append((f"文脈が元の実行より短い: {sizes}", f"a smaller context: {sizes}"))
    for receipt, ja, en in ((then, "元の実行", "the original run"), (now, "今回の実行", "this run")):
        if not receipt.engine.exact:
            found.append(
                (f"{ja}は exact ではない: {receipt.engine.why_ja}", f"{en} is not exact: {receipt.engine.why_en}")
            )
    return found


def _layout(receipt: Receipt) -> str:
    """As the option says it."""
    return "--repack" if receipt.engine.repacked else "--no-repack"


def _adapters(receipt: Receipt) -> str:
    """Their names, sums and scales, in one line; what has none is one, too."""
    found = receipt.model.adapters
    return ", ".join(f"{one} (sha256 {one.fingerprint[:12]})" for one in found) or "none"


def _short(value: object) -> str:
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
