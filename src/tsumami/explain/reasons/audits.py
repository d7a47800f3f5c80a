"""Audit: what each knob did in a run, token by token.

Guarantee: nothing is generated. At every token the run's own chain is run on the run's own logits, and beside it, for
each knob that is not at its neutral value, the chain that it would have been with this knob neutral at this token and
nothing else changed (`Chain.carried`: same history, same roll, same memory). Where both leave the same candidates in
the same order, the rest of the chain need not run again to know that the token is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsumami.errors import CancelledError, DeadEndError, SettingsError
from tsumami.explain.reasons import answers
from tsumami.explain.tokens import token_at
from tsumami.knobs import CONSTRAINTS, KNOBS
from tsumami.knobs.stages import FOLLOWING
from tsumami.native import Float32Array, Int32Array
from tsumami.runs import Completeness, Run
from tsumami.runs.completeness import CompletenessTracker
from tsumami.runs.replay import mismatch
from tsumami.runs.run import RunPart, attached
from tsumami.sampling import Candidates, Chain
from tsumami.sampling.building import stage_reads
from tsumami.sampling.chain import idle_stages
from tsumami.settings import Settings


@dataclass(frozen=True, slots=True)
class KnobAudit:
    """One knob's part in a run.

    `changed`: tokens at which the candidates (which there are, or their probabilities) after the knob's stage would
    have been others with the knob neutral; `decided`: tokens that would have been another one. `first_changed` and
    `first_decided`: the first such places (None if there are none); `instead`: the token that would have been chosen
    at the latter, and its bytes (None where every candidate would have been forbidden). `ja`, `en`: in a sentence.
    """

    knob: str
    value: Any
    neutral: Any
    stage: str | None
    changed: int
    decided: int
    first_changed: int | None
    first_decided: int | None
    instead: int | None
    instead_piece: bytes | None
    ja: str
    en: str

    @property
    def dead(self) -> bool:
        """Whether the knob did nothing at all in this run."""
        return not self.changed and not self.decided


@dataclass(frozen=True, slots=True)
class Audit:
    """What the knobs of a run did. `tokens`: how many were looked at (those set by hand are left out). `completeness`:
    whether the text matches its grammar (None: it has none).
    """

    run: Run
    tokens: int
    knobs: tuple[KnobAudit, ...]
    completeness: Completeness | None = None

    @property
    def dead(self) -> tuple[str, ...]:
        """The knobs that did nothing."""
        return tuple(one.knob for one in self.knobs if one.dead)


@dataclass(slots=True)
class _Tally:
    changed: int = 0
    decided: int = 0
    first_changed: int | None = None
    first_decided: int | None = None
    instead: int | None = None

    def note(self, index: int, token: int, found: _Effect) -> None:
        if found.changed:
            self.changed += 1
            self.first_changed = index if self.first_changed is None else self.first_changed
        if found.token != token:
            self.decided += 1
            if self.first_decided is None:
                self.first_decided, self.instead = index, found.token


@dataclass(frozen=True, slots=True)
class _Effect:
    """Whether the candidates are others, and the token that is chosen without the knob."""

    changed: bool
    token: int | None


def audit(run: Run, part: RunPart = "all", *, wanted: Callable[[], bool] | None = None) -> Audit:
    """What each knob that is not neutral did in the run, or in the part of it that thinks, or answers.

    Args:
        run: with the model that made it.
        part: of a run that thinks.
        wanted: asked at first and at each token; once it says no, the work is given up.

    Raises:
        SettingsError: the run has no such part.
        RunFileError: no model is attached, it is another one, or a token does not come out again.
        CancelledError: it is not wanted any more.
    """
    _check(wanted)
    chosen = run.part(part)
    chosen = range(max(chosen.start, len(run.receipt.begun)), chosen.stop)
    tallies = {name: _Tally() for name in audited(run.settings)}
    for index, found in _effects(run, chosen):
        _check(wanted)
        for name, effect in found.items():
            tallies[name].note(index, run.tokens[index], effect)
    count = len(chosen)
    named = tuple(_named(run, name, tally, count) for name, tally in tallies.items())
    return Audit(run, count, named, run.completeness or _completeness(run))


def _check(wanted: Callable[[], bool] | None) -> None:
    if wanted is not None and not wanted():
        raise CancelledError("the audit is not wanted any more").in_japanese("この検査はもう必要とされていません")


def _completeness(run: Run) -> Completeness | None:
    """The same of a run that was saved without it; what a stop string took away was lost then."""
    if run.stop_reason == "stop" or not any(getattr(run.settings, name) for name in CONSTRAINTS):
        return None
    replayer = attached(run)
    chain = replayer.chain(run)
    tracker = CompletenessTracker(chain.complete)
    for token in run.tokens[: -1 if run.stop_reason == "eog" else None]:
        chain.accept(token)
        tracker.note(chain.complete, replayer.piece(token))
    return tracker.found


def audited(settings: Settings) -> dict[str, Settings]:
    """The knobs that have a neutral value and are not at it, each with the settings that are left without it; not those
    of a stage that another knob switches off. A grammar or schema has no such value; it is taken away.
    """
    found: dict[str, Settings] = {}
    off = {stage for stage, why in idle_stages(settings).items() if why == "neutral"}
    for name, knob in KNOBS.items():
        removable = knob.stage == "grammar"
        if knob.stage in ("loop", "prompt") or knob.stage in off or (knob.neutral is None and not removable):
            continue
        if getattr(settings, name) == knob.neutral:
            continue
        try:
            made = settings.replace(**{name: knob.neutral})
        except SettingsError:
            continue  # contrastive search without its top_k is no search: see penalty_alpha instead
        if made.mode not in FOLLOWING or settings.mode == made.mode:  # it cannot begin in the middle of a run
            found[name] = made
    return found


def _effects(run: Run, chosen: range) -> Iterator[tuple[int, dict[str, _Effect]]]:
    """At each of these tokens, which were chosen, what each knob did."""
    if not chosen:
        return
    replayer = attached(run)
    chain = replayer.chain(run, chosen.start)
    neutral = audited(run.settings)
    for index, row in enumerate(replayer.rows(run, chosen.start, chosen.stop), chosen.start):
        chain.remove(run.steps[index].removed)
        chain.guide(row)
        variants = {name: chain.variant(settings) for name, settings in neutral.items()}
        if run.settings.mode == "contrastive":
            yield index, {name: _search(run, index, chain, made, row) for name, made in variants.items()}
        else:
            yield index, _Beside(chain, variants, row, run.tokens[index], index).effects()
        chain.accept(run.tokens[index])


class _Beside:
    """One token: the chain's own way, and beside it that of each variant, from where they part on."""

    def __init__(self, chain: Chain, variants: dict[str, Chain], row: Float32Array, token: int, index: int) -> None:
        self._chain = chain
        self._token = token
        self._variants = variants
        self._spans = {name: _span(chain, variant) for name, variant in variants.items()}
        self._kept = self._walk(row, index)
        self._known: dict[tuple[int, int], _Effect] = {}

    def _walk(self, row: Float32Array, index: int) -> dict[int, Candidates]:
        """Choose; gives the candidates before the stages where a variant parts or is compared."""
        wanted = {place for span in self._spans.values() if span for place in span}
        kept: dict[int, Candidates] = {}
        candidates = self._chain.begin(row)
        for place, stage in enumerate((*self._chain.stages, None)):
            if place in wanted:
                kept[place] = candidates.copy()
            if stage is not None:
                stage.apply(candidates)
        if candidates.data["logit"].max() == -np.inf or self._chain.pick(candidates).token != self._token:
            raise mismatch(index)
        return kept

    def effects(self) -> dict[str, _Effect]:
        """What each knob did."""
        return {name: self._effect(variant, self._spans[name]) for name, variant in self._variants.items()}

    def _effect(self, variant: Chain, span: tuple[int, int] | None) -> _Effect:
        if span is None:
            return _Effect(changed=False, token=self._token)
        start, stop = span
        rest = len(self._chain.stages) - stop
        others = variant.stages[start : len(variant.stages) - rest]
        off = all(stage.idle is not None for stage in others) and self._chain.chooses_like(variant)
        if off and span in self._known:  # stages that are switched off in two ways are the same
            return self._known[span]
        mine = self._kept[start].copy()
        for stage in others:
            stage.apply(mine)
        effect = self._compare(variant, mine, self._kept[stop], rest)
        if off:
            self._known[span] = effect
        return effect

    def _compare(self, variant: Chain, mine: Candidates, theirs: Candidates, rest: int) -> _Effect:
        same_choice = self._chain.chooses_like(variant)
        if same_choice and _identical(mine, theirs):
            return _Effect(changed=False, token=self._token)
        changed = not same_choice or not same_candidates(mine, theirs)
        for stage in variant.stages[len(variant.stages) - rest :]:
            stage.apply(mine)
        if mine.data["logit"].max() == -np.inf:
            return _Effect(changed, None)
        return _Effect(changed, variant.pick(mine).token)


