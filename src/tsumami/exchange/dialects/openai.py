"""Bodies for OpenAI's API, and for vLLM, which takes the same and more.

Source: OpenAI's API reference (completions, chat completions); vLLM's sampling_params.py and its OpenAI protocol.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tsumami.exchange.dialect import ALL, Dialect, Field, Foreign, named
from tsumami.exchange.notes import Note, Phrase
from tsumami.exchange.values import (
    GENERATED_ONLY,
    MINUS_WORDS,
    NO_END,
    bias_from,
    by_template,
    off_to_minus,
    positive,
    schema_from,
    schema_to,
    texts_from,
    to_template,
)
from tsumami.knobs import KNOBS

_FORMAT: Final = Phrase("返答の形", "the form of the reply")
_BOTH: Final = Phrase(
    "repetition_penalty はプロンプトも数え、ほかの 2 つは数えない。ここでは同じ扱いになる",
    "repetition_penalty counts the prompt, the other two do not; here all three are counted alike",
)
_REQUEST: Final = named(
        "model messages prompt stream stream_options n best_of echo logprobs top_logprobs user suffix tools "
        "tool_choice parallel_tool_calls metadata store service_tier safety_identifier reasoning_effort "
        "modalities skip_special_tokens spaces_between_special_tokens prompt_logprobs add_generation_prompt "
        "chat_template chat_template_kwargs include_stop_str_in_output priority add_special_tokens "
        "continue_final_message detokenize truncate_prompt_tokens prompt_cache_key return_tokens_as_token_ids "
        "request_id cache_salt verbosity",
        Phrase("リクエストの一部", "a part of the request"),
    )  # fmt: skip


def _format_from(value: Any) -> Any:
    """The schema of a `response_format`; any JSON object where it says only that."""
    match value:
        case {"type": "json_schema", "json_schema": {"schema": schema}} | {"type": "json_schema", "schema": schema}:
            return schema_from(schema)
        case {"type": "json_object"}:
            return {"type": "object"}
    return None


def _format_to(value: Any) -> Any:
    if value is None:
        return None
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema_to(value)}}


def _generated_only(values: Foreign, knobs: dict[str, Any]) -> Iterable[Note]:
    """Presence and frequency count what was generated, as far back as that goes."""
    counts = bool(knobs.get("presence_penalty") or knobs.get("frequency_penalty"))
    repeats = knobs.get("repeat_penalty", 1) != 1
    knobs["repeat_last_n"], knobs["penalize_prompt"] = ALL, repeats
    if counts and repeats:
        yield Note("lost", "repetition_penalty", values.get("repetition_penalty"), "penalize_prompt", True, _BOTH)
    elif counts:
        yield Note("converted", "", None, "penalize_prompt", False, GENERATED_ONLY)


def _windows(knobs: dict[str, Any], _: Foreign) -> Iterable[Note]:
    if not (knobs["presence_penalty"] or knobs["frequency_penalty"] or knobs["repeat_penalty"] != 1):
        return
    for name, there in (("repeat_last_n", ALL), ("penalize_prompt", False)):
        if knobs[name] != there:
            yield Note("lost", "", None, name, knobs[name], GENERATED_ONLY)


def _bias_to(value: Any) -> Any:
    return {str(token): bias for token, bias in value} or None


_SHARED: Final = (
    Field("temperature", "temperature", 1.0, low=0, high=2),
    Field("top_p", "top_p", 1.0, low=0, high=1),
    Field("presence_penalty", "presence_penalty", 0.0, low=-2, high=2),
    Field("frequency_penalty", "frequency_penalty", 0.0, low=-2, high=2),
    Field("seed", "seed", write=lambda value: value if value >= 0 else None),
    Field("stop", "stop", (), texts_from, lambda value: list(value) or None),
    Field("logit_bias", "logit_bias", (), bias_from, _bias_to),
    Field("response_format", "json_schema", None, _format_from, _format_to, about=_FORMAT),
    Field(
        "max_tokens", "max_tokens", 0, int, lambda value: value or None, aliases=("max_completion_tokens",),
        about=Phrase("文脈がいっぱいになるまで", "until the context is full"),
    ),
)  # fmt: skip

OPENAI: Final = Dialect(
    name="openai",
    title="OpenAI",
    form="json",
    fields=_SHARED,
    acting=("penalties", "temperature", "top_p"),
    elsewhere=_REQUEST,
    marks=frozenset({"max_completion_tokens", "messages", "response_format", "reasoning_effort"}),
    together=_generated_only,
    apart=_windows,
)


_OUTPUTS: Final = {"json": "json_schema", "regex": "regex", "grammar": "grammar"}


def _structured(values: Foreign, knobs: dict[str, Any]) -> Iterable[Note]:
    """What the reply has to be stands in an object of its own; a list to choose from is a schema."""
    yield from _generated_only(values, knobs)
    yield from by_template(values, knobs)
    outputs = values.get("structured_outputs")
    if not isinstance(outputs, dict):
        return
    for name, value in outputs.items():
        if value is None:
            continue
        knob, ours = ("json_schema", {"enum": value}) if name == "choice" else (_OUTPUTS.get(name), value)
        if knob is None:
            yield Note("lost", f"structured_outputs.{name}", value, None, None, _FORMAT)
            continue
        knobs[knob] = KNOBS[knob].validate(ours)
        yield Note("converted", f"structured_outputs.{name}", value, knob, knobs[knob], Phrase())


def _to_structured(knobs: dict[str, Any], foreign: Foreign) -> Iterable[Note]:
    yield from _windows(knobs, foreign)
    yield from to_template(knobs, foreign)
    for name in ("regex", "grammar"):
        if knobs[name] is not None:
            foreign.setdefault("structured_outputs", {})[name] = knobs[name]
            yield Note("converted", f"structured_outputs.{name}", knobs[name], name, knobs[name], Phrase())


_WORDS: Final = Phrase(
    "vLLM は語を完成させる最後のトークンだけを禁じ、前には戻らない",
    "vLLM forbids only the last token of a word, and does not go back",
)


def _nowhere(_: Any) -> None:
    """Written elsewhere."""


VLLM: Final = Dialect(
    name="vllm",
    title="vLLM",
    form="json",
    fields=(
        *_SHARED,
        Field("top_k", "top_k", 0, positive, off_to_minus, about=MINUS_WORDS),
        Field("min_p", "min_p", 0.0, low=0, high=1),
        Field("repetition_penalty", "repeat_penalty", 1.0),
        Field("min_tokens", "min_tokens", 0, neutral=0, about=Phrase("最低の長さ", "a least length")),
        Field("ignore_eos", "ignore_eos", False, neutral=False, about=NO_END),
        Field("guided_regex", "regex", None, write=_nowhere, about=_FORMAT),
        Field("guided_grammar", "grammar", None, write=_nowhere, about=_FORMAT),
        Field("thinking_token_budget", "thinking_budget", -1, neutral=-1),
        Field("chat_template_kwargs", "chat_template_kwargs", None, schema_from, schema_to),
        Field("bad_words", "banned_texts", (), texts_from, lambda value: list(value) or None, neutral=[], about=_WORDS),
    ),
    acting=("penalties", "temperature", "min_p", "top_k", "top_p"),
    elsewhere={name: about for name, about in _REQUEST.items() if name != "chat_template_kwargs"}
    | {"structured_outputs": _FORMAT, "guided_json": _FORMAT},
    marks=frozenset({"repetition_penalty", "min_tokens", "structured_outputs", "guided_regex", "guided_grammar",
                     "skip_special_tokens", "bad_words"}),
    together=_structured,
    apart=_to_structured,
)  # fmt: skip
