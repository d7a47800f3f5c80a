"""The table: for people, and as it stands in docs/reliability.md."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self

from rich.console import Console
from rich.table import Table

from storm.tally import Tally

_HEADS: Final = ("tried", "refused", "crashed", "leaked", "lost")
_BEGIN: Final = "<!-- storm: what stands here is written by `python -m storm --write` -->"
_END: Final = "<!-- storm: end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """What one attack came to."""

    name: str
    title: str
    door: str
    tally: Tally
    seconds: float

    @property
    def numbers(self) -> list[int]:
        """The five numbers."""
        return [self.tally.tried, *(self.tally.counts[head] for head in _HEADS[1:])]

    @property
    def facts(self) -> str:
        """What else was measured."""
        return ", ".join(f"{name} {value}" for name, value in {**self.tally.facts, "took s": self.seconds}.items())

    def to_json(self) -> str:
        """For a campaign that is gone on with."""
        values = {"name": self.name, "title": self.title, "door": self.door, "seconds": self.seconds}
        return json.dumps(values | {"tally": self.tally.to_json()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` gave."""
        values = json.loads(text)
        return cls(**values | {"tally": Tally.from_json(values["tally"])})


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    console = Console(width=None if Console().is_terminal else 160)
    table = Table(title="storm", title_justify="left")
    table.add_column("")
    for head in _HEADS:
        table.add_column(head, justify="right")
    table.add_column("what, and by which door", overflow="fold")
    table.add_column("for orientation", overflow="fold")
    for row in rows:
        table.add_row(row.name, *map(str, row.numbers), f"{row.title} ({row.door})", row.facts)
    console.print(table)


def show_found(row: Row) -> None:
    """Print what an attack broke."""
    for line in row.tally.found:
        print(f"  {line}")
    if row.tally.found:
        print(f"  in {row.tally.folder}; try one again: python -m storm --again FILE", flush=True)


def write_into(page: Path, rows: Sequence[Row], command: str) -> None:
    """Put the table between the marks of a page, with its date and command."""
    text = page.read_text("utf-8")
    made = f"{_BEGIN}\n\n{markdown(rows, command)}\n{_END}"
    replaced, times = re.subn(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", lambda _: made, text, flags=re.DOTALL)
    if times != 1:
        raise SystemExit(f"{page} has no place for the table: the lines\n{_BEGIN}\n{_END}")
    page.write_text(replaced, "utf-8")


def markdown(rows: Sequence[Row], command: str) -> str:
    """The table as a page shows it."""
    day = datetime.now(UTC).date().isoformat()
    lines = [
        f"`{command.strip()}`, {day}, {machine()}:",
        "",
        f"| attack | {' | '.join(_HEADS)} | what, and by which door | for orientation |",
        f"|---|{'--:|' * len(_HEADS)}---|---|",
        *(
            f"| `{row.name}` | {' | '.join(f'{n:,}' for n in row.numbers)} | {row.title} ({row.door}) | {row.facts} |"
            for row in rows
        ),
    ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Where it ran, in a few words."""
    return (
        f"tsumami {version('tsumami')}, llama-cpp-python {version('llama-cpp-python')}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
