"""The commands in the pages: what a reader types, and what the page shows of the answer.

A comment before a block, which no reader sees, says how it is checked:

    <!-- check: exit code -->   it runs; what it prints depends on the machine
    <!-- check: options -->     it does not run here (it asks a network, needs a reader's own file, takes long, or does
                                not end by itself), but the command and its options are there

Without one it runs, and prints what the page shows, where a line of … stands for anything.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import typer.main

from tsumami.cli.front import build

ROOT = Path(__file__).parents[2]
PROGRAM = "tsumami"
_BLOCK = re.compile(
    r"(?:^<!-- check: (?P<check>[\w ]+) -->\n)?^```(?:console|sh)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_SPEED = re.compile(r"\d[\d.]*(?=tok/s)")
_OF_THIS_CALL = re.compile(r"·id\w+")  # an id of the history is another one each time


@dataclass(frozen=True)
class Command:
    """A call of tsumami as it stands in a page, without the program's name; `shown`: the lines below it."""

    words: tuple[str, ...]
    shown: str
    check: str


def language(page: Path) -> Literal["ja", "en"]:
    """The language that a page is written in."""
    return "ja" if page.name.endswith(".ja.md") else "en"


def commands(page: Path) -> list[Command]:
    """The calls of tsumami in a page, in order."""
    return [
        Command(words, shown, check)
        for block in _BLOCK.finditer(page.read_text("utf-8"))
        for line, shown in _calls(block["body"])
        for words, check in _of_tsumami(line, block["check"] or "output")
    ]


@functools.cache
def options(name: str) -> set[str]:
    """The options of a command."""
    front: Any = typer.main.get_command(build("en"))
    return {flag for one in front.commands[name].params for flag in (*one.opts, *one.secondary_opts)}


def says(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; how lines are broken and how fast it was does not matter."""
    parts = [_plain(part) for part in re.split(r"^…$", shown, flags=re.MULTILINE)]
    anything = ".*".join(map(re.escape, parts))
    return re.fullmatch(anything, _plain(printed), re.DOTALL) is not None


def _plain(text: str) -> str:
    return _OF_THIS_CALL.sub("", _SPEED.sub("", re.sub(r"[\s─]", "", text)))


def _calls(body: str) -> Iterator[tuple[str, str]]:
    """Each line that is typed, with what is shown below it; without a prompt in the block every line is typed."""
    body = body.replace("\\\n", " ")
    if "$ " not in body:
        yield from ((line, "") for line in body.splitlines())
        return
    for one in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        line, _, shown = one.partition("\n")
        yield line, shown


def _of_tsumami(line: str, check: str) -> Iterator[tuple[tuple[str, ...], str]]:
    words = shlex.split(line, comments=True)
    if words[:2] == ["docker", "run"]:  # the image has the program's name
        words, check = words[words.index(PROGRAM) :], "options"
    if words and Path(words[0]).name == PROGRAM:
        yield tuple(words[1:]), check
