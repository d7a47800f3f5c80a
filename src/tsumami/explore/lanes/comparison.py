"""Comparison: two to eight runs side by side, from one prompt and one roll.

Guarantee: the lanes are generated together, in the same batches, and each is the run that it would have been alone. A
lane that fails says why and takes no other with it. Where no seed is given, one random seed is taken for all lanes, so
that they stay comparable roll by roll.
"""

from __future__ import annotations

import functools
import math
import queue
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from tsumami.engine import Ticket
from tsumami.errors import RunFileError, TsumamiError
from tsumami.explain.measures import Metrics, metrics
from tsumami.explain.reasons import Divergence, divergence, parting
from tsumami.explore.design import check_given, settings_of
from tsumami.explore.lanes.alignment import Alignment, align, check_lanes
from tsumami.knobs import KNOBS
from tsumami.runs import Prompt, Run, Step
from tsumami.runs.backend import Backend
from tsumami.runs.generate import Generation
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


def plan(
    prompts: Sequence[Prompt],
    base: Settings,
    *,
    vary: Mapping[str, Sequence[Any]] | None = None,
    settings: Sequence[Settings | Mapping[str, Any]] | None = None,
    seeds: Sequence[int] | None = None,
) -> tuple[LanePlan, ...]:
    """The lanes: every prompt with every settings and every seed.

    Args:
        prompts: one or several.
        base: what holds where nothing else is said.
        vary: values by knob; several knobs give every combination.
        settings: whole settings, or the knobs that differ from `base`; instead of `vary`.
        seeds: seeds to take, instead of one for all.

    Raises:
        SettingsError: not 2 to 8 lanes, both `vary` and `settings`, an empty list, or a value that a knob cannot have.
    """
    check_given(vary, settings, seeds=seeds)
    sizes = [len(values) for values in (prompts, settings, seeds, *(vary or {}).values()) if values is not None]
    check_lanes(math.prod(sizes))
    base = base.replace(seed=effective_seed(base))
    made = settings_of(base, vary, settings)
    if seeds is not None:
        made = [one.replace(seed=seed) for one in made for seed in seeds]
    return tuple(LanePlan(prompt, one) for prompt in prompts for one in made)


class Comparing:
    """Lanes as they grow: iterate for (lane, step), then read `comparison`; leaving a `with` block cancels the rest."""

    def __init__(self, backend: Backend, plans: Sequence[LanePlan]) -> None:
        check_lanes(len(plans))
        self._plans = tuple(plans)
        self._differs = _differences(self._plans)
        self._queue: queue.SimpleQueue[tuple[int, Step | None]] = queue.SimpleQueue()
        self._tickets = [self._begin(backend, lane, made) for lane, made in enumerate(self._plans)]
        self._open = len(self._tickets)

    def _begin(self, backend: Backend, lane: int, made: LanePlan) -> Ticket[Run] | TsumamiError:
        try:
            emit = functools.partial(self._put, lane)
            generation = Generation(backend, made.prompt, made.settings, ledgers=False, emit=emit)
            ticket = backend.engine.submit(generation.program())
        except TsumamiError as error:
            self._queue.put((lane, None))
            return error
        ticket.future.add_done_callback(functools.partial(self._end, lane))
        return ticket

    def _put(self, lane: int, step: Step) -> None:
        self._queue.put((lane, step))

    def _end(self, lane: int, _done: Future[Run]) -> None:
        self._queue.put((lane, None))

    def __iter__(self) -> Iterator[tuple[int, Step]]:
        """The steps of all lanes as they come, each with the number of its lane; each comes once."""
        try:
            while self._open:
                lane, step = self._queue.get()
                if step is None:
                    self._open -= 1
                else:
                    yield lane, step
        except BaseException:  # broken off, by whoever iterates or by Ctrl-C
            self.cancel()
            raise

    def cancel(self) -> None:
        """Stop all lanes as soon as the present batch is done; they keep what they have."""
        for ticket in self._tickets:
            if isinstance(ticket, Ticket):
                ticket.cancel()

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes when all of them are done; waits for them."""
        return tuple(map(self._lane, range(len(self._plans))))

    def _lane(self, index: int) -> Lane:
        made, differs, ticket = self._plans[index], self._differs[index], self._tickets[index]
        if isinstance(ticket, TsumamiError):
            return Lane(made, differs, None, ticket)
        try:
            return Lane(made, differs, ticket.result())
        except KeyboardInterrupt:
            self.cancel()
            raise
        except TsumamiError as error:
            return Lane(made, differs, None, error)

    @property
    def comparison(self) -> Comparison:
        """The lanes when all of them are done, and what is to be said about them."""
        return compared(self.lanes)

    def __enter__(self) -> Comparing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()


def compared(lanes: Sequence[Lane]) -> Comparison:
    """What is to be said about finished lanes."""
    done = [(letter(index), lane.run) for index, lane in enumerate(lanes) if lane.run is not None]
    runs = tuple(run for _, run in done)
    return Comparison(
        lanes=tuple(lanes),
        runs=runs,
        divergences=tuple(_divergence(runs[0], run, (done[0][0], name)) for name, run in done[1:]),
        metrics=tuple(metrics(run, runs[0] if index else None) for index, run in enumerate(runs)),
        alignment=align(runs) if len(runs) > 1 else None,
    )


def letter(index: int) -> str:
    """What the lane at `index` is called: A, B, …"""
    return chr(ord("A") + index)


def _divergence(a: Run, b: Run, names: tuple[str, str]) -> Divergence:
    """Where and why; where an engine that is not exact cannot replay the runs, where."""
    try:
        return divergence(a, b, names)
    except RunFileError as error:
        found = parting(a, b, names)
        return replace(found, ja=f"{found.ja}原因は計算できません: {error}", en=f"{found.en} No cause: {error}")


def _differences(plans: Sequence[LanePlan]) -> list[dict[str, Any]]:
    """What is not the same in all lanes, with each lane's values."""
    first = plans[0]
    names = [n for n in KNOBS if any(getattr(p.settings, n) != getattr(first.settings, n) for p in plans)]
    found = [{name: getattr(one.settings, name) for name in names} for one in plans]
    if any(one.prompt.tokens != first.prompt.tokens for one in plans):
        found = [{"prompt": one.prompt.text, **values} for one, values in zip(plans, found, strict=True)]
    return found
