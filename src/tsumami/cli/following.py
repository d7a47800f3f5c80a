"""Following what is being made: its news as they come, and Ctrl-C, which ends it early and loses nothing.

Guarantee: the first Ctrl-C cancels the work, in whatever line it finds the program, and what there is can be read; the
second one breaks off.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

News = TypeVar("News", covariant=True)


class Followed(Protocol[News]):
    """What can be followed: a stream, lanes, a map, a grid."""

    def __iter__(self) -> Iterator[News]:
        """The news as they come."""

    def cancel(self) -> None:
        """Stop soon; what there is stays."""


def follow(work: Followed[News], each: Callable[[News], Any] | None = None) -> bool:
    """Take the news to the end, handing each on; whether Ctrl-C ended the work."""
    with ctrl_c(work.cancel) as pressed:
        for news in work:
            if each is not None:
                each(news)
    return pressed.is_set()


@contextmanager
def ctrl_c(stop: Callable[[], None]) -> Iterator[threading.Event]:
    """Let Ctrl-C call `stop` instead of breaking off whatever line is being run, so that nothing is lost or written
    twice; a second Ctrl-C breaks off.
    """
    pressed = threading.Event()

    def press(_signal: int, _frame: object) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()
        stop()

    if threading.current_thread() is not threading.main_thread():  # signals come to the main thread alone
        yield pressed
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
