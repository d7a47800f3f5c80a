"""Comparison: two to eight runs side by side, from one prompt and one roll.

Guarantee: the lanes are generated together, in the same batches, and each is the run that it would have been alone. A
lane that fails says why and takes no other with it. Where no seed is given, one random seed is taken for all lanes, so
that they stay comparable roll by roll.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tsumami.engine import Ticket
from tsumami.errors import RunFileError, TsumamiError, japanese
from tsumami.explain.measures import Metrics, metrics
from tsumami.explain.reasons import Divergence, divergence, parting
from tsumami.explore.design import Design, check_list, listed_seeds
from tsumami.explore.lanes.alignment import MOST_LANES, Alignment, align, check_lanes
from tsumami.knobs import KNOBS
from tsumami.runs import Prompt, Run, Step
from tsumami.runs.backend import Backend
from tsumami.runs.generate import Generation
from tsumami.runs.making import EngineMaking
from tsumami.sampling import effective_seed
from tsumami.settings import Settings


@dataclass(frozen=True, slots=True)
class LanePlan:
    """What a lane is made from."""

    prompt: Prompt
    settings: Settings


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane: its plan, and the run, or the error that ended it. `differs`: what is not the same in all lanes, knob
    names and `prompt`, with this lane's values.
    """

    plan: LanePlan
    differs: Mapping[str, Any]
    run: Run | None
    error: TsumamiError | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Lanes and what is to be said about them. `divergences`, `metrics` and `alignment` are about the `runs` (the lanes
    that did not fail): a divergence for each but the first, from the first.
    """

    lanes: tuple[Lane, ...]
    runs: tuple[Run, ...]
    divergences: tuple[Divergence, ...]
    metrics: tuple[Metrics, ...]
    alignment: Alignment | None


def plan(prompts: Sequence[Prompt], design: Design) -> tuple[LanePlan, ...]:
    """The lanes: every prompt with every settings and every seed of a design; without seeds one for all.

    Raises:
        SettingsError: not 2 to 8 lanes, an empty list, or a value that a knob cannot have.
    """
    check_list("prompts", prompts)
    seeds = design.seeds
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        seeds = listed_seeds(seeds, design.base, MOST_LANES)
    check_list("seeds", seeds)
    assert not isinstance(seeds, int)  # `True` is neither a number nor a list
    lists = (prompts, design.settings, seeds, *(design.vary or {}).values())
    check_lanes(math.prod(len(values) for values in lists if values is not None))
    made = design.points(effective_seed(design.base))
    if seeds is not None:
        made = [one.replace(seed=seed) for one in made for seed in seeds]
    return tuple(LanePlan(prompt, one) for prompt in prompts for one in made)


class Comparing(EngineMaking[tuple[int, Step], Comparison]):
    """Lanes as they grow: iterate for (lane, step), then read `comparison`; leaving a `with` block cancels the rest."""

    def __init__(self, backend: Backend, plans: Sequence[LanePlan]) -> None:
        super().__init__()
        check_lanes(len(plans))
        self._plans = tuple(plans)
        self._begun = [self._begin(backend, lane, made) for lane, made in enumerate(self._plans)]

    def _begin(self, backend: Backend, lane: int, made: LanePlan) -> Ticket[Run] | TsumamiError:
        def emit(step: Step) -> None:
            self._tell((lane, step))

        try:
            generation = Generation(backend, made.prompt, made.settings, ledgers=False, emit=emit)
            return self._submit(backend.engine, generation.program())
        except TsumamiError as error:
            return error

    def _join(self) -> None:
        """Wait for the lanes; what ended one is said in its place, and ends no other."""
        for ticket in self._begun:
            _outcome(ticket)

    def _finish(self) -> Comparison:
        return compared(self.lanes)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes when all of them are done, before anything is said about them."""
        lanes = zip(self._plans, differences(self._plans), map(_outcome, self._begun), strict=True)
        return tuple(Lane(made, differs, *outcome) for made, differs, outcome in lanes)

    @property
    def comparison(self) -> Comparison:
        """The lanes when all of them are done, and what is to be said about them."""
        return self.result


def _outcome(begun: Ticket[Run] | TsumamiError) -> tuple[Run | None, TsumamiError | None]:
    """The run of a lane, or what ended it; waits for it."""
    if isinstance(begun, TsumamiError):
        return None, begun
    try:
        return begun.result(), None
    except TsumamiError as error:
        return None, error


def compared(lanes: Sequence[Lane], *, why: bool = True) -> Comparison:
    """What is to be said about finished lanes; without `why` there are no divergences, which take longest."""
    done = [(letter(index), lane.run) for index, lane in enumerate(lanes) if lane.run is not None]
    runs = tuple(run for _, run in done)
    return Comparison(
        lanes=tuple(lanes),
        runs=runs,
        divergences=tuple(_divergence(runs[0], run, (done[0][0], name)) for name, run in done[1:] if why),
        metrics=tuple(metrics(run, runs[0] if index else None) for index, run in enumerate(runs)),
        alignment=align(runs) if len(runs) > 1 else None,
    )


def of_runs(runs: Sequence[Run]) -> Comparison:
    """What is to be said about runs that there are already, with the model that can compute each attached to it.

    Raises:
        SettingsError: not 2 to 8 runs.
    """
    check_lanes(len(runs))
    plans = [LanePlan(run.receipt.to_prompt(), run.settings.replace(seed=run.receipt.seed)) for run in runs]
    lanes = zip(plans, differences(plans), runs, strict=True)
    return compared([Lane(made, differs, run) for made, differs, run in lanes])


def letter(index: int) -> str:
    """What the lane at `index` is called: A, B, …"""
    return chr(ord("A") + index)


def _divergence(a: Run, b: Run, names: tuple[str, str]) -> Divergence:
    """Where and why; where an engine that is not exact cannot replay the runs, where."""
    try:
        return divergence(a, b, names)
    except RunFileError as error:
        found = parting(a, b, names)
        return replace(
            found, ja=f"{found.ja}原因は計算できません: {japanese(error)}", en=f"{found.en} No cause: {error}"
        )


def differences(plans: Sequence[LanePlan]) -> list[dict[str, Any]]:
    """What is not the same in all lanes, with each lane's values."""
    first = plans[0]
    names = [n for n in KNOBS if any(getattr(p.settings, n) != getattr(first.settings, n) for p in plans)]
    found = [{name: getattr(one.settings, name) for name in names} for one in plans]
    if any(one.prompt.tokens != first.prompt.tokens for one in plans):
        found = [{"prompt": one.prompt.text, **values} for one, values in zip(plans, found, strict=True)]
    return found
