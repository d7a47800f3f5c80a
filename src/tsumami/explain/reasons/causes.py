"""Causes: what must be put back for run B to choose run A's token.

Guarantee: a set of differences is called a cause only after B's chain, in the state that it had at that place and with
exactly these as in A, has chosen A's token. Sets are tried from small to large, so what is found first is smallest,
unless there are too many to try: then what is not needed is left out one after another, and `Found.smallest` is False.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

from tsumami.errors import RunFileError, SettingsError
from tsumami.explain.tokens import Outcome, choose_at, row_at, token_at
from tsumami.knobs import KNOBS, knobs_of
from tsumami.native import Float32Array
from tsumami.runs import Run, Step
from tsumami.runs.replay import mismatch
from tsumami.runs.run import attached
from tsumami.sampling import Chain
from tsumami.sampling.building import is_there
from tsumami.settings import Settings

Levers = tuple[str, ...]
"""What is put back: knob names, `mirostat` (all its knobs: they share one state), `seed`, `prompt`, `model`, `memory`,
`taken_back` (the tokens that began a banned text there).
"""

_TRIES: Final = 1500
_MIROSTAT: Final = knobs_of("mirostat")
CONTEXT: Final = ("prompt", "model", "heal_tokens")
#: Knobs that end a run, or that `seed` stands for, but choose no token.
_NOT_CHOOSING: Final = knobs_of("loop", "draw", "prompt")


@dataclass(frozen=True, slots=True)
class Found:
    """The levers that are enough, other sets of that size, and whether no smaller set is."""

    levers: Levers
    others: tuple[Levers, ...]
    smallest: bool


@dataclass(frozen=True, slots=True, eq=False)
class RunAt:
    """One run at the place: its chain, ready to choose, and the logits to choose from."""

    run: Run
    chain: Chain
    row: Float32Array
    outcome: Outcome


class PartingPlace:
    """Two runs at the token where they part."""

    def __init__(self, a: Run, b: Run, step: int) -> None:
        """Bring both chains to their state before token number `step`.

        Raises:
            RunFileError: no model is attached, it is another one, or the token does not come out again.
        """
        self.step = step
        self.a = _side(a, step, None)
        alike = _context(a, b) is None and _guidance(a.settings) == _guidance(b.settings)
        self.b = _side(b, step, self.a if alike else None)
        self._rows: dict[tuple[bool, str | None], Float32Array] = {}

    def levers(self) -> Levers:
        """Everything that differs and may choose a token, in the order in which a cause is looked for."""
        a, b = self.a.run, self.b.run
        found = [context] if (context := _context(a, b)) else []
        if a.receipt.seed != b.receipt.seed:
            found.append("seed")
        idle = a.settings.idle_knobs().keys() & b.settings.idle_knobs().keys()
        found += _knobs(self, exclude={*idle, *found})
        if self.a.chain.remembers_rows or self.b.chain.remembers_rows:
            found.append("memory")
        if a.settings.banned_texts == b.settings.banned_texts and self.a.chain.removed != self.b.chain.removed:
            found.append("taken_back")
        return tuple(found)

    def back(self, levers: Iterable[str]) -> tuple[Chain, RunAt] | None:
        """B's chain with these as in A, and the side whose logits it is to choose from; None if there is no such chain
        (its settings exclude each other, or mirostat would have to begin in the middle).
        """
        put = set(levers)
        context = self.a if put & set(CONTEXT) else self.b
        seeded = self.a if "seed" in put else self.b
        knobs = [name for name in KNOBS if name in put or (name in _MIROSTAT and "mirostat" in put)]
        sources = (self.a, self.b) if "memory" in put else (self.b, self.a)
        try:
            settings = self.b.run.settings.replace(**{name: getattr(self.a.run.settings, name) for name in knobs})
            origin = replace(context.chain.origin, settings=settings, seed=seeded.chain.origin.seed)
            chain = Chain.carried(origin, *(side.chain for side in sources))
        except SettingsError:
            return None
        context = replace(context, row=self._row(context, settings))
        chain.remove((self.a if put & {"banned_texts", "taken_back"} else self.b).chain.removed)
        return chain, context

    def _row(self, side: RunAt, settings: Settings) -> Float32Array:
        """The logits on that side, with those of the second sequence that guidance has under these settings."""
        guidance = _guidance(settings)
        if guidance in (None, _guidance(side.run.settings)):
            return side.row
        key = side is self.a, guidance
        if key not in self._rows:
            receipt = replace(side.run.receipt, settings=settings)
            self._rows[key] = row_at(replace(side.run, receipt=receipt), self.step)
        return self._rows[key]

    def works(self, levers: Iterable[str]) -> bool:
        """Whether B chooses A's token with these put back."""
        made = self.back(levers)
        if made is None:
            return False
        chain, side = made
        return token_at(side.run, self.step, chain, side.row) == self.a.outcome.token

    def outcome(self, levers: Iterable[str]) -> Outcome:
        """What B chooses with these put back."""
        made = self.back(levers)
        assert made is not None
        chain, side = made
        outcome = choose_at(side.run, self.step, chain, side.row)
        assert outcome is not None
        return outcome


