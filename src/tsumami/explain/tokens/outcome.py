"""Outcomes: what a chain made of a row of logits at one place, as far as explanations need it.

Guarantee: `choose_at` is the run's own way to choose, on a copy of the chain, so asking changes nothing; what it gives
for a run's own chain is the run's own ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsumami.errors import DeadEndError
from tsumami.knobs.stages import ROLLING
from tsumami.native import Float32Array
from tsumami.runs import Run
from tsumami.runs.run import attached
from tsumami.sampling import Chain, Ledger, LedgerWriter
from tsumami.settings import Mode


@dataclass(frozen=True, slots=True)
class Share:
    """What a final candidate has of the line from 0 to 1: rolls in low..high fall on it."""

    token: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A choice with its ledger. `final`: the tokens that could be chosen at the end, in the order in which they lie on
    the line from 0 to 1, each with its probability. Greedy and contrastive search leave one.
    """

    mode: Mode
    ledger: Ledger
    final: dict[int, float]

    @property
    def token(self) -> int:
        """The token that was chosen."""
        return self.ledger.token

    @property
    def u(self) -> float | None:
        """The roll; None where none decided."""
        return self.ledger.pick.u if self.mode in ROLLING else None

    def span(self, token: int) -> Share | None:
        """Where a token lies on the line: rolls from `low` up to `high` fall on it; None if it was cut."""
        low = 0.0
        for one, p in self.final.items():
            if one == token:
                return Share(token, low, low + p)
            low += p
        return None


def outcome_of(ledger: Ledger, mode: Mode) -> Outcome:
    """The outcome that a ledger accounts for."""
    if mode == "greedy":
        return Outcome(mode, ledger, {ledger.token: 1.0})
    last = ledger.records[-1]
    alive = last.logits > -np.inf
    return Outcome(mode, ledger, dict(zip(last.ids[alive].tolist(), last.probs[alive].tolist(), strict=True)))


def choose_at(run: Run, index: int, chain: Chain, row: Float32Array) -> Outcome | None:
    """What `chain` chooses from `row` after the first `index` tokens of `run`; None if every candidate is forbidden."""
    writer = LedgerWriter()
    try:
        decision = attached(run).choose(run, index, chain.clone(), row, writer.watch)
    except DeadEndError:
        return None
    ledger = writer.close(index, decision.choice.pick, decision.contrast)
    return outcome_of(ledger, chain.origin.settings.mode)


def token_at(run: Run, index: int, chain: Chain, row: Float32Array) -> int | None:
    """The token that `choose_at` would choose, without an account."""
    try:
        return attached(run).choose(run, index, chain.clone(), row).choice.pick.token
    except DeadEndError:
        return None


def row_at(run: Run, index: int) -> Float32Array:
    """The logits that token number `index` was chosen from."""
    (row,) = attached(run).rows(run, index, index + 1)
    return row


def ledger(run: Run, index: int) -> Ledger:
    """The account of token number `index` (negative counts from the end); see `Run.ledger`."""
    return run.ledger(index)
