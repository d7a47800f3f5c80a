"""What is dear to make for a vocabulary: made once, and copied for whoever needs it.

Guarantee: at most `room` things of a vocabulary are kept, those that were asked for last, and none outlives it. Who
waits for something to be made waits for that alone: others get theirs meanwhile, and their tokens first.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

from tsumami.native import Vocab

__all__ = ["PerVocabulary"]

_MOST_KEPT: Final = 32

_Made = TypeVar("_Made")


class PerVocabulary(Generic[_Made]):
    """Keeps one original for each vocabulary and key, and gives copies of it.

    copy: how a copy is made; one at a time.
    """

    def __init__(self, copy: Callable[[_Made], _Made], *, room: int = _MOST_KEPT) -> None:
        self._copy, self._room = copy, room
        self._kept: weakref.WeakKeyDictionary[Vocab, OrderedDict[Hashable, Future[_Made]]]
        self._kept = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, vocab: Vocab, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """A copy of what stands under `key`; `make` makes the original, whose error is raised for all who wait."""
        original, is_new = self._place(vocab, key)
        if is_new:
            try:
                original.set_result(_aside(make))
            except BaseException as error:
                with self._lock:
                    self._kept[vocab].pop(key, None)
                original.set_exception(error)
                raise
        made = original.result()
        with self._lock:
            return self._copy(made)

    def _place(self, vocab: Vocab, key: Hashable) -> tuple[Future[_Made], bool]:
        with self._lock:
            kept = self._kept.setdefault(vocab, OrderedDict())
            found = kept.get(key)
            original = kept.setdefault(key, found or Future())
            kept.move_to_end(key)
            if len(kept) > self._room:
                kept.popitem(last=False)
            return original, found is None


def _aside(make: Callable[[], _Made]) -> _Made:
    """Make it in a thread that lets text generation go first: on Linux a thread has a priority of its own."""
    made: Future[_Made] = Future()

    def work() -> None:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        try:
            made.set_result(make())
        except BaseException as error:  # noqa: BLE001  (raised where it is waited for)
            made.set_exception(error)

    threading.Thread(target=work, name="making", daemon=True).start()
    return made.result()
