"""A place to generate in, for as long as a block lasts.

Guarantee: whoever leaves the block, also while it waits for its turn, has given the place back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tsumami.web.limits import Limits
from tsumami.web.turns import Asker, Turns
from tsumami.wording import InBoth, counted

__all__ = ["place", "too_many_waiting"]


@contextlib.asynccontextmanager
async def place(turns: Turns, asker: Asker) -> AsyncIterator[None]:
    """A place; waits for its turn."""
    key, begun = object(), asyncio.Event()
    turns.ask(key, asker, begun.set)
    try:
        await begun.wait()
        yield
    finally:
        turns.leave(key)


def too_many_waiting(turns: Turns, limits: Limits, caller: str) -> InBoth | None:
    """Why a caller gets no place to wait in; None if there is one."""
    if turns.waiting_of(caller) < limits.waiting:
        return None
    waiting = counted(limits.waiting, "call of yours waits for its turn", "calls of yours wait for their turn")
    return InBoth(
        f"{waiting}, and no more may wait; try again when some are done",
        f"順番を待っている呼び出しが {limits.waiting} 個あり、これ以上は待てません。"
        "いくつか終わってからやり直してください",
    )
