"""Sampling there, in one call: llama-server chooses the tokens by itself, and its stream is read.

Guarantee: a token counts as told only if the stream named it, or if the bytes that came leave no other: the server
names no token that ends in the middle of a character. Where more than one could have been, the tokens that are known
end there.

Field by field as the server of llama.cpp b8000 and later streams from /completion (its tools/server/README.md).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from tsumami.errors import RemoteError
from tsumami.remote.vocabulary import RemoteTokenizer
from tsumami.remote.wire import Answer

__all__ = ["ThereReading", "there_body"]

_LONGEST_GAP: Final = 16  # tokens of one character
_UNKNOWN: Final = "\ufffd".encode()  # what the server writes for bytes that are no character
_STOPS: Final[Mapping[str, Literal["eog", "stop", "length"]]] = {"eos": "eog", "word": "stop", "limit": "length"}


def there_body(tokens: Sequence[int], values: Mapping[str, Any]) -> dict[str, Any]:
    """What to ask: to go on from `tokens` with the server's own samplers set to `values`, piece by piece."""
    return {**values, "prompt": list(tokens), "stream": True, "n_probs": 0, "cache_prompt": True, "return_tokens": True}


class ThereReading:
    """One stream as it is read: `text` so far, how many tokens it `count`s, and the first of these, as far as it is
    known which they are; `reason`: why it ended.
    """

    def __init__(self, texts: RemoteTokenizer, check: Callable[[Answer], None]) -> None:
        """`check` is given the last piece, and raises a RemoteError if it is another model's."""
        self.text = ""
        self.tokens: list[int] = []
        self.count = 0
        self.reason: Literal["eog", "stop", "length", "context"] | None = None
        self.stop_string: str | None = None
        self.cached = 0
        self._texts, self._check = texts, check
        self._told = b""  # the bytes of `tokens`

    def take(self, piece: Answer) -> str:
        """Read one piece, and give the text that is new in it.

        Raises:
            RemoteError: it is not as documented, or of another model.
        """
        try:
            new = str.__str__(piece["content"])  # a TypeError of anything else
            tokens = [operator.index(token) for token in piece["tokens"]]
            count = operator.index(piece["tokens_predicted"])
            self.text += new
            if piece["stop"]:
                self._end(piece, count)
            else:
                self._add(tokens, count)
        except (KeyError, TypeError, AttributeError) as error:
            raise RemoteError(
                f"llama-server's stream is not as documented: {type(error).__name__}; take a newer one"
            ).in_japanese(
                f"llama-server のストリームが文書のとおりではありません: {type(error).__name__}。"
                "新しい llama-server を使ってください"
            ) from None
        return new

    def _add(self, tokens: list[int], count: int) -> None:
        """Tokens that were named, after as many unnamed ones as `count` says that there are."""
        named = b"".join(map(self._bytes, tokens))
        missing = count - self.count - len(tokens)
        known = len(self.tokens) == self.count  # before: after a gap nothing is known any more
        found = self._between(missing, named) if known and missing else ()
        if known and found is not None:
            self.tokens += (*found, *tokens)
            self._told += b"".join(map(self._bytes, (*found, *tokens)))
        self.count = count

    def _between(self, missing: int, after: bytes) -> tuple[int, ...] | None:
        """The tokens that the stream left out: those of which the bytes so far consist, if no others do."""
        text = self.text.encode()
        between = text.removesuffix(after)[len(self._told) :]
        if text != self._told + between + after or _UNKNOWN in between + after or not 0 < missing <= _LONGEST_GAP:
            return None
        return self._texts.only_tokens(between, missing)

    def _bytes(self, token: int) -> bytes:
        """What a token adds to the text there: nothing, if it is a mark."""
        return b"" if self._texts.is_control(token) else self._texts.piece(token)

    def _end(self, piece: Answer, count: int) -> None:
        self._check(piece)
        self.count = count
        self.reason = _STOPS[piece["stop_type"]] if not piece.get("truncated") else "context"
        self.stop_string = piece["stopping_word"] or None if self.reason == "stop" else None
        self.cached = int(piece["timings"].get("cache_n", 0))
