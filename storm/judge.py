"""The judge: what became of one thing that was thrown at tsumami.

Guarantee: only words are a refusal. An exception that is not tsumami's own, an end by a signal, a traceback on the way
or a refusal that says nothing is a crash, however politely the rest behaves.
"""

from __future__ import annotations

import re
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from tsumami.errors import TsumamiError

Verdict = Literal["passed", "refused", "crashed", "leaked", "lost"]

#: Verdicts that a campaign may have as many of as it likes.
GOOD: Final = ("passed", "refused")
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
#: What a log looks like when something broke.
TROUBLE: Final = re.compile(
    r"^Traceback \(most recent call last\)|^ERROR:|Fatal Python error|GGML_ASSERT|terminate called", re.MULTILINE
)


class LostError(AssertionError):
    """A door found that what was reported as done is not there, or is not what was promised."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and why in a line or a traceback."""

    verdict: Verdict
    why: str = ""


def of_call(door: Callable[[Any], None], given: Any) -> Judgement:
    """Go through a door of the library with an input."""
    try:
        door(given)
    except TsumamiError as error:
        return Judgement("refused", str(error)) if str(error).strip() else Judgement("crashed", f"no words: {error!r}")
    except LostError as error:
        return Judgement("lost", str(error))
    except KeyboardInterrupt:
        raise
    except BaseException:  # whatever else escapes is what is looked for
        return Judgement("crashed", traceback.format_exc(limit=-12))
    return Judgement("passed")


def of_exit(code: int, said: str) -> Judgement:
    """The end of a command of ours, by its exit code and what it wrote to stderr."""
    if code < 0:
        return Judgement("crashed", f"ended by {_signal(-code)}: {said[-2000:]}")
    if TROUBLE.search(said):
        return Judgement("crashed", said[-4000:])
    if code == BAD_INPUT:
        return Judgement("refused", said[-500:]) if said.strip() else Judgement("crashed", "exit code 2 without a word")
    if code not in (0, 1, INTERRUPTED):
        return Judgement("crashed", f"exit code {code}: {said[-2000:]}")
    return Judgement("passed")


def of_answer(status: int, words: str, error: bool) -> Judgement:
    """An answer over HTTP: its status, its body, and whether it says that something went wrong."""
    if status >= 500:
        return Judgement("crashed", f"status {status}: {words[:2000]}")
    if status >= 400 or error:
        empty = not words.strip() or words.strip() in ("null", "{}", '{"error": null}')
        return Judgement("crashed", f"status {status} without a word") if empty else Judgement("refused", words[:500])
    return Judgement("passed")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
