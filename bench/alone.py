"""An engine that is not exact computes runs one by one; what does it save that whole pieces of before may stay?

The model in F16, made by llama.cpp's quantiser while this runs. With the cache emptied beforehand everything is
computed again, as it was for every run until these pieces stayed; the tokens and every number must be the same to the
last bit, which is asserted.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.measuring import in_turns, ratio
from bench.options import Options
from bench.report import Row, Table
from bench.workers import Worker

_REPLY = 16
_LANES = 8


def measure(options: Options) -> list[Table]:
    """A second turn over 1,000 tokens, and eight lanes from a prompt of 500."""
    with tempfile.TemporaryDirectory() as folder:
        path = _in_f16(options.model, Path(folder) / "f16.gguf")
        with Worker("ours", model=str(path), threads=options.n_threads) as ours:
            rounds = _Rounds(ours)
            contenders = {"turn": rounds.turn, "cold": rounds.cold, "lanes": rounds.lanes, "emptied": rounds.emptied}
            found = in_turns(contenders, options.turns)
    note = "Bit-identical to the cold start in every round."
    rows = [
        Row("second turn: cold start / ours", "5 or more", ratio(found["cold"], found["turn"])),
        Row("eight lanes: emptied before each / ours", "3 or more", ratio(found["emptied"], found["lanes"])),
    ]
    return [Table("alone", "an engine that is not exact", rows, note)]


def _in_f16(model: str, path: Path) -> Path:
    from tsumami import native
    from tsumami.models import resolve

    native.quantize(resolve(model).path, path, "F16")
    return path


class _Rounds:
    """One history after another."""

    def __init__(self, ours: Worker) -> None:
        self._ours = ours
        self._round = 0
        self._messages: list[dict[str, str]] = []
        self._turn: dict[str, Any] = {}

    def turn(self) -> float:
        """The first turn, then the second: seconds to the first Step of the second."""
        self._round += 1
        self._messages = [{"role": "user", "content": _story(self._round, 75)}]
        first = self._ours.ask("turn", messages=self._messages, count=_REPLY)
        self._messages += [
            {"role": "assistant", "content": first["text"]},
            {"role": "user", "content": "And the last lamp?"},
        ]
        self._turn = self._ours.ask("turn", messages=self._messages, count=_REPLY)
        return float(self._turn["first"])

    def cold(self) -> float:
        """The same on an empty cache, after the comparison of every bit."""
        self._ours.ask("forget")
        again = self._ours.ask("turn", messages=self._messages, count=_REPLY)
        assert again["reused"] == 0, f"a cold start found {again['reused']} tokens in the cache"
        for name in ("prompt", "tokens", "text", "numbers"):
            assert again[name] == self._turn[name], f"the cold start differs in {name}"
        return float(again["first"])

    def lanes(self) -> float:
        """Seconds to the first Steps of eight runs from one prompt."""
        self._ours.ask("forget")
        return sum(self._lane() for _ in range(_LANES))

    def emptied(self) -> float:
        """The same, each on an empty cache."""
        found = 0.0
        for _ in range(_LANES):
            self._ours.ask("forget")
            found += self._lane()
        return found

    def _lane(self) -> float:
        story = [{"role": "user", "content": _story(self._round, 33)}]
        return float(self._ours.ask("turn", messages=story, count=_REPLY)["first"])


def _story(number: int, lamps: int) -> str:
    return f"Week {number}. " + " ".join(f"Lamp {at} by the harbour is {at * 7 % 13} years old." for at in range(lamps))
