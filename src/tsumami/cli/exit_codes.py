"""The exit codes that say how a command ended; 0 is fine, and 1 is a difference that `verify` found."""

from __future__ import annotations

from typing import Final

BAD_INPUT: Final = 2
#: What a shell says of a program that Ctrl-C ended: 128 and the number of SIGINT.
INTERRUPTED: Final = 130
