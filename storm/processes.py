"""Processes that end when whoever began them does, however that ends."""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import Final

#: The program, by the interpreter that runs this.
TSUMAMI: Final = (sys.executable, "-c", "from tsumami.cli import main; main()")
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_LIBC: Final = ctypes.CDLL(None)


def ends_with_its_parent() -> None:
    """Called in a new process, before its program begins: SIGKILL when the thread that made it is gone."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
