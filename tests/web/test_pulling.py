"""A generator is pulled step by step, and closed when nobody wants more."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Generator

import anyio
import pytest

from tsumami.web.pulling import pulled


class Counting:
    """Counts up to `most`; a step may be held up."""

    def __init__(self, most: int = 3) -> None:
        self.go = threading.Event()
        self.go.set()
        self.stepping = threading.Event()
        self.closed = threading.Event()
        self._most = most

    def steps(self) -> Generator[int, None, None]:
        try:
            for number in range(self._most):
                self.stepping.set()
                assert self.go.wait(10)
                yield number
        finally:
            self.closed.set()


def threads() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(math.inf)


def test_every_step_comes_in_its_order() -> None:
    counting = Counting()

    async def pull() -> list[int]:
        return [step async for step in pulled(counting.steps(), threads())]

    assert asyncio.run(pull()) == [0, 1, 2]
    assert counting.closed.is_set()


def test_who_goes_in_the_middle_of_a_step_does_not_wait_and_the_generator_is_closed_after_it() -> None:
    counting = Counting()
    counting.go.clear()

    async def leave() -> None:
        first = asyncio.ensure_future(anext(pulled(counting.steps(), threads())))
        await asyncio.to_thread(counting.stepping.wait, 10)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not counting.closed.is_set()

    asyncio.run(leave())
    counting.go.set()
    assert counting.closed.wait(10)


def test_who_wants_no_more_steps_closes_it() -> None:
    counting = Counting()

    async def stop() -> None:
        steps = pulled(counting.steps(), threads())
        assert await anext(steps) == 0
        await steps.aclose()

    asyncio.run(stop())
    assert counting.closed.wait(10)


def test_what_a_step_raises_is_raised() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        raise LookupError("two")

    async def pull() -> list[int]:
        return [step async for step in pulled(failing(), threads())]

    with pytest.raises(LookupError, match="two"):
        asyncio.run(pull())
