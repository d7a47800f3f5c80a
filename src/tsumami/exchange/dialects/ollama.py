"""Ollama: Modelfiles, and the options of its API.

Source: Ollama's api/types.go (`Options`, `DefaultOptions` of 2026-08) and parser/parser.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tsumami.exchange.dialect import Dialect, Field, Foreign, named
from tsumami.exchange.notes import Note, Phrase
from tsumami.exchange.values import (
    ALL_WORDS,
    LENGTH_WORDS,
    length_from,
    length_to_minus,
    schema_from,
    schema_to,
    texts_from,
    think_from,
    think_to,
    whole_window,
    window_to_minus,
)

_LOADING: Final = Phrase("モデルの読み込みの設定", "how the model is loaded")
_FIELDS: Final = (
    Field("temperature", "temperature", 0.8, low=0),
    Field("top_k", "top_k", 40, low=0),
    Field("top_p", "top_p", 0.9, low=0, high=1),
    Field("min_p", "min_p", 0.0, low=0, high=1),
    Field("typical_p", "typical_p", 1.0, low=0, high=1),
    Field("repeat_last_n", "repeat_last_n", 64, whole_window, window_to_minus, about=ALL_WORDS),
    Field("repeat_penalty", "repeat_penalty", 1.0),
    Field("presence_penalty", "presence_penalty", 0.0),
    Field("frequency_penalty", "frequency_penalty", 0.0),
    Field("seed", "seed", -1),
    Field("num_predict", "max_tokens", -1, length_from, length_to_minus, about=LENGTH_WORDS),
    Field("stop", "stop", (), texts_from, lambda value: list(value) or None),
    Field("mirostat", "mirostat_mode", 0, dead=True),
    Field("mirostat_tau", "mirostat_tau", 5.0, dead=True),
    Field("mirostat_eta", "mirostat_eta", 0.1, dead=True),
    Field("tfs_z", "tfs_z", 1.0, dead=True),
    Field("penalize_newline", None, False, dead=True),
)
_ACTING: Final = ("penalties", "top_k", "typ_p", "top_p", "min_p", "temperature")
_ELSEWHERE: Final = named(
        "num_ctx num_batch num_gpu main_gpu num_thread num_keep use_mmap use_mlock numa low_vram vocab_only "
        "num_gqa f16_kv draft_num_predict",
        _LOADING,
    )  # fmt: skip
_INSTRUCTIONS: Final = named(
    "FROM TEMPLATE SYSTEM ADAPTER LICENSE MESSAGE RENDERER PARSER REQUIRES DRAFT",
    Phrase("モデルやプロンプトの指定", "about the model or the prompt"),
)

_QUOTES: Final = Phrase('テキストに """ は入れられない', 'a text there cannot hold """')


def _without_quotes(_: dict[str, Any], foreign: Foreign) -> Iterable[Note]:
    """A stop text with three quotation marks has no end there."""
    texts = foreign.get("stop", [])
    unfit = [text for text in texts if '"""' in text]
    if unfit:
        foreign["stop"] = [text for text in texts if text not in unfit]
        yield Note("lost", "stop", unfit, "stop", tuple(texts), _QUOTES)


MODELFILE: Final = Dialect(
    name="ollama-modelfile",
    title="Ollama",
    form="modelfile",
    fields=_FIELDS,
    acting=_ACTING,
    elsewhere={**_ELSEWHERE, **_INSTRUCTIONS},
    apart=_without_quotes,
)


def _options(form: Any) -> Foreign | None:
    """A request's body with its `options`, or the options alone; a schema stands beside them as `format`."""
    match form:
        case {"options": dict(options), **body}:
            return {**{name: value for name, value in body.items() if name != "options"}, **options}
        case dict():
            return dict(form)
    return None


OPTIONS: Final = Dialect(
    name="ollama",
    title="Ollama",
    form="json",
    fields=(
        *_FIELDS,
        Field("format", "json_schema", None, schema_from, schema_to),
        Field("think", "thinking", None, think_from, think_to),
    ),
    acting=_ACTING,
    elsewhere={
        **_ELSEWHERE,
        **named(
        "model prompt messages stream keep_alive raw system template context images suffix tools",
        Phrase("リクエストの一部", "a part of the request"),
    ),
    },
    marks=frozenset({"num_ctx", "num_predict", "num_gpu", "num_thread", "num_batch", "keep_alive", "num_keep"}),
    unwrap=_options,
    wrap=lambda values: {"options": values},
)  # fmt: skip