def find(place: PartingPlace) -> Found:
    """The smallest set of differences that explains why B's token is not A's.

    Raises:
        RunFileError: nothing that differs explains it: the receipts do not say how these runs were made.
    """
    levers = place.levers()
    if not place.works(levers):  # an idle knob may wake when another one is put back
        levers = (*levers, *_knobs(place, exclude=set(levers)))
        if not place.works(levers):
            raise RunFileError(
                f"token {place.step} differs, but nothing in the receipts explains it: one of the files was edited, or "
                "the runs come from another build; `tsumami verify` says which"
            ).in_japanese(
                f"トークン {place.step} が違いますが、レシートからは説明できません。"
                "どちらかのファイルが書き換えられたか、別のビルドで作られました。"
                "どちらかは tsumami verify でわかります"
            )
    return smallest(levers, place.works)


def smallest(levers: Levers, works: Callable[[Sequence[str]], bool], tries: int = _TRIES) -> Found:
    """The smallest subset that `works`; all levers together do."""
    for size in range(1, len(levers)):
        tries -= math.comb(len(levers), size)
        if tries < 0:
            break
        enough = [chosen for chosen in combinations(levers, size) if works(chosen)]
        if enough:
            return Found(enough[0], tuple(enough[1:]), smallest=True)
    else:
        return Found(levers, (), smallest=True)
    needed = list(levers)
    for lever in reversed(levers):
        rest = [one for one in needed if one != lever]
        if works(rest):
            needed = rest
    return Found(tuple(needed), (), smallest=False)


def _side(run: Run, step: int, other: RunAt | None) -> RunAt:
    """A run at the place; runs with the same context have the same logits there."""
    row = row_at(run, step) if other is None else other.row
    chain = attached(run).chain(run, step)
    outcome = choose_at(run, step, chain, row)
    if outcome is None or outcome.token != run.tokens[step]:
        raise mismatch(step)
    return RunAt(run, chain, row, outcome)


def _guidance(settings: Settings) -> str | None:
    """What the second sequence of guidance begins with ("": the prompt's last token); None if there is none."""
    return settings.negative_prompt or "" if is_there("guidance", settings) else None


def _context(a: Run, b: Run) -> str | None:
    """What makes the logits differ, if anything."""
    if a.receipt.model.fingerprint != b.receipt.model.fingerprint:
        return "model"
    if a.receipt.prompt_tokens == b.receipt.prompt_tokens:
        return None
    same = a.receipt.prompt == b.receipt.prompt and a.settings.heal_tokens != b.settings.heal_tokens
    return "heal_tokens" if same else "prompt"


def _knobs(place: PartingPlace, exclude: Iterable[str]) -> list[str]:
    """The knobs that differ, those of earlier stages first."""
    a, b = place.a.run.settings, place.b.run.settings
    left_out = {*exclude, *_NOT_CHOOSING}
    if "mirostat" in left_out:
        left_out |= set(_MIROSTAT)
    differ = [name for name in KNOBS if name not in left_out and getattr(a, name) != getattr(b, name)]
    order: list[str | None] = [stage.name for stage in place.b.chain.stages]
    differ.sort(key=lambda name: order.index(KNOBS[name].stage) if KNOBS[name].stage in order else -1)
    return list(dict.fromkeys("mirostat" if name in _MIROSTAT else name for name in differ))


def _taken_back(step: Step) -> str | None:
    """All that was taken back at a token."""
    return "; ".join(one.piece.decode("utf-8", "replace") for one in step.taken_back) or None


def values(place: PartingPlace, lever: str) -> list[tuple[str, Any, Any]]:
    """A lever as name and value in A and in B."""
    a, b = place.a.run, place.b.run
    match lever:
        case "seed":
            return [(lever, a.receipt.seed, b.receipt.seed)]
        case "prompt":
            return [(lever, a.receipt.prompt, b.receipt.prompt)]
        case "model":
            return [(lever, a.receipt.model.name, b.receipt.model.name)]
        case "memory":
            return [(lever, None, None)]
        case "taken_back":
            return [(lever, _taken_back(a.steps[place.step]), _taken_back(b.steps[place.step]))]
    names = _MIROSTAT if lever == "mirostat" else (lever,)
    pairs = [(name, getattr(a.settings, name), getattr(b.settings, name)) for name in names]
    return [pair for pair in pairs if pair[1] != pair[2]]
