"""What of the time of one generated token is ours: in all, and function by function.

In all: the time between two calls of `llama_decode`, with real decodes, because they push our code and data out of the
processor's caches; the same work with a decode that does nothing takes less than half.

By part: each function below is wrapped in a clock that stops while a wrapped function inside it runs, so that the parts
add up. The wrappers cost about half a microsecond each. Names are private and may move; one that is gone is left out
and told.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

#: Module, function in it, and what to call it in the table.
_PARTS: Final = (
    ("tsumami.native", "_c.llama_decode", "llama_decode"),
    ("tsumami.native", "NativeContext.decode", "filling the batch"),
    ("tsumami.native", "NativeContext.logits", "copy of the logits"),
    ("tsumami.native", "NativeContext.copy", "keepers"),
    ("tsumami.engine.planning", "Job.result", "handing the rows over"),
    ("tsumami.engine.planning", "BatchPlan.take", "planning the batch"),
    ("tsumami.engine.batcher", "Engine._job", "jobs from feeds"),
    ("tsumami.engine.batcher", "Engine._turn", "the rest of a turn"),
    ("tsumami.engine.batcher", "Engine._gather", "gathering"),
    ("tsumami.engine.cache", "Cache.append", "cache: noting tokens"),
    ("tsumami.engine.cache", "Cache.place", "cache: finding the place"),
    ("tsumami.engine.threads", "ThreadGovernor.observe", "choosing the threads"),
    ("tsumami.sampling.head", "Head.look", "head: where it lies"),
    ("tsumami.sampling.head", "Head.cut", "head of the row"),
    ("tsumami.sampling.ranks", "RankedStages.take", "ranks of the row"),
    ("tsumami.sampling.choosers", "MirostatChooser.pick", "mirostat"),
    ("tsumami.sampling.candidates", "Candidates._fill", "candidates from a row"),
    ("tsumami.sampling.chain", "Chain._left", "chain: the check for a dead end"),
    ("tsumami.sampling.chain", "Chain.apply", "chain: loop"),
    ("tsumami.sampling.chain", "Chain.accept", "chain: accept"),
    ("tsumami.sampling.stages", "NativeStage.apply", "stage {0.name}"),
    ("tsumami.sampling.stages", "TailFreeStage.apply", "stage {0.name}"),
    ("tsumami.sampling.draw", "Draw.pick", "draw"),
    ("tsumami.runs.generate", "measure_raw", "measuring the raw row"),
    ("tsumami.runs.generate", "final_probabilities", "final probabilities"),
    ("tsumami.runs.generate", "_step", "making the Step"),
    ("tsumami.runs.generate", "Generation._take", "text, stop strings, hand-over"),
)


class _Clock:
    """Exclusive seconds by name, in one thread (the engine's)."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside: list[float] = []

    def wrap(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            self._inside.append(0.0)
            begin = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                took = time.perf_counter() - begin
                self.seconds[name.format(*arguments) if "{" in name else name] += took - self._inside.pop()
                if self._inside:
                    self._inside[-1] += took

        return timed


def between(work: Callable[[], object], rounds: int) -> float:
    """Microseconds from the end of one `llama_decode` to the beginning of the next, over the same work again and again.

    Of each gap the shortest of all rounds counts, because whatever else happens on a machine only makes it longer; of
    the gaps the median. The first ones are left out: there the prompts come in.
    """
    rounds_of_gaps: list[list[float]] = []
    work()  # the prompt is in the cache from here on
    for _ in range(rounds):
        spans: list[tuple[float, float]] = []
        restore = _replace("tsumami.native", "_c.llama_decode", functools.partial(_spanned, spans))
        try:
            work()
        finally:
            restore()
        rounds_of_gaps.append([after[0] - before[1] for before, after in itertools.pairwise(spans)][2:])
    # rounds with a turn more or less differ in how the prompts came in, at the beginning
    gaps = [min(same) for same in zip(*(reversed(gaps) for gaps in rounds_of_gaps), strict=False)]
    return 1e6 * statistics.median(gaps)


def _spanned(spans: list[tuple[float, float]], function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        begin = time.perf_counter()
        result = function(*arguments)
        spans.append((begin, time.perf_counter()))
        return result

    return timed


def account(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Microseconds per token by part, and the names that are gone."""
    work()  # the prompt is in the cache from here on
    clock, undo, gone = _Clock(), [], []
    for module, path, name in _PARTS:
        try:
            undo.append(_replace(module, path, functools.partial(clock.wrap, name=name)))
        except (AttributeError, KeyError):
            gone.append(path)
    try:
        clock.seconds.clear()
        steps = len(work()["tokens"])
    finally:
        for restore in reversed(undo):
            restore()
    parts = {name: 1e6 * seconds / steps for name, seconds in clock.seconds.items()}
    return {"parts": dict(sorted(parts.items(), key=lambda item: -item[1])), "gone": gone}


def _replace(module: str, path: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[[], None]:
    """Put a wrapper around a function; returns how to take it off again."""
    *owners, last = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    original = vars(owner)[last]
    if isinstance(original, classmethod):
        setattr(owner, last, classmethod(wrap(original.__func__)))
    else:
        setattr(owner, last, wrap(original))
    return functools.partial(setattr, owner, last, original)