def _span(chain: Chain, variant: Chain) -> tuple[int, int] | None:
    """The stages of `chain`, start .. stop, that the variant has otherwise, or not at all; None if all is the same."""
    ours = [stage_reads(stage.name, chain.origin) for stage in chain.stages]
    theirs = [stage_reads(stage.name, variant.origin) for stage in variant.stages]
    if ours == theirs and chain.chooses_like(variant):
        return None
    least = min(len(ours), len(theirs))
    start = next((i for i in range(least) if ours[i] != theirs[i]), least)
    end = next((i for i in range(least - start) if ours[-1 - i] != theirs[-1 - i]), least - start)
    return start, len(ours) - end


def _identical(one: Candidates, other: Candidates) -> bool:
    """The same candidates in the same order, so that whatever comes next does the same to both."""
    a, b = one.data, other.data
    same = len(a) == len(b) and one.sorted == other.sorted
    return same and np.array_equal(a["logit"], b["logit"]) and np.array_equal(a["id"], b["id"])


def same_candidates(one: Candidates, other: Candidates) -> bool:
    """The same tokens can be chosen with the same probabilities, in whatever order (same logits, less the largest)."""
    (ids, logits), (other_ids, other_logits) = _alive(one), _alive(other)
    if len(ids) != len(other_ids):
        return False
    if not np.array_equal(ids, other_ids):
        order, other_order = np.argsort(ids), np.argsort(other_ids)
        ids, logits = ids[order], logits[order]
        other_ids, other_logits = other_ids[other_order], other_logits[other_order]
    return np.array_equal(ids, other_ids) and np.array_equal(logits, other_logits)


