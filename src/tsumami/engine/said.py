"""Notices: what llama.cpp says in passing of a model, a context or a prompt, in words that a user understands.

Guarantee: no warning is lost. One that is known is told in Japanese and English, with llama.cpp's own first line of its
kind and how many there were; one that is not known is quoted as it is. Only what tsumami itself asked llama.cpp for is
marked as such (`ours`), so that it need not be told to everybody. Nothing in a line can steer a terminal: what cannot
be printed is escaped.

Source of the lines: llama.cpp's src/llama-vocab.cpp, llama-model.cpp, llama-model-loader.cpp, llama-context.cpp and
llama-kv-cache-iswa.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tsumami.wording import filled

__all__ = ["Notice", "notices"]

_LONG: Final = 300  # characters of a line
_MOST: Final = 50  # kinds that are kept


@dataclass(frozen=True, slots=True)
class Notice:
    """One kind of warning: its `code` (`unknown` for what is quoted only), llama.cpp's first line of it, and how many
    lines of that kind there were.
    """

    code: str
    line: str
    count: int = 1

    @property
    def ours(self) -> bool:
        """Whether it only says what tsumami asked for."""
        return _KINDS[self.code].ours if self.code in _KINDS else False

    @property
    def ja(self) -> str:
        """In a sentence, in Japanese."""
        return self._words(0)

    @property
    def en(self) -> str:
        """In a sentence, in English."""
        return self._words(1)

    def _words(self, language: int) -> str:
        kind = _KINDS.get(self.code)
        match = kind.pattern.search(self.line) if kind is not None else None
        if kind is None or match is None:  # also a code of another version of tsumami
            return (f"llama.cpp の警告: {self.line}", f"llama.cpp warns: {self.line}")[language]
        more = (f"（同様の警告が全部で {self.count} 件）", f" ({self.count} such warnings)")[language]
        counted = "" if self.count == 1 else more
        return filled((kind.ja, kind.en)[language], **match.groupdict()) + counted


@dataclass(frozen=True, slots=True)
class _Kind:
    """The lines of one kind; names in the pattern stand in the words."""

    pattern: re.Pattern[str]
    ja: str
    en: str
    ours: bool = False


def _kind(pattern: str, ja: str, en: str, *, ours: bool = False) -> _Kind:
    return _Kind(re.compile(pattern), ja, en, ours)


_KINDS: Final[Mapping[str, _Kind]] = {
    "pre_tokenizer": _kind(
        "missing (or unrecognized )?pre-tokenizer type",
        "モデルのファイルに文の区切り方（tokenizer.ggml.pre）が書かれていないので、既定の区切り方を使います。"
        "トークンの分け方が学習時と違い、文章の質が落ちます。新しく変換されたファイルを使ってください",
        "the model's file does not say how its text is split (tokenizer.ggml.pre), so a default is used: the tokens "
        "are not those of the training and the texts get worse; take a file that was converted anew",
    ),
    "unused_tensor": _kind(
        r"model has unused tensor (?P<name>\S+)",
        "ファイルにある重み {name} は、この llama.cpp では使われません",
        "this llama.cpp does not use the tensor {name} of the file",
    ),
    "overridden_type": _kind(
        r"control-looking token: +(?P<id>\d+) '(?P<name>.*)' was not control-type",
        "トークン {id}「{name}」は印のように見えるのにファイルではふつうの文字なので、llama.cpp が印として扱います",
        "token {id} “{name}” looks like a mark but is plain text in the file; llama.cpp treats it as a mark",
    ),
    "special_token": _kind(
        r"special token:? '(?P<name>.*)' = (?P<id>-?\d+)(?=,| out of)",
        "ファイルが {name} に指定するトークン {id} は存在しないので、使われません",
        "the file names token {id} as {name}, which does not exist; it is not used",
    ),
    "end_token": _kind(
        r"special_(?P<name>eos|eot|eom)_id is not in special_eog_ids|EOG token id (?P<id>\S+) is out of range",
        "ファイルの終わりのトークンの指定が食い違っています。文章が終わるべき所で終わらないことがあります",
        "the file contradicts itself about its end tokens: a text may not end where it should",
    ),
    "end_removed": _kind(
        r"is a normal token here, removing it from EOG list|special_eog_ids contains both",
        "llama.cpp が終わりのトークンの一つを、ふつうのトークンとして扱います",
        "llama.cpp treats one of the end tokens as an ordinary one",
    ),
    "empty_token": _kind(
        r"empty token at index (?P<id>\d+)",
        "トークン {id} には文字がありません",
        "token {id} has no text",
    ),
    "dummy_tokens": _kind(
        r"adding (?P<number>\d+) dummy tokens",
        "ファイルに語彙がないので、llama.cpp が文字のないトークンを {number} 個作ります",
        "the file holds no vocabulary: llama.cpp makes {number} {number:token|tokens} without text",
    ),
    "no_newline": _kind(
        "missing newline token|newline token not found",
        "語彙に改行のトークンがないので、llama.cpp が別のトークンで代用します",
        "the vocabulary has no token for a line break: llama.cpp takes another one instead",
    ),
    "user_token": _kind(
        r"setting token '(?P<name>.*)' \((?P<id>\d+)\) attribute to USER_DEFINED",
        "トークン {id}「{name}」を llama.cpp がふつうの文字として扱います",
        "llama.cpp treats token {id} “{name}” as text",
    ),
    "overridden_metadata": _kind(
        r"override '(?P<name>.*)' to '(?P<value>.*)'|Using metadata override",
        "ファイルの設定の一つを llama.cpp が別の値に置き換えました",
        "llama.cpp replaced one of the file's settings by another value",
    ),
    "sliding_window": _kind(
        "SWA is currently disabled",
        "このモデルのスライディングウィンドウ注意は llama.cpp では使えません。長い文では質が落ちることがあります",
        "llama.cpp cannot use this model's sliding-window attention: long texts may get worse",
    ),
    "dense_attention": _kind(
        "running DENSE attention",
        "このモデルの疎な注意を llama.cpp が密な計算で置き換えます。文章の質が落ちることがあります",
        "llama.cpp replaces this model's sparse attention by a dense one: the texts may get worse",
    ),
    "two_bos": _kind(
        "now the final prompt starts with 2 BOS tokens",
        "プロンプトに文頭のトークンがすでに書かれているので、2 つ並びます。書かれているほうを取り除いてください",
        "the prompt already begins with the beginning-of-text token, so there are two of it; remove the one you wrote",
    ),
    "two_eos": _kind(
        "now the final prompt ends with 2 EOS tokens",
        "プロンプトの終わりに文末のトークンがすでにあるので、2 つ並びます。書かれているほうを取り除いてください",
        "the prompt already ends with the end-of-text token, so there are two of it; remove the one you wrote",
    ),
    "shared_context": _kind(
        r"n_ctx_seq \((?P<now>\d+)\) > n_ctx_train \((?P<trained>\d+)\)",
        "キャッシュは {now} トークンで、モデルの学習時の {trained} より広く取ってあります"
        "（1 つの文章はそれを超えません）",
        "the cache has {now} {now:token|tokens}, more than the {trained} of the training; no single text goes "
        "beyond those",
        ours=True,
    ),
    "whole_window": _kind(
        "using full-size SWA cache",
        "途中から計算し直せるように、スライディングウィンドウの外も覚えておきます",
        "what lies outside the sliding window is kept, too, so that texts can be gone on with from any place",
        ours=True,
    ),
    "pooling": _kind(
        "model default pooling_type is",
        "隠れ状態をトークンごとに受け取ります",
        "hidden states are handed out token by token",
        ours=True,
    ),
}  # fmt: skip

#: Lines that are the frame of a warning, or belong to one that is known.
_FRAME: Final = re.compile(r"^\S+: *(\**|GENERATION QUALITY WILL BE DEGRADED!|CONSIDER REGENERATING THE MODEL)\s*$")


def notices(lines: Iterable[str], hidden: Mapping[str, str] | None = None) -> tuple[Notice, ...]:
    """What llama.cpp's lines say, one notice a kind, in their order.

    Args:
        lines: as llama.cpp logged them.
        hidden: texts that must not be told, such as a path, and what stands in their place.
    """
    found: dict[str, Notice] = {}
    for line in lines:
        if not line.strip() or _FRAME.match(line):
            continue
        shown = _printable(line, hidden or {})
        code = next((code for code, kind in _KINDS.items() if kind.pattern.search(shown)), "unknown")
        key = code if code != "unknown" else shown
        before = found.get(key)
        if before is not None:
            found[key] = replace(before, count=before.count + 1)
        elif len(found) < _MOST:
            found[key] = Notice(code, shown)
    return tuple(found.values())


def _printable(line: str, hidden: Mapping[str, str]) -> str:
    for text, instead in hidden.items():
        line = line.replace(text, instead)
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line.strip())
    return shown if len(shown) <= _LONG else f"{shown[:_LONG]}…"
