"""A generator that blocks, pulled by an event loop.

Guarantee: each step is made in a thread, which is free again between two steps; when nobody wants more, also in the
middle of a step, the generator is closed as soon as that step is over, and nobody waits for it.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import AsyncGenerator, Generator
from typing import Any, Final, TypeVar

import anyio

_T = TypeVar("_T")
_RETRY_SECONDS: Final = 0.05


class _Over:
    """Comes in place of a step when there is none any more."""


_OVER: Final = _Over()


async def pulled(steps: Generator[_T, Any, Any], threads: anyio.CapacityLimiter) -> AsyncGenerator[_T, None]:
    """The steps of a generator; threads: how many may be pulled at once."""
    try:
        while True:
            step = await anyio.to_thread.run_sync(next, steps, _OVER, abandon_on_cancel=True, limiter=threads)
            if isinstance(step, _Over):
                return
            yield step
    finally:
        if inspect.getgeneratorstate(steps) != inspect.GEN_CLOSED:
            threading.Thread(target=_close, args=(steps,), name="closing", daemon=True).start()


def _close(steps: Generator[Any, Any, Any]) -> None:
    while inspect.getgeneratorstate(steps) == inspect.GEN_RUNNING:
        time.sleep(_RETRY_SECONDS)
    steps.close()