def _alive(candidates: Candidates) -> tuple[Int32Array, Float32Array]:
    """Ids and logits, less the largest, of those that can still be chosen."""
    ids, logits = candidates.ids, candidates.logits
    alive = logits > -np.inf
    if not alive.all():
        ids, logits = ids[alive], logits[alive]
    return ids, logits - logits.max(initial=-np.inf)


def _search(run: Run, index: int, chain: Chain, variant: Chain, row: Float32Array) -> _Effect:
    """Contrastive search needs the model to choose: only where the candidates are others."""
    try:
        mine, theirs = variant.clone().process(row), chain.clone().process(row)
    except DeadEndError:
        return _Effect(changed=True, token=None)
    if variant.origin.settings.mode == "contrastive" and same_candidates(mine, theirs):
        return _Effect(changed=False, token=run.tokens[index])
    return _Effect(changed=True, token=token_at(run, index, variant, row))


def _named(run: Run, name: str, tally: _Tally, count: int) -> KnobAudit:
    piece = None if tally.instead is None else attached(run).piece(tally.instead)
    value, knob = getattr(run.settings, name), KNOBS[name]
    ja, en = answers.audited(run, name, tally.changed, tally.decided, tally.first_decided, piece, count)
    return KnobAudit(
        knob=name,
        value=value,
        neutral=knob.neutral,
        stage=knob.stage,
        changed=tally.changed,
        decided=tally.decided,
        first_changed=tally.first_changed,
        first_decided=tally.first_decided,
        instead=tally.instead,
        instead_piece=piece,
        ja=ja,
        en=en,
    )
