"""text-generation-webui's YAML presets, and SillyTavern's presets for text completion, which speak to it.

Source: text-generation-webui's modules/presets.py (defaults of 2026-05), modules/sampler_hijack.py (order) and
modules/llama_cpp_server.py; SillyTavern's public/scripts/textgen-settings.js.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tsumami.exchange.dialect import ALL, Dialect, Field, Foreign, Order, named
from tsumami.exchange.notes import Note, Phrase
from tsumami.exchange.values import (
    ALL_WORDS,
    BEAMS,
    NO_END,
    QUOTED,
    UNITS_WORDS,
    bias_from,
    breakers_from,
    breakers_to_text,
    from_units,
    greedy,
    one_of_it,
    positive,
    quoted_from,
    quoted_to,
    schema_from,
    schema_to,
    think_from,
    think_to,
    to_units,
)

_STAGES: Final = {
    "repetition_penalty": ("penalties",),
    "presence_penalty": ("penalties",),
    "frequency_penalty": ("penalties",),
    "dry": ("dry",),
    "top_n_sigma": ("top_n_sigma",),
    "temperature": ("temperature",),
    "dynamic_temperature": ("temperature",),
    "quadratic_sampling": ("smoothing",),
    "top_k": ("top_k",),
    "top_p": ("top_p",),
    "typical_p": ("typ_p",),
    "epsilon_cutoff": ("epsilon_cutoff",),
    "eta_cutoff": ("eta_cutoff",),
    "tfs": ("tfs_z",),
    "top_a": ("top_a",),
    "min_p": ("min_p",),
    "adaptive_p": ("adaptive_p",),
    "mirostat": (),
    "xtc": ("xtc",),
    "encoder_repetition_penalty": (),
    "no_repeat_ngram": ("no_repeat_ngram",),
}
_DEFAULT: Final = tuple(_STAGES)
_UNNAMED: Final = ("penalties", "no_repeat_ngram", "dry", "xtc")
"""What the list does not name is sorted before it."""
_DYNAMIC: Final = Phrase("中央の温度と幅に直した", "turned into the temperature in the middle and the range around it")
_LAST: Final = Phrase("温度は最後に働く", "temperature acts last")
_NGRAM: Final = Phrase(
    "すでに現れた n-gram を完成させるトークンを禁じる", "forbids tokens that complete an n-gram again"
)
_ENCODER: Final = Phrase("プロンプトにある語を優遇する", "favours tokens of the prompt")
_GUIDANCE: Final = Phrase("負のプロンプトから遠ざける", "steers away from a negative prompt")
_OFF: Final = Phrase("あちらでは 0 で使わない", "there 0 is off")
_MOVED: Final = Phrase("logit を動かすサンプラー", "a sampler that moves logits")


def _whole_if_zero(value: Any) -> int:
    """How far penalties look back; 0 is the whole text."""
    return int(value) or ALL


def _zero_if_whole(value: Any) -> int:
    return 0 if value >= ALL else int(value)


def _off_if_zero(value: Any) -> float:
    """The target that adaptive-p aims at; there it is off at 0, too."""
    return float(value) if value > 0 else -1.0


def _zero_if_off(value: Any) -> float:
    return 0.0 if value < 0 else max(value, 1e-6)


def _lines(value: Any) -> list[Any] | None:
    """Names, one a line or as a list."""
    names = value.split("\n") if isinstance(value, str) else value
    return [str(name).strip() for name in names if str(name).strip()] if isinstance(names, list) else None


def _fields(**names: str) -> tuple[Field, ...]:
    """The fields that both have; `names` where SillyTavern says it differently."""

    def field(key: str, *rest: Any, **more: Any) -> Field:
        return Field(names.get(key, key), *rest, **more)

    return (
        field("temperature", "temperature", 1, low=0),
        field("top_p", "top_p", 1, low=0, high=1),
        field("top_k", "top_k", 0, positive),
        field("min_p", "min_p", 0, low=0, high=1),
        field("top_n_sigma", "top_n_sigma", 0),
        field("typical_p", "typical_p", 1, low=0, high=1),
        field("tfs", "tfs_z", 1, low=0, high=1),
        field("top_a", "top_a", 0, neutral=0, about=_MOVED),
        field("epsilon_cutoff", "epsilon_cutoff", 0, from_units, to_units, neutral=0, about=UNITS_WORDS),
        field("eta_cutoff", "eta_cutoff", 0, from_units, to_units, neutral=0, about=UNITS_WORDS),
        field("smoothing_factor", "smoothing_factor", 0, neutral=0, about=_MOVED),
        field("smoothing_curve", "smoothing_curve", 1, neutral=1, about=_MOVED),
        field("xtc_threshold", "xtc_threshold", 0.1),
        field("xtc_probability", "xtc_probability", 0),
        field("adaptive_target", "adaptive_target", 0, _off_if_zero, _zero_if_off, neutral=0, about=_OFF),
        field("adaptive_decay", "adaptive_decay", 0.9, neutral=0.9, about=_MOVED),
        field("dry_multiplier", "dry_multiplier", 0),
        field("dry_allowed_length", "dry_allowed_length", 2),
        field("dry_base", "dry_base", 1.75),
        field(
            "dry_sequence_breakers", "dry_sequence_breakers", '"\\n", ":", "\\"", "*"', breakers_from, breakers_to_text
        ),
        field("repetition_penalty", "repeat_penalty", 1),
        field("frequency_penalty", "frequency_penalty", 0),
        field("presence_penalty", "presence_penalty", 0),
        field("repetition_penalty_range", "repeat_last_n", 1024, _whole_if_zero, _zero_if_whole, about=ALL_WORDS),
        field("encoder_repetition_penalty", None, 1, neutral=1, about=_ENCODER),
        field("no_repeat_ngram_size", "no_repeat_ngram_size", 0, neutral=0, about=_NGRAM),
        field("penalty_alpha", "penalty_alpha", 0),
        field("guidance_scale", "guidance_scale", 1, neutral=1, about=_GUIDANCE),
        field("mirostat_mode", "mirostat_mode", 0),
        field("mirostat_tau", "mirostat_tau", 5),
        field("mirostat_eta", "mirostat_eta", 0.1),
        field("max_new_tokens", "max_tokens"),
        field("seed", "seed"),
        field("grammar_string", "grammar", "", one_of_it, one_of_it),
        field("ban_eos_token", "ignore_eos", False, neutral=False, about=NO_END),
        field("negative_prompt", "negative_prompt", "", neutral="", about=_GUIDANCE),
    )


def _together(values: Foreign, knobs: dict[str, Any], low: str, high: str, dynamic: str) -> Iterable[Note]:
    said = greedy(values, knobs)
    if said is not None:
        yield said
    if values.get(dynamic) is True:
        bottom, top = float(values[low]), float(values[high])
        knobs["temperature"], knobs["dynatemp_range"] = (bottom + top) / 2, (top - bottom) / 2
        yield Note("converted", dynamic, [bottom, top], "dynatemp_range", knobs["dynatemp_range"], _DYNAMIC)
    else:
        knobs["dynatemp_range"] = 0.0
    knobs["dynatemp_exponent"] = float(values.get("dynatemp_exponent", 1))
    window = values.get("dry_penalty_last_n", 0)  # text-generation-webui itself has one window for both
    knobs["dry_penalty_last_n"] = int(window) or knobs["repeat_last_n"]
    if values.get("temperature_last") is True:
        order = tuple(stage for stage in knobs["samplers"] if stage not in ("temperature", "smoothing"))
        knobs["samplers"] = (*order, *(stage for stage in ("temperature", "smoothing") if stage in knobs["samplers"]))
        yield Note("order", "temperature_last", True, "samplers", knobs["samplers"], _LAST)


def _webui(values: Foreign, knobs: dict[str, Any]) -> Iterable[Note]:
    yield from _together({"do_sample": True, **values}, knobs, "dynatemp_low", "dynatemp_high", "dynamic_temperature")


def _silly(values: Foreign, knobs: dict[str, Any]) -> Iterable[Note]:
    yield from _together({"do_sample": True, **values}, knobs, "min_temp", "max_temp", "dynatemp")


def _back(low: str, high: str, dynamic: str) -> Any:
    """Dynamic temperature on the way back: its ends, and a switch."""

    def apart(knobs: dict[str, Any], foreign: Foreign) -> Iterable[Note]:
        spread, middle = knobs["dynatemp_range"], knobs["temperature"]
        foreign[dynamic] = spread > 0
        foreign["dynatemp_exponent"] = knobs["dynatemp_exponent"]
        if spread > 0:
            foreign[low], foreign[high] = max(middle - spread, 0), middle + spread
            yield Note("converted", dynamic, [foreign[low], foreign[high]], "dynatemp_range", spread, Phrase())
            if (foreign[low] + foreign[high]) / 2 != middle:
                yield Note("converted", low, 0, "temperature", middle, _FROM_ZERO)
        if knobs["dry_multiplier"] and knobs["dry_penalty_last_n"] != knobs["repeat_last_n"]:
            yield Note("lost", "", None, "dry_penalty_last_n", knobs["dry_penalty_last_n"], _ONE_WINDOW)

    return apart


_FROM_ZERO: Final = Phrase("幅の下の端は 0 以上", "the lower end of the range is 0 or more")
_ONE_WINDOW: Final = Phrase("あちらではペナルティと DRY の窓は 1 つ", "there penalties and DRY look back equally far")
_PAGE: Final = Phrase("画面や読み込みの設定", "a setting of its page, or of loading")

WEBUI: Final = Dialect(
    name="text-generation-webui",
    title="text-generation-webui",
    form="yaml",
    fields=(*_fields(), Field("enable_thinking", "thinking", None, think_from, think_to)),
    order=Order("sampler_priority", _STAGES, _DEFAULT, unnamed=_UNNAMED, split=_lines, join="\n".join),
    elsewhere=named(
        "do_sample dynamic_temperature dynatemp_low dynatemp_high dynatemp_exponent temperature_last "
        "truncation_length add_bos_token skip_special_tokens stream custom_stopping_strings custom_token_bans "
        "prompt_lookup_num_tokens max_tokens_second auto_max_new_tokens name temperature_first "
        "reasoning_effort static_cache num_beams length_penalty early_stopping min_length",
        _PAGE,
    ),
    marks=frozenset({"dynamic_temperature", "repetition_penalty_range", "sampler_priority", "temperature_last"}),
    together=_webui,
    apart=_back("dynatemp_low", "dynatemp_high", "dynamic_temperature"),
)  # fmt: skip

SILLYTAVERN: Final = Dialect(
    name="sillytavern",
    title="SillyTavern",
    form="json",
    fields=(
        *_fields(
            temperature="temp",
            repetition_penalty="rep_pen",
            frequency_penalty="freq_pen",
            presence_penalty="presence_pen",
            repetition_penalty_range="rep_pen_range",
            encoder_repetition_penalty="encoder_rep_pen",
            top_n_sigma="nsigma",
        ),
        Field("num_beams", None, 1, neutral=1, about=BEAMS),
        Field("json_schema", "json_schema", None, schema_from, schema_to),
        Field("logit_bias", "logit_bias", (), bias_from, lambda value: [list(pair) for pair in value]),
        Field("banned_tokens", "banned_texts", "", quoted_from, quoted_to, neutral="", about=QUOTED),
        Field("min_length", "min_tokens", 0, neutral=0, about=Phrase("最低の長さ", "a least length")),
        Field("skew", None, 0, neutral=0, about=_MOVED),
        Field("rep_pen_decay", None, 0, neutral=0, about=_MOVED),
    ),
    order=Order("sampler_priority", _STAGES, _DEFAULT, unnamed=_UNNAMED, split=_lines),
    elsewhere=named(
        "do_sample dynatemp min_temp max_temp dynatemp_exponent temperature_last dry_penalty_last_n "
        "rep_pen_slope rep_pen_size length_penalty early_stopping add_bos_token skip_special_tokens "
        "spaces_between_special_tokens speculative_ngram ignore_eos_token include_reasoning streaming "
        "samplers sampler_order samplers_priorities truncation_length genamt max_length n name "
        "openrouter_allow_fallbacks extensions generic_model global_banned_tokens send_banned_tokens "
        "legacy_api type api_server prompt_truncation",
        Phrase("ほかのバックエンドか画面の設定", "for another backend, or its page"),
    ),
    marks=frozenset({"temp", "rep_pen", "rep_pen_range", "temperature_last", "dynatemp", "freq_pen", "max_temp"}),
    together=_silly,
    apart=_back("min_temp", "max_temp", "dynatemp"),
)  # fmt: skip
