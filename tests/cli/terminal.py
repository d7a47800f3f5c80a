"""A terminal to look at: what a program shows on it while it works."""

from __future__ import annotations

import os
import re


def read_until(terminal: int, pattern: bytes) -> bytes:
    """What a terminal shows, up to something that matches `pattern` at least."""
    said = b""
    while not re.search(pattern, said):
        said += os.read(terminal, 4096)
    return said
