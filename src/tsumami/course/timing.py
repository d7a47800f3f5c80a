"""Time against tokens: measured on this machine, now.

Guarantee: every measurement starts cold. A prompt that the engine has seen before costs nothing, so each one begins
with a number that no earlier one had. What is stopped keeps what it has measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import pandas as pd

from tsumami import presets
from tsumami.errors import SettingsError
from tsumami.model import Model

#: How many new tokens are timed.
NEW_TOKENS: Final = (10, 20, 40, 60)
#: How long the prompts are that are timed, in tokens.
PROMPT_LENGTHS: Final = (16, 64, 128, 256)

_PROMPT_LENGTH: Final = 32
_MOST_TOKENS: Final = 1000
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Timing:
    """One measurement: tokens of the prompt and of the reply (fewer than asked for if the model ended it), the round
    it belongs to (from 1), and the seconds until the first token and after it.
    """

    n_prompt: int
    n_new: int
    repeat: int
    prompt_seconds: float
    generation_seconds: float

    @property
    def seconds(self) -> float:
        """Both together."""
        return self.prompt_seconds + self.generation_seconds


@dataclass(frozen=True, slots=True)
class Fit:
    """A straight line by least squares: seconds = `start` + tokens x `per_token`; `r2` is the share of the spread that
    it explains (1: all points lie on it).
    """

    start: float
    per_token: float
    r2: float

    @property
    def tokens_per_second(self) -> float:
        """1 / per_token; infinite where more tokens did not take longer."""
        return 1 / self.per_token if self.per_token > 0 else float("inf")


def time_new_tokens(model: Model, counts: Sequence[int] = NEW_TOKENS, repeats: int = 3) -> Iterator[Timing]:
    """Time generating `counts` new tokens, `repeats` times each in turn, so that a passing disturbance hits all alike.

    Raises:
        SettingsError: a count below 1, or no repeats.
    """
    _check(counts, repeats)
    return (_measure(model, _PROMPT_LENGTH, count, repeat) for repeat in range(1, repeats + 1) for count in counts)


def time_prompts(model: Model, lengths: Sequence[int] = PROMPT_LENGTHS, repeats: int = 3) -> Iterator[Timing]:
    """Time the first token after prompts of `lengths` tokens.

    Raises:
        SettingsError: a length below 1, or no repeats.
        PromptTooLongError: a length that the context cannot hold.
    """
    _check(lengths, repeats)
    return (_measure(model, length, 1, repeat) for repeat in range(1, repeats + 1) for length in lengths)


def _check(counts: Sequence[int], repeats: int) -> None:
    if not counts or min(counts) < 1:
        raise SettingsError(
            f"the numbers of tokens need to be 1 or more each, and at least one; got {list(counts)}"
        ).in_japanese(f"トークン数はそれぞれ 1 以上で、少なくとも 1 つ要ります（{list(counts)} でした）")
    if repeats < 1:
        raise SettingsError(f"repeats needs to be 1 or more, not {repeats}").in_japanese(
            f"repeats は 1 以上にしてください（{repeats} でした）"
        )


def _measure(model: Model, n_prompt: int, n_new: int, repeat: int) -> Timing:
    run = model.run(_unseen(model, n_prompt), presets.get("greedy").apply(), max_tokens=n_new)
    return Timing(n_prompt, len(run.steps), repeat, run.timings.prompt_seconds, run.timings.generation_seconds)


def _unseen(model: Model, length: int) -> list[int]:
    """A prompt of `length` tokens that differs from all earlier ones of this process within its first few tokens."""
    text = f"{next(_NUMBERS)}. " + "The sky above the city looked calm, but the lights went out one by one. " * length
    return model.tokenize(text)[:length]


def until_stopped(timings: Iterator[Timing]) -> Iterator[Timing]:
    """The same measurements, ending quietly where somebody interrupts: what has been measured stays."""
    try:
        yield from timings
    except KeyboardInterrupt:
        return


def read_counts(text: str) -> tuple[int, ...]:
    """The numbers of tokens that a text such as `10, 20, 40` asks for.

    Raises:
        SettingsError: it holds something else, or a number that is not between 1 and 1000.
    """
    parts = [part.strip() for part in text.replace("、", ",").replace("，", ",").split(",") if part.strip()]
    wrong = next((part for part in parts if not part.isdecimal() or not 1 <= int(part) <= _MOST_TOKENS), None)
    if wrong is not None or not parts:
        raise SettingsError(
            f"{wrong or text!r} is no number of tokens; give whole numbers from 1 to {_MOST_TOKENS}, such as 10, 20, 40"
        ).in_japanese(
            f"{wrong or text!r} はトークン数ではありません。1〜{_MOST_TOKENS} "
            "の整数を 10, 20, 40 のように書いてください"
        )
    return tuple(int(part) for part in parts)


def timing_table(timings: Iterable[Timing]) -> pd.DataFrame:
    """Measurements as a table: columns n_prompt, n_new, repeat, prompt_seconds, generation_seconds, seconds,
    tokens_per_second (of the whole).
    """
    rows = [
        {**asdict(timing), "seconds": timing.seconds, "tokens_per_second": timing.n_new / timing.seconds}
        for timing in timings
    ]
    columns = [
        "n_prompt", "n_new", "repeat", "prompt_seconds", "generation_seconds", "seconds", "tokens_per_second",
    ]  # fmt: skip  # one list
    return pd.DataFrame(rows, columns=columns)


def fit(tokens: Iterable[float], seconds: Iterable[float]) -> Fit | None:
    """The line through points (tokens, seconds); None with fewer than two different numbers of tokens."""
    x, y = np.fromiter(tokens, float), np.fromiter(seconds, float)
    if len(np.unique(x)) < 2:
        return None
    per_token, start = np.polyfit(x, y, 1)
    spread = float(((y - y.mean()) ** 2).sum())
    left = float(((y - start - per_token * x) ** 2).sum())
    return Fit(float(start), float(per_token), 1 - left / spread if spread else 1.0)
