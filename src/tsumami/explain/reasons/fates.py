"""Why not: what became of a token that was not chosen.

Guarantee: a value that would have kept it was found by running the very stage on the very candidates, and both were
checked: with that value the token stays, with the neighbouring one (the next whole number, or the next float32 that
llama.cpp can tell apart) it goes. Every cutting stage keeps a nested set as its knob moves towards neutral, so
bisection finds the place. What is said of a stage's absence was found by the run's own chain without it.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from tsumami.bisection import bisect, exponential_search
from tsumami.errors import SettingsError
from tsumami.explain.reasons import answers
from tsumami.explain.reasons.findings import Fate, KeepingValue, Lowering, WhyNot, Without
from tsumami.explain.reasons.undoing import undone
from tsumami.explain.tokens import choose_at, largest_fall, row_at
from tsumami.knobs import KNOBS
from tsumami.knobs.stages import ROLLING, row_of
from tsumami.native import Float32Array
from tsumami.runs import Run
from tsumami.runs.replay import mismatch
from tsumami.runs.run import attached
from tsumami.sampling import Chain, Ledger, StageRecord

_FLOAT32_MAX: Final = float(np.finfo(np.float32).max)
_LARGEST_INT: Final = 2**30


def why_not(run: Run, index: int, token: int) -> WhyNot:
    """What became of `token` where token number `index` (negative counts from the end) was chosen.

    Raises:
        IndexError: no such place.
        SettingsError: no such token.
        RunFileError: no model is attached, it is another one, or the run's token does not come out again.
    """
    count = len(run.steps)
    if not -count <= index < count:
        raise IndexError(f"token {index} of a run of {count}")
    index %= count
    replayer, row = attached(run), row_at(run, index)
    if not 0 <= token < len(row):
        raise SettingsError(f"token {token} is not in this vocabulary (0..{len(row) - 1})").in_japanese(
            f"トークン {token} はこの語彙（0〜{len(row) - 1}）にありません"
        )
    asked = _AskedToken(run, index, replayer.chain(run, index), row, token)
    outcome, stage, fate = asked.outcome, asked.cut_by, asked.fate()
    by_number = bool(stage and row_of(stage).cuts_by)
    made = WhyNot(
        id=token,
        piece=replayer.piece(token),
        step=index,
        fate=fate,
        p_raw=outcome.ledger.records[0].prob_of(token) or 0.0,
        rank=1 + int(np.count_nonzero(row > row[token])),
        stage=stage,
        p_before=_before(outcome.ledger, stage, token),
        kept=asked.kept(stage) if stage and by_number else None,
        span=None if stage else outcome.span(token),
        u=outcome.u,
        without=asked.without(stage) if stage and not by_number and fate != "banned" else None,
        taken=None if fate == "chosen" else asked.taken(),
        place=None if stage else _place(_processed(outcome.ledger)[-1], token),
        other=replayer.piece(outcome.token),
        p_other=_processed(outcome.ledger)[-1].prob_of(outcome.token),
        taken_back=next((one for one in run.steps[index].taken_back if one.tokens[0] == token), None),
    )
    ja, en = answers.why_not(made, run.settings.mode)
    return replace(made, ja=ja, en=en)


def _processed(ledger: Ledger) -> list[StageRecord]:
    """What the model and the stages left: all records but that of a search, which is its choice."""
    return [record for record in ledger.records if record.name != "contrastive"]


def _cut_by(ledger: Ledger, token: int) -> str | None:
    """The stage that cut it; a search that chose another has not."""
    stage = ledger.cut_at(token)
    return None if stage == "contrastive" else stage


def _before(ledger: Ledger, stage: str | None, token: int) -> float | None:
    """Its probability just before that stage, or before the choice."""
    records = _processed(ledger)
    if stage is None:
        return records[-1].prob_of(token)
    place = next(i for i, record in enumerate(records) if record.name == stage)
    return records[place - 1].prob_of(token) if place else None


def _place(record: StageRecord, token: int) -> int:
    """Its place among the candidates as contrastive search counts: the likeliest first, of equals the smaller id."""
    mine = record.logits[record.ids == token][0]
    equal = (record.logits == mine) & (record.ids < token)
    return 1 + int(np.count_nonzero(record.logits > mine)) + int(np.count_nonzero(equal))


class _AskedToken:
    """One token at one place of a run. A token set by hand is not the chain's choice, and is asked for all the same."""

    def __init__(self, run: Run, index: int, chain: Chain, row: Float32Array, token: int) -> None:
        self._run, self._index, self._chain, self._row, self._token = run, index, chain, row, token
        outcome = choose_at(run, index, chain, row)
        if outcome is None or (index >= len(run.receipt.begun) and outcome.token != run.tokens[index]):
            raise mismatch(index)
        self.outcome = outcome
        self.cut_by = _cut_by(outcome.ledger, token)

    def fate(self) -> Fate:
        if self._token == self._run.tokens[self._index]:
            return "chosen"
        if self._token == self.outcome.token:
            return "by_hand"
        if self.cut_by is not None:
            return "banned" if self.cut_by == "model" else "cut"
        terms = self.outcome.ledger.contrast
        if terms and all(term.id != self._token for term in terms):
            return "uncompared"
        return "roll" if self.outcome.mode in ROLLING else "lost"

    def taken(self) -> Lowering | None:
        """The stage that took most of its probability while it stayed."""
        records = _processed(self.outcome.ledger)
        fall = largest_fall([record.log_prob_of(self._token) for record in records])
        if fall is None:
            return None
        stage = records[fall.at].name
        before, after = (record.prob_of(self._token) or 0.0 for record in records[fall.at - 1 : fall.at + 1])
        return Lowering(stage, before, after, fall.bits, self.without(stage))

    def without(self, stage: str) -> Without | None:
        """What becomes of it with the stage put out of action and all else as it was; None where that cannot be known,
        because another way to choose would take over that follows what it has chosen before.
        """
        found = undone(self._chain.origin.settings, stage, self._token)
        if found is None:
            return None
        settings, changes = found
        try:
            chain = self._chain.variant(settings)
        except SettingsError:
            return None
        outcome = choose_at(self._run, self._index, chain, self._row)
        if outcome is None:
            return None
        last = _processed(outcome.ledger)[-1]
        then = _cut_by(outcome.ledger, self._token)
        return Without(changes, last.prob_of(self._token), then, outcome.token == self._token)

    def kept(self, stage: str) -> KeepingValue | None:
        """The nearest value of the stage's knob that keeps the token there."""
        knob, was = row_of(stage).cuts_by[0], getattr(self._chain.origin.settings, row_of(stage).cuts_by[0])
        keeps = self._test(stage, knob)
        whole = KNOBS[knob].kind == "int"
        ends = _nearest_int(was, keeps) if whole else _nearest_float(was, row_of(stage).keeps_all, keeps)
        if ends is None:
            return None
        then, chosen = self._after(knob, ends[0])
        return KeepingValue(knob, was, ends[0], ends[1], then, chosen)

    def _test(self, stage: str, knob: str) -> Callable[[float], bool]:
        """Whether the token stays in this stage with a value of its knob, all before it being as it was."""
        chain = self._chain.clone()
        before = chain.begin(self._row)
        for one in itertools.takewhile(lambda one: one.name != stage, chain.stages):
            one.apply(before)

        def keeps(value: float) -> bool:
            variant = self._chain.variant(self._chain.origin.settings.replace(**{knob: value}))
            candidates = before.copy()
            for one in variant.stages:
                if one.name == stage:  # with its neutral value it may not even be there
                    one.apply(candidates)
            data = candidates.data
            return bool((data["logit"][data["id"] == self._token] > -np.inf).any())

        return keeps

    def _after(self, knob: str, value: float) -> tuple[str | None, bool]:
        """With this value and all else as it was: the stage that cuts it after all, and whether it is chosen."""
        variant = self._chain.variant(self._chain.origin.settings.replace(**{knob: value}))
        outcome = choose_at(self._run, self._index, variant, self._row)
        assert outcome is not None, "the token stays"
        return _cut_by(outcome.ledger, self._token), outcome.token == self._token


def _nearest_int(was: int, keeps: Callable[[float], bool]) -> tuple[int, int] | None:
    """The smallest whole number above `was` that keeps it, and the one before."""
    edge = exponential_search(lambda value: not keeps(value), was, _LARGEST_INT)
    return None if edge is None else (edge.other, edge.kept)


def _nearest_float(was: float, keeps_all: float | None, keeps: Callable[[float], bool]) -> tuple[float, float] | None:
    """The value nearest to `was` that keeps it, and its neighbour among the float32 that does not."""
    far = _FLOAT32_MAX if keeps_all is None else keeps_all  # top_n_sigma: larger keeps more
    if not keeps(far):
        return None
    edge = bisect(lambda ordinal: not keeps(_float(ordinal)), _ordinal(was), _ordinal(far))
    return _float(edge.other), _float(edge.kept)


def _ordinal(value: float) -> int:
    """The place of a float32 (0 or more) among all of them."""
    return int(struct.unpack("<i", struct.pack("<f", value))[0])


def _float(ordinal: int) -> float:
    """The shortest number that llama.cpp reads as this float32."""
    value = float(str(np.float32(struct.unpack("<f", struct.pack("<i", ordinal))[0])))
    assert math.isfinite(value)
    return value
