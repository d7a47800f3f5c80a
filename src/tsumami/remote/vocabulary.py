"""The vocabulary of an engine elsewhere, read once; texts become tokens there.

Guarantee: ids, bytes and marks are those of the engine; what a text's tokens are is asked of it each time, but for the
texts that were asked last.
"""

from __future__ import annotations

import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from tsumami.errors import EngineError, PromptError
from tsumami.native import Mark

__all__ = ["RemoteTokenizer", "Vocabulary"]

_REMEMBERED: Final = 512  # texts


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The bytes of every token (a special one's are its name), which are `marks`, and which end a reply."""

    pieces: tuple[bytes, ...]
    marks: frozenset[int]
    ends: frozenset[int]
    bos: int | None
    eos: int | None

    @property
    def digest(self) -> str:
        """One number for all of it."""
        made = hashlib.sha256()
        for piece in self.pieces:
            made.update(len(piece).to_bytes(4, "little") + piece)
        made.update(repr((sorted(self.marks), sorted(self.ends), self.bos, self.eos)).encode())
        return made.hexdigest()


class RemoteTokenizer:
    """Text to tokens, asked there, and tokens to bytes, known here."""

    has_texts: Final = True

    def __init__(self, vocabulary: Vocabulary, ask: Callable[..., list[int]]) -> None:
        """`ask` is given a text, `add_special` and `parse_special`, and gives its token ids."""
        self._words, self._ask = vocabulary, ask
        self._known: OrderedDict[tuple[str, bool, bool], tuple[int, ...]] = OrderedDict()
        self._lock = Lock()

    @property
    def n_tokens(self) -> int:
        """Size of the vocabulary."""
        return len(self._words.pieces)

    @property
    def bos(self) -> int | None:
        """Beginning-of-sequence token, if the model has one."""
        return self._words.bos

    @property
    def eos(self) -> int | None:
        """End-of-sequence token, if the model has one."""
        return self._words.eos

    @functools.cached_property
    def longest_piece(self) -> int:
        """Bytes of the longest token."""
        return max(map(len, self._words.pieces), default=1)

    def tokenize(self, text: bytes, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of a text.

        Raises:
            PromptError: the bytes are no whole characters, which the engine cannot be sent.
        """
        try:
            key = (text.decode(), add_special, parse_special)
        except UnicodeDecodeError as error:
            raise PromptError("an engine elsewhere takes whole characters only, and these bytes are none").in_japanese(
                "ほかの場所のエンジンが受け取るのは完全な文字だけですが、このバイト列は文字になりません"
            ) from error
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = tuple(self._ask(key[0], add_special=add_special, parse_special=parse_special))
            with self._lock:
                self._known[key] = found
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return list(found)

    def only_tokens(self, data: bytes, count: int) -> tuple[int, ...] | None:
        """The only `count` tokens of text whose bytes are `data`; None: there are none, or several such ways."""
        ways: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {(0, 0): (1, ())}  # (bytes, tokens): how many, one
        for number in range(count):
            for end in range(1, len(data) + 1):
                before = [
                    (ways[start, number], token)
                    for start in range(max(0, end - self.longest_piece), end)
                    if (start, number) in ways
                    for token in self._by_bytes.get(data[start:end], ())
                ]
                if before:
                    (_, tokens), token = before[0]
                    ways[end, number + 1] = sum(many for (many, _), _ in before), (*tokens, token)
        many, found = ways.get((len(data), count), (0, ()))
        return found if many == 1 else None

    @functools.cached_property
    def _by_bytes(self) -> dict[bytes, list[int]]:
        made: dict[bytes, list[int]] = {}
        for token, piece in enumerate(self._words.pieces):
            if token not in self._words.marks:
                made.setdefault(piece, []).append(token)
        return made

    def piece(self, token: int) -> bytes:
        """The bytes of a token; special ones give their name."""
        if not 0 <= token < self.n_tokens:
            raise EngineError(f"token id {token} is outside the vocabulary (0..{self.n_tokens - 1})").in_japanese(
                f"トークン ID {token} は語彙（0〜{self.n_tokens - 1}）にありません"
            )
        return self._words.pieces[token]

    def is_eog(self, token: int) -> bool:
        """Whether generation ends with this token."""
        return token in self._words.ends

    def is_control(self, token: int) -> bool:
        """Whether the token is a mark and not text."""
        return token in self._words.marks

    def mark(self, token: int) -> Mark | None:
        """The mark that the token is; None for text."""
        return Mark(self._words.pieces[token], special=True) if token in self._words.marks else None
