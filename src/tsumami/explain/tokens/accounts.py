"""The account of a token: its ledger, cut down to the candidates that a reader wants to see.

Guarantee: every number is the ledger's own. Candidates that stayed come first, by their final probability; then those
that were cut, the longest-lived first. What is left out is counted, never dropped in silence. One pass over each
record, so it also follows a knob that is being turned over a vocabulary of hundreds of thousands.

Probabilities are shares in 0..1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.explain.tokens.falls import largest_fall
from tsumami.explain.tokens.outcome import Share
from tsumami.knobs.stages import ROLLING
from tsumami.sampling import Ledger, StageRecord
from tsumami.sampling.ledger import Removed, removed_of

_SHARES: Final = 40  # the most shares of the final strip that are told apart

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """One stage: why it was idle (or None), how many candidates it left, which share of the incoming probability they
    had (1 for the model itself), and what it took out (None for the model itself).
    """

    name: str
    idle: str | None
    left: int
    kept: float
    removed: Removed | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One token: its probability after each column, None from the stage on that cut it. `fell_at`: index of the column
    that took most of it while it stayed (falls.py says how that is measured); None if none took any.
    """

    token: int
    probs: tuple[float | None, ...]
    chosen: bool
    fell_at: int | None = None

    @property
    def raw(self) -> float:
        """Under the model alone."""
        return self.probs[0] or 0.0

    @property
    def final(self) -> float | None:
        """After all stages; None if one of them cut it."""
        return self.probs[-1]

    @property
    def cut_at(self) -> int | None:
        """Index of the column that cut it; None if it stayed to the end."""
        return next((i for i, p in enumerate(self.probs) if p is None), None)


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger for the eye. `mode` is how the token was chosen (`Settings.mode`), `u` its roll; `hidden` counts the
    candidates that are not in `rows`. `shares` are the largest of the final ones, in the order in which the roll meets
    them; between them lie the others. Greedy choice leaves one.
    """

    step: int
    token: int
    mode: str
    u: float | None
    columns: tuple[Column, ...]
    rows: tuple[Candidate, ...]
    hidden: int
    shares: tuple[Share, ...]

    @property
    def roll(self) -> float | None:
        """The roll, where it decided."""
        return self.u if self.mode in ROLLING else None

    @property
    def chosen(self) -> Candidate:
        """The row of the token that was chosen."""
        return next(row for row in self.rows if row.chosen)


def account(ledger: Ledger, mode: str = "sample", *, count: int = 16, also: Iterable[int] = ()) -> Account:
    """The account of a ledger.

    Args:
        ledger: of one token.
        mode: `Settings.mode` of the run.
        count: how many of the likeliest candidates to show, of the model's own and of the final ones each.
        also: tokens to show in any case.
    """
    raw, last = ledger.records[0], ledger.records[-1]
    # rows of float64 (n,), one a record; an idle stage has changed nothing
    probs: list[Probabilities] = []
    for record in ledger.records:
        probs.append(probs[-1] if record.idle is not None else record.probs)
    wanted = dict.fromkeys(
        (ledger.token, *also, *_likeliest(last, probs[-1], count), *_likeliest(raw, probs[0], count))
    )
    tokens = np.fromiter((token for token in wanted if _is_known(raw, token)), np.int64)
    table = [_shares_of(record, p, tokens) for record, p in zip(ledger.records, probs, strict=True)]
    rows = [_candidate(int(token), values, ledger.token) for token, *values in zip(tokens, *table, strict=True)]
    rows.sort(key=_place)
    return Account(
        step=ledger.step,
        token=ledger.token,
        mode=mode,
        u=ledger.pick.u,
        columns=tuple(_columns(ledger, probs)),
        rows=tuple(rows),
        hidden=raw.n_kept - len(rows),
        shares=(Share(ledger.token, 0.0, 1.0),) if mode == "greedy" else _shares(last, probs[-1], ledger.token),
    )


def _is_known(record: StageRecord, token: int) -> bool:
    return 0 <= token < len(record.ids)


def _likeliest(record: StageRecord, probs: Probabilities, count: int) -> list[int]:
    """The ids of the `count` likeliest candidates that can still be chosen, likeliest first."""
    near = np.argpartition(-probs, count - 1)[:count] if len(probs) > count else np.arange(len(probs))
    near = near[probs[near] > 0]
    return [int(record.ids[i]) for i in near[np.lexsort((record.ids[near], -probs[near]))]]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A token's probability after one record, and its natural logarithm, which also tells very small ones apart."""

    p: float
    log: float


def _shares_of(record: StageRecord, probs: Probabilities, tokens: npt.NDArray[np.int64]) -> list[_Standing | None]:
    """Where each token stands after a record; None where it has been cut or masked."""
    place = np.full(max(int(record.ids.max()), int(tokens.max())) + 1, -1)
    place[record.ids] = np.arange(len(record.ids))
    top = int(probs.argmax())
    base = float(np.log(probs[top])) - float(record.logits[top]) if probs[top] > 0 else 0.0
    found = ((at, float(record.logits[at]) if at >= 0 else -np.inf) for at in place[tokens].tolist())
    return [_Standing(float(probs[at]), base + logit) if logit > -np.inf else None for at, logit in found]


def _candidate(token: int, values: list[_Standing | None], chosen: int) -> Candidate:
    fall = largest_fall([None if one is None else one.log for one in values])
    probs = tuple(None if one is None else one.p for one in values)
    return Candidate(token, probs, token == chosen, None if fall is None else fall.at)


def _place(row: Candidate) -> tuple[int, float, int]:
    """Those that stayed by their final probability, then the cut ones by how far they came and how likely they were."""
    lived = [p for p in row.probs if p is not None]
    return -len(lived), -(lived[-1] if lived else 0.0), row.token


def _columns(ledger: Ledger, probs: list[Probabilities]) -> list[Column]:
    columns: list[Column] = []
    before: StageRecord | None = None
    for at, record in enumerate(ledger.records):
        if before is not None and record.idle is not None:
            columns.append(Column(record.name, record.idle, columns[-1].left, 1.0, Removed(0)))
        elif before is None:
            columns.append(Column(record.name, None, record.n_kept, 1.0))
        else:
            columns.append(_column(before, probs[at - 1], record))
        before = record
    return columns


def _column(before: StageRecord, probs: Probabilities, after: StageRecord) -> Column:
    """The share of the incoming probability whose candidates can still be chosen, and what cannot any more."""
    alive = after.ids[after.logits > -np.inf]
    if len(alive) == len(before.ids):
        return Column(after.name, None, len(alive), 1.0, Removed(0))
    stays = np.zeros(int(before.ids.max()) + 1, bool)
    stays[alive[alive < len(stays)]] = True
    kept = stays[before.ids]
    return Column(after.name, None, len(alive), float(probs[kept].sum()), removed_of(before, probs, kept))


def _shares(record: StageRecord, probs: Probabilities, chosen: int) -> tuple[Share, ...]:
    """The largest shares of the line, and the chosen token's however small it is."""
    ends = np.cumsum(probs)
    largest = np.argpartition(-probs, _SHARES)[:_SHARES] if len(probs) > _SHARES else np.arange(len(probs))
    shown = np.union1d(largest[probs[largest] > 0], np.flatnonzero((record.ids == chosen) & (probs > 0)))
    return tuple(Share(int(record.ids[i]), float(ends[i] - probs[i]), float(ends[i])) for i in shown)
