"""What an attack came to: the numbers of the table, and the files of what broke."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from storm.judge import GOOD, Judgement, Verdict

_SHOWN = 400  # characters of a reason in the list below the table


@dataclass(slots=True)
class Tally:
    """Counts of one attack while it runs. `facts` are figures for orientation, `found` says what broke, one line each.

    folder: where inputs that broke something are written.
    """

    folder: Path
    tried: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    facts: dict[str, float | str] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def count(self, judgement: Judgement, given: Any = None, name: str | None = None, **where: Any) -> None:
        """Count one thing that was tried. If it broke something, what was `given` is kept in a file of this `name`."""
        self.tried += 1
        if judgement.verdict in GOOD:
            self.counts[judgement.verdict] += 1
        self.note(judgement, given, name, **where)

    def note(self, judgement: Judgement, given: Any = None, name: str | None = None, **where: Any) -> None:
        """As `count`, for what was looked at besides: nothing was tried, but something may be broken."""
        if judgement.verdict in GOOD:
            return
        self.counts[judgement.verdict] += 1
        number = self.counts["crashed"] + self.counts["leaked"] + self.counts["lost"]
        path = self.folder / f"{name or 'found'}-{number}.txt"
        save_case(path, {"verdict": judgement.verdict, "why": judgement.why, **where, "input": given})
        last = judgement.why.strip().splitlines()[-1:] or [""]
        self.found.append(f"{judgement.verdict}: {last[0][:_SHOWN]} ({path.name})")

    def __getitem__(self, verdict: Verdict) -> int:
        return self.counts[verdict]

    @property
    def broke(self) -> int:
        """How much broke, of every kind."""
        return self["crashed"] + self["leaked"] + self["lost"]

    def to_json(self) -> str:
        """For another process, and for a campaign that is taken up again."""
        values = {part.name: getattr(self, part.name) for part in fields(self)}
        return json.dumps(values | {"folder": str(self.folder)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        values = json.loads(text)
        counts = Counter(values.pop("counts"))
        return cls(**values | {"folder": Path(values["folder"]), "counts": counts})


def save_case(path: Path, case: dict[str, Any]) -> None:
    """Write what broke something as a Python literal, which holds bytes and lone surrogates as they are."""
    lines = [f"{name!r}: {value!r},\n" for name, value in case.items()]
    path.write_text("{\n" + "".join(lines) + "}\n", "utf-8", "backslashreplace")


def load_case(path: Path) -> dict[str, Any]:
    """Read what `save_case` wrote: our own file, with names for the floats that have no literal."""
    names = {"__builtins__": {}, "nan": float("nan"), "inf": float("inf")}
    case: dict[str, Any] = eval(path.read_text("utf-8"), names)
    return case
