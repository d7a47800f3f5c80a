"""What only tsumami tells, in a field that nobody trips over: `tsumami` with the receipt, the run's id, and notes.

Guarantee: the receipt gives the same text again, bit for bit, where the engine is exact; with the id the whole run can
be asked for as long as it is kept.
"""

from __future__ import annotations

import math
from typing import Any, Final

from tsumami.explain.plain import account_values
from tsumami.explain.tokens import account
from tsumami.knobs.values import shown
from tsumami.runs import Run
from tsumami.serve.asking import Wanted
from tsumami.serve.service import ApiService
from tsumami.serve.texts import TextEnd

__all__ = ["ledger_values", "own_fields"]

_SHOWN: Final = 300  # characters of a note
_MEMORY: Final = 100_000_000  # bytes of candidates that are looked at at once
_A_CANDIDATE: Final = 8 * 24  # bytes, in all records of a token


async def own_fields(service: ApiService, wanted: Wanted, over: TextEnd) -> dict[str, Any]:
    """The field of one text."""
    made: dict[str, Any] = {"notes": [_brief(note.to_dict()) for note in wanted.notes]}
    if over.run is None:
        return made
    made |= {"run_id": over.name, "stop_reason": over.run.stop_reason, "receipt": over.run.receipt.to_dict()}
    if service.options.page is not None:
        made["link"] = f"{service.options.page}/?run={over.name}"
    if wanted.ledger:
        made["ledger"] = await service.aside(ledger_values, over.run, service.served.backend.tokenizer.n_tokens)
    return made


def _brief(note: dict[str, Any]) -> dict[str, Any]:
    """A note without what a caller sent at length, or JSON does not know."""
    return {name: value if _is_small(value) else shown(value) for name, value in note.items()}


def _is_small(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return len(value) <= _SHOWN
    return value is None or (isinstance(value, int) and abs(value) < 2**63)


def ledger_values(run: Run, n_vocab: int) -> list[dict[str, Any]]:
    """Each token's way through the stages, some at a time: the ledgers of a long run fill gigabytes."""
    at_once = max(1, _MEMORY // (_A_CANDIDATE * n_vocab))
    mode = run.settings.mode
    piece = _piece_of(run)
    return [
        account_values(account(ledger, mode), piece)
        for start in range(0, len(run.steps), at_once)
        for ledger in run.replay(start, start + at_once)
    ]


def _piece_of(run: Run) -> Any:
    assert run.replayer is not None
    return run.replayer.piece
