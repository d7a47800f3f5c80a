"""KoboldCpp: the bodies of its API, and SillyTavern's presets for it.

Source: KoboldCpp's koboldcpp.py (`generate`) and gpttype_adapter.cpp (`SampleLogits`, `sample_rep_pen`); SillyTavern's
public/scripts/kai-settings.js.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tsumami.exchange.dialect import Dialect, Field, Foreign, Order, at_least, named
from tsumami.exchange.notes import Note, Phrase
from tsumami.exchange.values import (
    ALL_WORDS,
    NO_END,
    bias_from,
    breakers_from,
    one_of_it,
    positive,
    texts_from,
)

_STAGES: Final = {
    0: ("top_k",),
    1: ("top_a",),
    2: ("top_p", "min_p"),  # min_p has no number of its own: it acts right behind top_p
    3: ("tfs_z",),
    4: ("typ_p",),
    5: ("temperature",),
    6: ("penalties",),
}
_DEFAULT: Final = (6, 0, 1, 3, 4, 2, 5)
_WINDOW: Final = Phrase("KoboldCpp では 1 未満は 1 になる", "KoboldCpp takes anything below 1 as 1")
_SLOPE: Final = Phrase(
    "窓の古い半分でペナルティを弱める傾き。ここでは窓の中はどこも同じ強さ",
    "weakens the penalty in the older half of its window; here it is the same in all of it",
)
_TOP_A: Final = Phrase(
    "確率が top_a · 最大確率² 未満の候補を除く", "removes candidates below top_a · largest probability²"
)
_SMOOTHING: Final = Phrase("logit を二次曲線で変える", "bends the logits by a quadratic curve")


def _numbers(value: Any) -> list[Any] | None:
    """The order as numbers 0 to 6; stages that it does not name do not act."""
    return [int(number) for number in value] if isinstance(value, list) else None


_ORDER: Final = Order("sampler_order", _STAGES, _DEFAULT, first=("dry",), last=("xtc",), split=_numbers)


def _slope(values: Foreign, _: dict[str, Any]) -> Iterable[Note]:
    """A slope says nothing where there is no penalty, and 1 (or what stands for it) is what we do."""
    slope, penalty = values.get("rep_pen_slope", 1), values.get("rep_pen", 1)
    if penalty > 1 and 0 < slope < 1:
        yield Note("lost", "rep_pen_slope", slope, None, None, _SLOPE)


def _shared(names: dict[str, str]) -> tuple[Field, ...]:
    """The fields that both have; `names` where one says it differently."""

    def field(key: str, *rest: Any, **more: Any) -> Field:
        return Field(names.get(key, key), *rest, **more)

    return (
        field("temperature", "temperature", 0.7, low=0),
        field("top_k", "top_k", 100, positive),
        Field("top_a", "top_a", 0.0, neutral=0, about=_TOP_A),
        field("top_p", "top_p", 0.92, low=0, high=1),
        field("min_p", "min_p", 0.0, low=0, high=1),
        field("typical", "typical_p", 1.0, low=0, high=1),
        field("tfs", "tfs_z", 1.0, low=0, high=1),
        field("rep_pen", "repeat_penalty", 1.0),
        field("rep_pen_range", "repeat_last_n", 320, at_least(1), window_to_minus_range, about=_WINDOW),
        field("mirostat", "mirostat_mode", 0),
        field("mirostat_tau", "mirostat_tau", 5.0),
        field("mirostat_eta", "mirostat_eta", 0.1),
        field("grammar", "grammar", "", one_of_it, one_of_it),
    )


def window_to_minus_range(value: Any) -> int:
    """A window; the largest is the longest context that KoboldCpp offers."""
    return min(int(value), 131_072)


API: Final = Dialect(
    name="koboldcpp",
    title="KoboldCpp",
    form="json",
    fields=(
        *_shared({}),
        Field("max_length", "max_tokens", 180),
        Field("presence_penalty", "presence_penalty", 0.0),
        Field("dry_multiplier", "dry_multiplier", 0.0),
        Field("dry_base", "dry_base", 1.75),
        Field("dry_allowed_length", "dry_allowed_length", 2),
        Field("dry_penalty_last_n", "dry_penalty_last_n", 320, about=ALL_WORDS),
        Field("dry_sequence_breakers", "dry_sequence_breakers", (), breakers_from, list),
        Field("xtc_threshold", "xtc_threshold", 0.2),
        Field("xtc_probability", "xtc_probability", 0.0),
        Field("nsigma", "top_n_sigma", 0.0),
        Field("dynatemp_range", "dynatemp_range", 0.0),
        Field("dynatemp_exponent", "dynatemp_exponent", 1.0),
        Field("smoothing_factor", "smoothing_factor", 0.0, neutral=0, about=_SMOOTHING),
        Field("sampler_seed", "seed", -1, aliases=("seed",)),
        Field("stop_sequence", "stop", (), texts_from, list),
        Field("logit_bias", "logit_bias", (), bias_from, lambda value: dict(value) or None),
        Field("ban_eos_token", "ignore_eos", False, neutral=False, about=NO_END),
        Field("banned_tokens", "banned_texts", (), texts_from, list, neutral=[], aliases=("banned_strings",)),
    ),
    order=_ORDER,
    elsewhere=named(
        "prompt memory images max_context_length n quiet genkey trim_stop use_default_badwordsids "
        "render_special grammar_retain_state bypass_eos rep_pen_slope stream add_sd_prompt",
        Phrase("リクエストの一部", "a part of the request"),
    ),
    marks=frozenset({"max_length", "max_context_length", "sampler_seed", "stop_sequence", "genkey"}),
    together=_slope,
)  # fmt: skip

SILLYTAVERN: Final = Dialect(
    name="sillytavern-kobold",
    title="SillyTavern (KoboldCpp)",
    form="json",
    fields=(
        *_shared({"temperature": "temp"}),
        Field("dynatemp_range", "dynatemp_range", 0.0),
        Field("ban_eos_token", "ignore_eos", False, neutral=False, about=NO_END),
    ),
    order=_ORDER,
    elsewhere=named(
        "name streaming_kobold use_default_badwordsids genamt max_length single_line rep_pen_slope api_server "
        "extensions",
        Phrase("画面の設定", "a setting of its page"),
    ),
    marks=frozenset({"temp", "rep_pen_slope", "sampler_order", "typical", "tfs"}),
    together=_slope,
)  # fmt: skip
