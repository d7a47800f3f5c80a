"""Processes that end when whoever began them does, however that ends."""

from __future__ import annotations

import ctypes
import resource
import signal
import sys
from typing import Final

#: The program, by the interpreter that runs this.
TSUMAMI: Final = (sys.executable, "-c", "from tsumami.cli import main; main()")
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_MOST_MEMORY: Final = 8 << 30  # bytes of addresses, those of a mapped model included
_LIBC: Final = ctypes.CDLL(None)


def is_kept_small() -> None:
    """As `ends_with_its_parent`; and an input that wants all of the machine's memory meets a limit, not the machine."""
    ends_with_its_parent()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


def ends_with_its_parent() -> None:
    """Called in a new process, before its program begins: SIGKILL when the thread that made it is gone."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
