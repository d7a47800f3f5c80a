"""The dialects, each a table in the file of its program."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tsumami.exchange.dialect import Dialect
from tsumami.exchange.dialects import kobold, llama_cpp, lm_studio, ollama, openai, own, transformers, webui

__all__ = ["DIALECTS"]

_ALL: Final = (
    own.OWN,
    llama_cpp.SERVER,
    llama_cpp.FLAGS,
    llama_cpp.PRESETS,
    llama_cpp.GGUF,
    webui.SILLYTAVERN,
    webui.WEBUI,
    kobold.SILLYTAVERN,
    kobold.API,
    ollama.MODELFILE,
    ollama.OPTIONS,
    lm_studio.NEW,
    lm_studio.OLD,
    transformers.DIALECT,
    openai.OPENAI,
    openai.VLLM,
)

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType({one.name: one for one in _ALL})
"""By name, in the order in which they are listed."""
