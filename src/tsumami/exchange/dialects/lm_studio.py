"""LM Studio: presets of today (`operation.fields`) and of before 0.3 (`inference_params`).

Source: lmstudio-js's KV schemas (llm.prediction.*), and the presets of lmstudio-ai/configs.
"""

from __future__ import annotations

from typing import Any, Final

from tsumami.exchange.dialect import UNSET, Dialect, Field, Foreign, named
from tsumami.exchange.notes import Phrase
from tsumami.exchange.values import (
    LENGTH_WORDS,
    bias_from,
    length_from,
    length_to_minus,
    schema_from,
    schema_to,
    texts_from,
)

_ACTING: Final = ("penalties", "top_k", "tfs_z", "typ_p", "top_p", "min_p", "xtc", "temperature")
_OFF: Final = Phrase("チェックが外れているものは使わない", "what is not checked is off")
_PREDICTION: Final = "llm.prediction."
_PROMPT: Final = Phrase("モデルやプロンプトの指定", "about the model or the prompt")


# --- before 0.3 ---


def _inference(form: Any) -> Foreign | None:
    """The inference parameters, and the rest of the preset beside them."""
    match form:
        case {"inference_params": dict(found), **rest}:
            return {**{name: value for name, value in rest.items() if name != "inference_params"}, **found}
    return None


OLD: Final = Dialect(
    name="lm-studio-old",
    title="LM Studio",
    form="json",
    fields=(
        Field("temp", "temperature", 0.8, low=0),
        Field("top_k", "top_k", 40, low=0),
        Field("top_p", "top_p", 0.95, low=0, high=1),
        Field("min_p", "min_p", 0.05, low=0, high=1),
        Field("typical_p", "typical_p", 1.0),
        Field("repeat_penalty", "repeat_penalty", 1.1),
        Field("repeat_last_n", "repeat_last_n", 64),
        Field("presence_penalty", "presence_penalty", 0.0),
        Field("frequency_penalty", "frequency_penalty", 0.0),
        Field("tfs_z", "tfs_z", 1.0),
        Field("mirostat", "mirostat_mode", 0),
        Field("mirostat_tau", "mirostat_tau", 5.0),
        Field("mirostat_eta", "mirostat_eta", 0.1),
        Field("seed", "seed", -1),
        Field("n_predict", "max_tokens", -1, length_from, length_to_minus, about=LENGTH_WORDS),
        Field("antiprompt", "stop", (), texts_from, list),
        Field("grammar", "grammar", "", lambda value: value or None, lambda value: value or ""),
        Field("logit_bias", "logit_bias", (), bias_from, lambda value: dict(value) or None),
    ),
    acting=("penalties", "top_k", "tfs_z", "typ_p", "top_p", "min_p", "temperature"),
    elsewhere=named(
        "name load_params input_prefix input_suffix pre_prompt pre_prompt_prefix pre_prompt_suffix seed_type "
        "n_keep n_threads multiline_input cache_prompt memory_f16 penalize_nl ignore_eos batch_size instruct "
        "interactive color logits_all n_parts tfs presence stream",
        _PROMPT,
    ),
    marks=frozenset({"antiprompt", "input_prefix", "input_suffix", "pre_prompt"}),
    unwrap=_inference,
    wrap=lambda values: {"name": "tsumami", "inference_params": values},
)  # fmt: skip


# --- today ---


def _unchecked(value: Any) -> Any:
    """A value with its check mark; without the mark it is off."""
    match value:
        case {"checked": True, "value": found}:
            return found
        case {"checked": _}:
            return UNSET
    return value


def _operation(form: Any) -> Foreign | None:
    """The fields of the operation and of loading, by their keys."""
    match form:
        case {"operation": {"fields": list(fields)}, **rest}:
            loading: Any = rest.get("load")
            load = loading.get("fields", []) if isinstance(loading, dict) else []
            known = {str(one["key"]): _unchecked(one.get("value")) for one in (*load, *fields) if isinstance(one, dict)}
            return {name: _switched_off(name) if value is UNSET else value for name, value in known.items()}
    return None


