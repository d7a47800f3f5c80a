"""Where the time of one generated token goes, function by function.

Each function below is wrapped in a clock that stops while a wrapped function inside it runs, so that the parts add up.
The wrappers cost about half a microsecond each. Names are private and may move; one that is gone is left out and told.
"""

from __future__ import annotations

import functools
import importlib
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
    ("tsumami.engine.batcher", "_Job.result", "handing the rows over"),
    ("tsumami.engine.batcher", "Engine._plan", "planning the batch"),
    ("tsumami.engine.batcher", "Engine._job", "jobs from feeds"),
    ("tsumami.engine.batcher", "Engine._turn", "the rest of a turn"),
    ("tsumami.engine.batcher", "Engine._gather", "gathering"),
    ("tsumami.engine.cache", "Cache.append", "cache: noting tokens"),
    ("tsumami.engine.cache", "Cache.place", "cache: finding the place"),
    ("tsumami.sampling.candidates", "Candidates._fill", "candidates from a row"),
    ("tsumami.sampling.chain", "Chain.process", "chain: the check for a dead end"),
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


def account(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Microseconds per token, without and with the clocks, and by part with them."""
    work()  # the prompt is in the cache from here on
    plain = work()
    clock, undo, gone = _Clock(), [], []
    for module, path, name in _PARTS:
        try:
            undo.append(_install(clock, module, path, name))
        except (AttributeError, KeyError):
            gone.append(path)
    try:
        clock.seconds.clear()
        clocked = work()
    finally:
        for restore in reversed(undo):
            restore()
    steps = len(clocked["tokens"])
    parts = {name: 1e6 * seconds / steps for name, seconds in clock.seconds.items()}
    return {
        "parts": dict(sorted(parts.items(), key=lambda item: -item[1])),
        "plain": 1e6 * plain["seconds"] / (len(plain["tokens"]) - 1),
        "clocked": 1e6 * clocked["seconds"] / (steps - 1),
        "gone": gone,
    }


def _install(clock: _Clock, module: str, path: str, name: str) -> Callable[[], None]:
    """Put a clock around a function; returns how to take it off again."""
    *owners, last = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    original = vars(owner)[last]
    if isinstance(original, classmethod):
        setattr(owner, last, classmethod(clock.wrap(original.__func__, name)))
    else:
        setattr(owner, last, clock.wrap(original, name))
    return functools.partial(setattr, owner, last, original)
