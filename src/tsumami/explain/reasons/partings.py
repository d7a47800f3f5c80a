"""Divergence: where two runs part, and why.

Guarantee: the cause that is named is true. It was checked by putting it back: with that one thing as in run A (a value,
the seed, the logits), run B's own chain, in the state that it had there, chooses A's token. Where no single difference
is enough, it is the smallest set that is; where that could not be proved, `smallest` says so. After the parting the
contexts differ, and nothing is said about what comes later.

    parting      where they part: from the steps alone, no model needed
    divergence   where and why
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from tsumami.explain.measures import shared_prefix
from tsumami.explain.reasons import causes, sentences
from tsumami.explain.reasons.causes import Levers, PartingPlace
from tsumami.explain.reasons.findings import Cause, Change, Divergence, Moved
from tsumami.explain.tokens import Outcome
from tsumami.knobs import KNOBS
from tsumami.knobs.stages import WINDOWS
from tsumami.runs import Run
from tsumami.runs.run import attached
from tsumami.sampling import Ledger

_CHOOSERS: Final = {"greedy": "temperature", **{mode: mode for mode in ("mirostat", "adaptive", "contrastive")}}
_TOKENS: Final = 12  # of those that went out, came in, or moved; `Outcome.final` has all of them


def parting(a: Run, b: Run, names: tuple[str, str] = ("A", "B")) -> Divergence:
    """Where two runs part, from their steps alone: without the cause, and without a model. `names`: what the sentences
    call them.
    """
    step = shared_prefix([a, b])
    if step == len(a.steps) == len(b.steps):
        words = sentences.joined([sentences.same(a), *_prompts(a, b)])
        return Divergence(a, b, "identical", None, *sentences.called(words, names))
    if step in (len(a.steps), len(b.steps)):
        words = sentences.joined([sentences.ended(a, b, step), *_prompts(a, b)])
        return Divergence(a, b, "ended", step, *sentences.called(words, names))
    words = sentences.where(a.steps[step], b.steps[step], step)
    hands = [name for name, run in zip(names, (a, b), strict=True) if step < len(run.receipt.begun)]
    if hands:
        words = sentences.joined([words, sentences.by_hand(hands)])
    return Divergence(a, b, "by_hand" if hands else "parted", step, *sentences.called(words, names))


def _prompts(a: Run, b: Run) -> list[sentences.Bilingual]:
    """That the prompts are others, if they are."""
    if a.receipt.prompt_tokens == b.receipt.prompt_tokens:
        return []
    return [sentences.prompts(a.receipt.prompt, b.receipt.prompt)]


def divergence(a: Run, b: Run, names: tuple[str, str] = ("A", "B")) -> Divergence:
    """Where two runs part, and why; for runs that did not part at a choice, what `parting` says.

    Raises:
        RunFileError: the runs must be replayed for the cause, and cannot be: no model is attached, or another one, or a
            token does not come out again.
    """
    found = parting(a, b, names)
    if found.kind != "parted" or found.step is None:
        return found
    place = PartingPlace(a, b, found.step)
    enough = causes.find(place)
    back = place.outcome(enough.levers)
    made = replace(
        found,
        cause=_cause(enough.levers, back, place.b.outcome),
        changes=_changes(place, enough.levers),
        smallest=enough.smallest,
        others=tuple(_changes(place, levers) for levers in enough.others),
        at_a=place.a.outcome,
        at_b=place.b.outcome,
        back=back,
    )
    made = replace(made, tokens=_moved(made, place))
    made = replace(made, stage=_stage(made))
    ja, en = sentences.called(sentences.account(made, a.steps[found.step], b.steps[found.step]), names)
    return replace(made, ja=ja, en=en)


def _changes(place: PartingPlace, levers: Levers) -> tuple[Change, ...]:
    return tuple(Change(*value) for lever in levers for value in causes.values(place, lever))


def _cause(levers: Levers, back: Outcome, b: Outcome) -> Cause:
    """Which of the five it is."""
    if set(levers) & set(causes.CONTEXT):
        return "other_logits"
    if "seed" in levers:
        return "other_draw"
    if all(lever in KNOBS and KNOBS[lever].stage in WINDOWS for lever in levers):
        return "penalty"
    return "shifted_mass" if back.final.keys() == b.final.keys() else "other_survivors"


# --- where it shows ---


def _stage(found: Divergence) -> str | None:
    """The stage where the cause shows: the one that cuts the first token that is cut on one side only, or the first
    one after which the two accounts differ.
    """
    assert found.back is not None
    assert found.at_b is not None
    if found.cause == "other_logits":
        return "model"
    if found.cause == "other_draw" and found.back.final == found.at_b.final:
        return "draw"
    if found.cause == "other_survivors":
        first = next(one for one in found.tokens if (one.p_a is None) != (one.p_b is None))
        return cut_by(found.back if first.p_a is None else found.at_b, first.id)
    return _first_difference(found.back.ledger, found.at_b.ledger)


def cut_by(outcome: Outcome, token: int) -> str | None:
    """The stage that took a token out of the choice; None if it could be chosen."""
    if token in outcome.final:
        return None
    return outcome.ledger.cut_at(token) or _CHOOSERS[outcome.mode]


def _first_difference(back: Ledger, b: Ledger) -> str | None:
    before = {record.name: record for record in back.records}
    for record in b.stages:
        other = before.get(record.name)
        if other is None or not (np.array_equal(other.ids, record.ids) and np.array_equal(other.logits, record.logits)):
            return record.name
    return None


def _moved(found: Divergence, place: PartingPlace) -> tuple[Moved, ...]:
    """What the cause moves: first the two tokens of the runs, then those that only A's value leaves, those that only
    B's does, and those that both do; of each the ones that it moves most.
    """
    assert found.back is not None
    assert found.at_b is not None
    if found.cause == "other_logits":
        return _raw(place)
    back, b = found.back.final, found.at_b.final
    chosen = (place.a.outcome.token, place.b.outcome.token)
    ids = {*back, *b}
    if found.cause == "penalty":
        ids = ids & _affected(found) or ids
    listed = sorted(ids, key=lambda one: -abs(back.get(one, 0.0) - b.get(one, 0.0)))
    kinds = (
        [one for one in listed if one in back and one not in b],
        [one for one in listed if one in b and one not in back],
        [one for one in listed if one in b and one in back],
    )
    order = dict.fromkeys([one for one in chosen if one in ids])
    order |= dict.fromkeys(one for kind in kinds for one in kind[:_TOKENS])
    piece = attached(place.b.run).piece
    return tuple(Moved(one, piece(one), back.get(one), b.get(one)) for one in order)


def _affected(found: Divergence) -> set[int]:
    """The tokens whose logits the penalties leave otherwise."""
    assert found.back is not None
    assert found.at_b is not None
    affected: set[int] = set()
    for name in WINDOWS:
        sides = []
        for outcome in (found.back, found.at_b):
            record = next((one for one in outcome.ledger.records if one.name == name), None)
            if record is None:
                break
            sides.append(dict(zip(record.ids.tolist(), record.logits.tolist(), strict=True)))
        if len(sides) == 2:
            affected |= {one for one in sides[0].keys() | sides[1].keys() if sides[0].get(one) != sides[1].get(one)}
    return affected


def _raw(place: PartingPlace) -> tuple[Moved, ...]:
    """The model's own probability of either token; of another model, by its bytes."""
    moved = []
    for side in (place.a, place.b):
        token = side.outcome.token
        piece = attached(side.run).piece(token)
        p = [other.outcome.ledger.records[0].prob_of(token) for other in (place.a, place.b)]
        moved.append(Moved(token, piece, p[0], p[1]))
    return tuple(moved)