def _switched_off(key: str) -> Any:
    """The value of a field with which it does nothing: what holds when it is not checked."""
    return _OFF_VALUES.get(key.removeprefix(_PREDICTION))


_OFF_VALUES: Final = {
    "topPSampling": 1.0,
    "minPSampling": 0.0,
    "repeatPenalty": 1.0,
    "maxPredictedTokens": -1,
    "llama.presencePenalty": 0.0,
    "llama.frequencyPenalty": 0.0,
    "llama.xtcProbability": 0.0,
    "llama.typicalSampling": 1.0,
    "llama.tailFreeSampling": 1.0,
    "seed": -1,
}


def _checked(value: Any, off: Any) -> dict[str, Any]:
    return {"checked": value != off, "value": value}


def _to_operation(values: Foreign) -> dict[str, Any]:
    """Fields of a preset."""
    fields = []
    for key, value in values.items():
        off = _OFF_VALUES.get(key.removeprefix(_PREDICTION), UNSET)
        fields.append({"key": key, "value": value if off is UNSET else _checked(value, off)})
    return {"identifier": "@local:tsumami", "name": "tsumami", "operation": {"fields": fields}, "load": {"fields": []}}


def _structured(value: Any) -> Any:
    match value:
        case {"type": "json", "jsonSchema": schema}:
            return schema_from(schema)
    return None


def _to_structured(value: Any) -> Any:
    return {"type": "none"} if value is None else {"type": "json", "jsonSchema": schema_to(value)}


NEW: Final = Dialect(
    name="lm-studio",
    title="LM Studio",
    form="json",
    fields=(
        Field(f"{_PREDICTION}temperature", "temperature", 0.8, low=0),
        Field(f"{_PREDICTION}topKSampling", "top_k", 40, low=0),
        Field(f"{_PREDICTION}topPSampling", "top_p", 0.95, low=0, high=1, about=_OFF),
        Field(f"{_PREDICTION}minPSampling", "min_p", 0.05, low=0, high=1, about=_OFF),
        Field(f"{_PREDICTION}repeatPenalty", "repeat_penalty", 1.1, about=_OFF),
        Field(f"{_PREDICTION}llama.presencePenalty", "presence_penalty", 0.0),
        Field(f"{_PREDICTION}llama.frequencyPenalty", "frequency_penalty", 0.0),
        Field(f"{_PREDICTION}llama.xtcProbability", "xtc_probability", 0.0),
        Field(f"{_PREDICTION}llama.xtcThreshold", "xtc_threshold", 0.1),
        Field(f"{_PREDICTION}llama.typicalSampling", "typical_p", 1.0),
        Field(f"{_PREDICTION}llama.tailFreeSampling", "tfs_z", 1.0),
        Field(f"{_PREDICTION}llama.repeatLastN", "repeat_last_n", 64),
        Field(f"{_PREDICTION}seed", "seed", -1),
        Field(f"{_PREDICTION}stopStrings", "stop", (), texts_from, list),
        Field(f"{_PREDICTION}structured", "json_schema", None, _structured, _to_structured),
        Field(
            f"{_PREDICTION}maxPredictedTokens", "max_tokens", -1, length_from, length_to_minus, about=LENGTH_WORDS
        ),
    ),
    acting=_ACTING,
    elsewhere=dict.fromkeys(
        (f"{_PREDICTION}{name}" for name in ("systemPrompt", "contextOverflowPolicy", "promptTemplate", "tools",
         "toolNaming", "reasoning.parsing", "speculativeDecoding.draftModel", "contextPrefill", "llama.cpuThreads")),
        _PROMPT,
    ),
    marks=frozenset({f"{_PREDICTION}temperature", f"{_PREDICTION}systemPrompt"}),
    unwrap=_operation,
    wrap=_to_operation,
)  # fmt: skip
