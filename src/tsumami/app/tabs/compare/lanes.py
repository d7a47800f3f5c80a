"""Lanes as a person writes them: one a line, the knobs that differ, such as `temperature=3, top_k=40`.

Guarantee: what is written means the same as on the command line and in Settings; a line that means nothing is named.
No Gradio here.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS, get
from tsumami.knobs.typed import as_item, from_item

_PROMPT: Final = "prompt="
_KNOB: Final = re.compile(r"\s*(?P<knob>[\w.]+)\s*[=:]\s*")
_WORD: Final = re.compile(r"[^,]+?(?=\s*(?:,|$))")
_NEXT: Final = re.compile(r"\s*(?:,|$)")
_JSON: Final = json.JSONDecoder()


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
        return ", ".join(f"{knob}={as_item(KNOBS[knob], value)}" for knob, value in self.knobs.items()) or "–"


def read(text: str) -> list[Written]:
    """The lanes of a text, empty lines left out. `prompt=…` takes the rest of its line.

    Raises:
        SettingsError: a line is not of that form, or names a knob that does not exist, or a value that it cannot have.
    """
    return [_line(line.strip()) for line in text.splitlines() if line.strip()]


def _line(line: str) -> Written:
    if line.startswith(_PROMPT):
        return Written({}, line.removeprefix(_PROMPT).strip())
    knobs: dict[str, Any] = {}
    at = 0
    while at < len(line):
        begin = _KNOB.match(line, at)
        value = _value(line, begin.end()) if begin is not None else None
        if begin is None or value is None:
            raise SettingsError(
                f"the lane {line!r} is not of the form knob=value, knob=value or prompt=text"
            ).in_japanese(f"レーン「{line}」は つまみ=値, つまみ=値 か prompt=文章 の形で書いてください。")
        knob = get(begin["knob"])
        knobs[knob.name] = from_item(knob, value.text)
        at = value.stop
    return Written(knobs)


class _Value(NamedTuple):
    """A value as it stands in a line, and where the next knob begins."""

    text: str
    stop: int


def _value(line: str, at: int) -> _Value | None:
    """A JSON value, in which there may be commas, or what stands before the next comma."""
    ends = [word.end()] if (word := _WORD.match(line, at)) else []
    with contextlib.suppress(ValueError):
        ends.insert(0, _JSON.raw_decode(line, at)[1])
    for end in ends:
        following = _NEXT.match(line, end)
        if following is not None:
            return _Value(line[at:end], following.end())
    return None


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
