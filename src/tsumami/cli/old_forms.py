"""Options as they were written before, read as what they are now.

Guarantee: `--csv FILE`, `--csv -` and `--out FILE` do what they did; stderr says how the same is written now. A word
after `--csv` is a file only if it ends as such a file does, so a prompt stays a prompt.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePath
from typing import Final

from tsumami.cli.forms import FORMS
from tsumami.cli.output import note
from tsumami.cli.words import say

__all__ = ["renewed"]

_STDOUT: Final = "-"


def renewed(arguments: Sequence[str], options: Collection[str]) -> list[str]:
    """The arguments of a command that has these options, in today's form."""
    if "--output" not in options:
        return list(arguments)
    flags = {flag: form for form in FORMS.values() if (flag := form.flag) in options}
    made: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*made, word, *waiting]
        name, equals, value = word.partition("=")
        if name == "--out":
            _say("--out FILE", "-o FILE")
            made.append(f"--output{equals}{value}")
            continue
        form = flags.get(name)
        if form is not None and not equals and waiting and _is_file(waiting[0], form.endings):
            equals, value = "=", waiting.pop(0)
        if form is None or not equals:
            made.append(word)
        elif value == _STDOUT:
            _say(f"{name} -", name)
            made.append(name)
        else:
            _say(f"{name} FILE", f"-o FILE{form.endings[0]}")
            made += ["--output", value]
    return made


def _is_file(word: str, endings: Collection[str]) -> bool:
    return word == _STDOUT or PurePath(word).suffix.lower() in endings


def _say(before: str, now: str) -> None:
    note(say(f"{before} は、いまは {now} と書きます。", f"{before} is now written {now}."))
