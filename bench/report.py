"""Tables: goal, what was measured, and absolute figures for orientation; the same as JSON."""

from __future__ import annotations

import json
import operator
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final, Literal

from rich.console import Console
from rich.table import Table as RichTable

from bench.measuring import Ratio
from bench.options import Options


@dataclass(frozen=True, slots=True)
class Goal:
    """What a measured median shall be."""

    sign: Literal[">=", "<=", ">", "<"]
    value: float

    def __str__(self) -> str:
        return f"{self.sign} {self.value:g}"

    def reached(self, measured: float) -> bool:
        """Whether a figure is as it shall be."""
        return _COMPARED[self.sign](measured, self.value)


_COMPARED: Final = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `goal` None: for orientation only; `figures` absolute, by what they are."""

    what: str
    goal: Goal | None
    measured: Ratio | None
    figures: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """What one measure found. `note` says what a reader must know to read it."""

    name: str
    title: str
    rows: Sequence[Row]
    note: str = ""


def show(tables: Sequence[Table]) -> None:
    """Print tables for people."""
    console = Console(width=None if Console().is_terminal else 150)
    for table in tables:
        drawn = RichTable(title=f"{table.name}: {table.title}", title_justify="left", caption=table.note or None)
        drawn.caption_justify = "left"
        for head in ("", "goal", "measured", "for orientation"):
            drawn.add_column(head, justify="left", overflow="fold")
        for row in table.rows:
            figures = ", ".join(f"{name} {_figure(value)}" for name, value in row.figures.items())
            drawn.add_row(row.what, str(row.goal or "–"), _ratio(row.measured), figures)
        console.print(drawn)


def summary(tables: Sequence[Table]) -> None:
    """Print in one table which goals were reached."""
    drawn = RichTable(title="goals", title_justify="left")
    for head in ("", "", "goal", "measured", ""):
        drawn.add_column(head, justify="left", overflow="fold")
    for table in tables:
        for row in table.rows:
            if row.goal is not None:
                reached = row.measured is not None and row.goal.reached(row.measured.median)
                word = "reached" if reached else "SHORT"
                drawn.add_row(table.name, row.what, str(row.goal), _ratio(row.measured), word)
    Console(width=None if Console().is_terminal else 150).print(drawn)


def _ratio(measured: Ratio | None) -> str:
    if measured is None:
        return "–"
    return f"{measured.median:.2f} ({measured.lowest:.2f} to {measured.highest:.2f})"


def _figure(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def as_json(tables: Sequence[Table], options: Options) -> dict[str, Any]:
    """The tables as plain values."""
    return {
        "machine": machine(options),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": asdict(options),
        "measures": json.loads(json.dumps([asdict(table) for table in tables])),
    }


def machine(options: Options) -> str:
    """One line about where this was measured."""
    return (
        f"{options.model}, {options.n_threads} threads, {options.turns.least} to {options.turns.most} rounds, "
        f"llama-cpp-python {version('llama-cpp-python')}, tsumami {version('tsumami')}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {_processor()}"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123  (no file but a list of facts)
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown processor"
