"""Lanes as a person writes them: one a line, the knobs that differ, such as `temperature=3, top_k=40`.

Guarantee: what is written means the same as on the command line and in Settings; a line that means nothing is named.
No Gradio here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tsumami.errors import SettingsError
from tsumami.knobs import get

_PROMPT: Final = "prompt="
_PAIR: Final = re.compile(
    r"""\s*(?P<knob>[\w.]+)\s*[=:]\s*(?P<value>"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\{.*\}|[^,]+?)\s*(?:,|$)"""
)


@dataclass(frozen=True, slots=True)
class Written:
    """One lane: the knobs that differ from the others', or the prompt that it has instead of the common one."""

    knobs: dict[str, Any]
    prompt: str | None = None

    @property
    def name(self) -> str:
        """What the lane is called."""
        if self.prompt is not None:
            return self.prompt
        return ", ".join(f"{knob}={json.dumps(value, ensure_ascii=False)}" for knob, value in self.knobs.items()) or "–"


def read(text: str) -> list[Written]:
    """The lanes of a text, empty lines left out. `prompt=…` takes the rest of its line.

    Raises:
        SettingsError: a line is not of that form, or names a knob that does not exist.
    """
    return [_line(line.strip()) for line in text.splitlines() if line.strip()]


def _line(line: str) -> Written:
    if line.startswith(_PROMPT):
        return Written({}, line.removeprefix(_PROMPT).strip())
    knobs: dict[str, Any] = {}
    at = 0
    while at < len(line):
        pair = _PAIR.match(line, at)
        if pair is None:
            raise SettingsError(f"the lane {line!r} is not of the form knob=value, knob=value or prompt=text")
        knobs[get(pair["knob"]).name] = _value(pair["value"])
        at = pair.end()
    return Written(knobs)


def _value(text: str) -> Any:
    """A JSON value, or a word as it stands."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def written(knob: str, values: str) -> str:
    """Lanes of one knob over several values, such as `40, 100`, as text."""
    return "\n".join(f"{knob}={value.strip()}" for value in values.split(",") if value.strip())


def names(lanes: Sequence[Written]) -> list[str]:
    """Names that differ: equal ones get a number."""
    made: list[str] = []
    for lane in lanes:
        times = sum(name == lane.name or name.startswith(f"{lane.name} (") for name in made)
        made.append(f"{lane.name} ({times + 1})" if times else lane.name)
    return made
