"""The command line: `tsumami` (the page), `run`, `chat`, `models`, `doctor`, `verify`. One file a command.

Guarantee: help and completion load neither an engine nor a page; stdout holds only what was asked for (the text or
JSON) and everything about it goes to stderr; whatever a user can get wrong is one line and exit code 2.

    front      the commands put together, errors, the language
    words      which language is spoken
    options    option groups that several commands share     knobs   one option a knob
    files      texts from outside                            output  stdout and stderr
    forms      the forms of results, a row for each          usage   what is wrong with a call
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tsumami.cli.exit_codes import INTERRUPTED


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code (0 fine, 1 different or pipe closed, 2 bad input, 130 Ctrl-C)."""
    try:
        from tsumami.cli.front import start

        start(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # before or after the work itself, which has its own way to stop
        sys.exit(INTERRUPTED)
