"""A chat's second turn: does it start as fast as its new tokens take?

Ours: a first turn over a history of about 1,000 tokens, then a second one; timed from the messages (so with rendering
the template and tokenizing it all) to the first Step. Every round has a history of its own, so that nothing comes from
the round before.

The new tokens alone: a bare loop that holds the same history in its cache, with the same context parameters, decodes
exactly the tokens that the second turn added. How many tokens ours computed beyond those is shown: it should be at most
the reply's last token, which is not decoded when a reply ends.

A cold start: another process that has never seen the history, whose cache is emptied before. Its tokens, probabilities
and entropies must be the same to the last bit; that is asserted, not timed.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import Any

from bench.measuring import Turns, in_turns, ratio
from bench.options import Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

_HISTORY = 1000
_REPLY = 24
_QUESTION = "Thank you. Now please tell me in one sentence which of these days you would choose, and why."


def measure(options: Options) -> list[Table]:
    """Time to the first token of a second turn."""
    with ExitStack() as stack:
        warm = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        cold = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        facts = warm.facts
        bare = stack.enter_context(
            Worker("bare", environment=facts["environment"], path=facts["path"], options=facts["options"])
        )
        per_day = len(warm.ask("tokenize", text=_day(0, 1)))
        rounds = _Rounds(warm, cold, bare, days=_HISTORY // per_day + 1)
        contenders = {"warm": rounds.warm, "new": rounds.new_alone, "cold": rounds.cold}
        in_turns(contenders, Turns(1, 1))  # everybody warm
        found = in_turns(contenders, options.turns)
    seconds = {name: statistics.median(values) for name, values in found.items()}
    milliseconds = {name: f"{1000 * value:.0f} ms" for name, value in seconds.items()}
    row = Row(
        "bare decode of the new tokens / ours to the first Step",
        Goal(">=", 0.8),
        ratio(found["new"], found["warm"]),
        {
            "history": f"{rounds.history} tokens",
            "new": f"{rounds.n_new} tokens",
            "computed": f"{rounds.computed} tokens",
            "ours": milliseconds["warm"],
            "new tokens alone": milliseconds["new"],
        },
    )
    start = Row("cold start / ours", None, ratio(found["cold"], found["warm"]), {"cold": milliseconds["cold"]})
    return [Table("turn", "a chat's second turn", [row, start], "Bit-identical to the cold start in every round.")]


def _day(number: int, round_: int) -> str:
    return f"On day {number} of week {round_} we walked along the river, spoke of clocks, and went home at {number}. "


def _common_prefix(a: list[int], b: list[int]) -> int:
    return next((at for at, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), min(len(a), len(b)))


class _Rounds:
    """One history after another."""

    def __init__(self, warm: Worker, cold: Worker, bare: Worker, days: int) -> None:
        self._warm, self._cold, self._bare, self._days = warm, cold, bare, days
        self._round = 0
        self._messages: list[dict[str, str]] = []
        self._second: dict[str, Any] = {}
        self.history = self.n_new = self.computed = 0

    def warm(self) -> float:
        """The first turn, then the second: seconds to the first Step of the second."""
        self._round += 1
        story = "".join(_day(day, self._round) for day in range(self._days))
        self._messages = [{"role": "user", "content": f"Week {self._round}. {story}"}]
        first = self._warm.ask("turn", messages=self._messages, count=_REPLY)
        self._messages += [
            {"role": "assistant", "content": first["text"]},
            {"role": "user", "content": _QUESTION},
        ]
        self._second = self._warm.ask("turn", messages=self._messages, count=_REPLY)
        self.history = _common_prefix(first["prompt"] + first["tokens"], self._second["prompt"])
        self.n_new = len(self._second["prompt"]) - self.history
        self.computed = len(self._second["prompt"]) - self._second["reused"]
        return float(self._second["first"])

    def new_alone(self) -> float:
        """Seconds for the tokens that the second turn added, on top of the history."""
        prompt = self._second["prompt"]
        return float(self._bare.ask("turn", history=prompt[: self.history], new=prompt[self.history :]))

    def cold(self) -> float:
        """The second turn on an empty cache: seconds, after the comparison of every bit."""
        self._cold.ask("forget")
        again = self._cold.ask("turn", messages=self._messages, count=_REPLY)
        assert again["reused"] == 0, f"a cold start found {again['reused']} tokens in the cache"
        for name in ("prompt", "tokens", "text", "numbers"):
            assert again[name] == self._second[name], f"the cold start differs in {name}"
        return float(again["first"])
