"""The table of measures: what each is called, and how its numbers are written.

Guarantee: whoever names or writes a measure reads it here, so tables, pictures and pages say the same. What a measure
is: `Metrics`, whose fields those of a text are, and for those of one token the function in its row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from tsumami.runs import Step

__all__ = ["MEASURES", "TEXT_MEASURES", "TOKEN_MEASURES", "USUAL", "Measure", "surprise"]

_NONE: Final = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure, under the name that it has in `Metrics`."""

    name: str
    ja: str
    en: str
    form: str = ".3f"
    """How a number is written, as `format` has it; `d`: a whole number, of which a mean is none."""
    of_text: bool = True
    """Whether a text has it; otherwise only a token has."""
    between: bool = False
    """Whether it needs a second text beside the one that is measured."""
    per_token: Callable[[Step], float] | None = None
    """Its value at one token."""
    scale: Literal["linear", "log"] = "linear"
    """The axis on which its values at the tokens are drawn."""

    @property
    def whole(self) -> bool:
        """Whether it is counted."""
        return self.form == "d"

    def text(self, value: float | None) -> str:
        """A value, or a mean of values, as it is written everywhere; a dash where there is none."""
        if value is None:
            return _NONE
        if not self.whole:
            return format(value, self.form)
        counted = value >= 1000 or float(value).is_integer()
        return format(value, ",.0f" if counted else ".3g")


def surprise(step: Step) -> float:
    """-log2 of the raw probability, in bits: how little the model expected the token."""
    return -math.log2(max(step.p_raw, 1e-30))


def _final(step: Step) -> float:
    return step.p_final


def _entropy(step: Step) -> float:
    return step.entropy


def _rank(step: Step) -> float:
    return float(step.rank)


_ALL: Final = (
    Measure(name="tokens", ja="トークン数", en="tokens", form="d"),
    Measure(name="shared_prefix", ja="A と共通の先頭", en="shared with A", form="d", between=True),
    Measure(name="mean_logprob", ja="平均対数確率", en="mean log-prob."),
    Measure(name="perplexity", ja="パープレキシティ", en="perplexity", form=".3g"),
    Measure(name="entropy", ja="エントロピー（bit）", en="entropy (bits)", form=".2f", per_token=_entropy),
    Measure(name="distinct_1", ja="distinct-1", en="distinct-1"),
    Measure(name="distinct_2", ja="distinct-2", en="distinct-2"),
    Measure(name="distinct_3", ja="distinct-3", en="distinct-3"),
    Measure(name="repeated_ngrams", ja="くり返し（4-gram）", en="repeated 4-grams", form=".1%"),
    Measure(name="longest_repeat", ja="最長のくり返し", en="longest repeat", form="d"),
    Measure(name="final", ja="最終の確率", en="final", form=".3g", of_text=False, per_token=_final),
    Measure(name="surprise", ja="意外さ（bit）", en="surprise (bits)", form=".1f", of_text=False, per_token=surprise),
    Measure(name="rank", ja="順位", en="rank", form="d", of_text=False, per_token=_rank, scale="log"),
)

MEASURES: Final[Mapping[str, Measure]] = MappingProxyType({one.name: one for one in _ALL})
"""Every measure by name."""

TEXT_MEASURES: Final = tuple(one for one in _ALL if one.of_text)
"""Those that a text has, in the order in which tables show them; all are fields of `Metrics`."""

TOKEN_MEASURES: Final = tuple(MEASURES[name] for name in ("final", "surprise", "entropy", "rank"))
"""Those that a token has, in the order in which they are drawn."""

USUAL: Final = ("tokens", "perplexity", "entropy", "distinct_2", "repeated_ngrams")
"""Those that are shown where nobody chooses and not all have room, the most telling first."""
