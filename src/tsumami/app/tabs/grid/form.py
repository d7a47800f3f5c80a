"""The grid tab's form: what was chosen and typed as a plan, or a message in the page's language that says how.

Guarantee: values are read as after the terminal's --vary, by the same code; before anything is generated it is said how
many texts and tokens a grid may take, and what is too large for a page is refused with these numbers. No Gradio here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tsumami.app.words.texts import PageProblem, Texts, Word
from tsumami.app.work.number_boxes import highest, whole
from tsumami.errors import SettingsError
from tsumami.explore.design import Design
from tsumami.explore.grids import GridPlan, plan_grid
from tsumami.knobs import KNOBS
from tsumami.knobs.varying import varied_values
from tsumami.runs import Prompt
from tsumami.settings import Settings

#: Texts of one grid that a page still shows at ease.
MOST_TEXTS: Final = 2_000
#: What can be varied; seeds are counted instead.
VARIED_KNOBS: Final = tuple(name for name in KNOBS if name != "seed")
_STEPS: Final = 4  # of the range that is offered first
_OFFERED: Final = {
    "temperature": "0:2:0.5",
    "repeat_penalty": "1:1.5:0.1",
    "max_tokens": "16,32,64",
    "adaptive_target": "-1,0.3,0.5,0.7",
    "bool": "true,false",
    "samplers": "classic,llama.cpp",
    "stop": "the,and",
    "banned_texts": "the,and",
    "text": "A dull list:,A cheerful story:",
    "dry_sequence_breakers": "the,and",
    "logit_bias": "13=-inf,13=5",
    "grammar": 'root ::= "yes" | "no"',
    "thinking_settings": '{"temperature": 1.0}',
    "object": '{"enable_thinking": false}',
    "thinking_budget": "-1,0,64",
    "json_schema": '{"type": "object"}',
    "tokens": r"\n,。",
    "text_bias": "a=-2,a=2",
    "regex": r"\d+",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the form holds: each knob with its values as they were typed, and three numbers (None: the box is empty)."""

    vary: tuple[tuple[str, str], ...]
    seed: float | None
    seeds: float | None
    tokens: float | None


def offered(name: str) -> str:
    """Values to begin with for a knob, in the form in which they are typed."""
    knob = KNOBS[name]
    known = _OFFERED.get(name) or _OFFERED.get(knob.kind)
    if known is not None:
        return known
    if knob.choices:
        return ",".join(map(str, knob.choices))
    assert knob.slider is not None
    assert knob.slider.high is not None
    low, high = knob.slider.low, knob.slider.high
    step = (high - low) / _STEPS
    if knob.kind == "int":
        step = max(round(step), 1)
    return f"{low:.6g}:{high:.6g}:{step:.6g}"


def axes(vary: Sequence[tuple[str, str]]) -> dict[str, list[Any]]:
    """The values of each knob.

    Raises:
        PageProblem: a knob twice, or values that it cannot have.
    """
    names = [name for name, _ in vary]
    if len(set(names)) < len(names):
        raise PageProblem("grid.twice", knob=names[0])
    found: dict[str, list[Any]] = {}
    for name, typed in vary:
        try:
            found |= varied_values([f"{name}={typed}"])
        except SettingsError as error:
            how = "grid.bad_numbers" if KNOBS[name].kind in ("int", "float") else "grid.bad_values"
            words = {"knob": name, "typed": typed, "allowed": KNOBS[name], "offered": offered(name)}
            raise PageProblem(how, **words, detail=str(error)) from error
    return {name: list(dict.fromkeys(values)) for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class _Size:
    """How large a grid is: how many values each knob has, how many seeds, and how many tokens it may take."""

    lengths: tuple[int, ...]
    seeds: int
    tokens: int

    @property
    def cells(self) -> int:
        """How many texts there are."""
        return math.prod(self.lengths) * self.seeds

    def sizes(self, texts: Texts) -> str:
        """The factors of `cells`, if there are several."""
        factors = [*map(str, self.lengths), *([texts("grid.of_seeds", seeds=self.seeds)] * (self.seeds > 1))]
        return f"{' × '.join(factors)} = " if len(factors) > 1 else ""


def _size(found: Mapping[str, Sequence[Any]], wishes: Wishes, n_ctx: int) -> _Size:
    """The size of a grid with these values.

    Raises:
        PageProblem: a number that cannot be, or more texts than a page shows; with the numbers.
    """
    seeds = whole(Word("grid.seeds"), wishes.seeds, 1, MOST_TEXTS)
    tokens = whole(Word("grid.tokens"), wishes.tokens, 1, highest("max_tokens"))
    whole(Word("grid.first"), wishes.seed, 0, highest("seed") - (seeds - 1))
    lengths = tuple(map(len, found.values()))
    longest = [int(value) or n_ctx for value in found.get("max_tokens", [tokens])]
    size = _Size(lengths, seeds, sum(longest) * math.prod(lengths) * seeds // len(longest))
    if size.cells > MOST_TEXTS:
        numbers = {"cells": f"{size.cells:,}", "tokens": f"{size.tokens:,}", "most": f"{MOST_TEXTS:,}"}
        raise PageProblem("grid.too_many", sizes=size.sizes, **numbers)
    return size


def outlook(texts: Texts, wishes: Wishes, n_ctx: int) -> str:
    """How many texts the grid would have, and how many tokens at most.

    Raises:
        PageProblem: as `axes`, a number that cannot be, or more texts than a page shows; with the numbers.
    """
    size = _size(axes(wishes.vary), wishes, n_ctx)
    return texts("grid.outlook", sizes=size.sizes(texts), cells=f"{size.cells:,}", tokens=f"{size.tokens:,}")


def plan(wishes: Wishes, make: Callable[[Settings], Prompt], base: Settings, n_ctx: int) -> GridPlan:
    """The plan of what was asked for. make: the prompt, as a chat template is told by settings.

    Raises:
        PageProblem: as `outlook`.
    """
    vary = axes(wishes.vary)
    _size(vary, wishes, n_ctx)
    first, seeds = int(wishes.seed or 0), int(wishes.seeds or 1)
    base = base.replace(seed=first, max_tokens=int(wishes.tokens or 0))
    made = plan_grid([Prompt("", ())], Design(base, vary, seeds=range(first, first + seeds)))
    return made.with_prompts(lambda settings: [make(settings)])
