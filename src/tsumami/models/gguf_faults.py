"""What is said of a GGUF file that cannot be used, in both languages.

Guarantee: every sentence names the file, what is wrong with it, and the remedy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tsumami.errors import ModelFormatError

__all__ = ["LOOKALIKES", "truncated", "unusable"]

#: How other files begin that are taken for models, what they are, in English and Japanese, and what to do.
LOOKALIKES: Final = (
    (
        b"FUGG",
        "a GGUF file written in reverse; use one for little-endian machines",
        "逆順に書かれた GGUF ファイル（リトルエンディアンのものを使ってください）",
    ),
    (
        b"lmgg",
        "the old GGML format; use a GGUF file of the same model",
        "古い GGML 形式（同じモデルの GGUF ファイルを使ってください）",
    ),
    (
        b"fmgg",
        "the old GGMF format; use a GGUF file of the same model",
        "古い GGMF 形式（同じモデルの GGUF ファイルを使ってください）",
    ),
    (
        b"tjgg",
        "the old GGJT format; use a GGUF file of the same model",
        "古い GGJT 形式（同じモデルの GGUF ファイルを使ってください）",
    ),
    (
        b"algg",
        "a LoRA adapter in the old GGLA format; use a model in GGUF format",
        "古い GGLA 形式の LoRA アダプター（GGUF 形式のモデルを使ってください）",
    ),
    (
        b"PK\x03\x04",
        "a ZIP archive (perhaps PyTorch weights); convert it with llama.cpp's convert_hf_to_gguf.py",
        "ZIP（PyTorch の重みかもしれません。llama.cpp の convert_hf_to_gguf.py で変換してください）",
    ),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the weights; download the file itself",
        "重みではなく Git LFS のしるし（ファイルそのものを取得してください）",
    ),
    (
        b"<",
        "a web page; the download fetched the page around the model, not the model",
        "Web ページ（モデルではなく、その紹介のページが取得されました）",
    ),
)


def unusable(path: Path, reason: str, reason_ja: str) -> ModelFormatError:
    """It is no GGUF model, or one that claims what cannot be."""
    return ModelFormatError(f"{path} is not a GGUF model that can be used: {reason}").in_japanese(
        f"{path} は使える GGUF のモデルではありません。{reason_ja}"
    )


def truncated(path: Path, what: str, position: int, end: int) -> ModelFormatError:
    """It ends inside of something."""
    return ModelFormatError(
        f"{path} is truncated or damaged: its header's {what} at byte {position:,} runs past the end of the file at"
        f" {end:,}; download or copy it again"
    ).in_japanese(
        f"{path} は途中で切れているか壊れています。見出しの {what}（バイト {position:,}）が、"
        f"ファイルの終わり {end:,} を越えます。取り直すか、コピーし直してください"
    )
