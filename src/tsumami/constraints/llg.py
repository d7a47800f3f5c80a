"""llguidance, asked from a distance: what it reads, what it refuses, and how much stack it may take.

Guarantee: llguidance goes down into nested rules by recursion, up to 8 kB a level, and where the stack ends it ends the
process. So it builds in a thread with a stack of our own size, whatever the platform gives to others; what is nested
deeper than fits there is refused before it gets here. It lets go of the interpreter meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from tsumami.errors import GrammarError
from tsumami.wording import counted

__all__ = ["HEADER", "MOST_CHARACTERS", "complaint", "deep"]

#: All readings of a text are allowed, also those that its tokenizer would not choose. llguidance would otherwise spell
#: out ahead what is forced, for as long as it is.
HEADER: Final = '%llguidance {"no_forcing": true}\n'
MOST_CHARACTERS: Final = 200_000  # of a constraint's text
_STACK: Final = 128 << 20  # bytes; only what is used is taken
_stack_lock = threading.Lock()

_T = TypeVar("_T")


def deep(work: Callable[[], _T]) -> _T:
    """Do the work in a thread with much stack, and wait for it."""
    done: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
            failed.append(error)

    with _stack_lock:  # the size is one for all threads that begin meanwhile
        before = threading.stack_size(_STACK)
        try:
            thread = threading.Thread(target=run, name="constraint", daemon=True)
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def complaint(lark: str) -> str:
    """What llguidance has against a grammar in its own syntax; empty if nothing."""
    from llguidance import LLMatcher

    return str(deep(lambda: LLMatcher.validate_grammar(lark)))


def refuse_long(what: str, text: str) -> None:
    """A bound for the time that reading takes."""
    if len(text) > MOST_CHARACTERS:
        raise GrammarError(
            f"the {what} has {counted(len(text), 'character')}; at most {MOST_CHARACTERS:,} can be used"
        ).in_japanese(f"{what} が {len(text):,} 文字あります。使えるのは {MOST_CHARACTERS:,} 文字までです")
