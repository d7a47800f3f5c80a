"""Token texts: which tokens of a vocabulary end a reply, and which ones a text means.

Guarantee: a vocabulary is gone through once, when something is first asked of it. A text means every token that is
exactly it; `<[12]>` means the token of that id, as in a grammar.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tsumami.errors import SettingsError
from tsumami.knobs.values import TextBias

__all__ = ["TokenTexts", "biased_tokens", "end_tokens", "meant"]

_ID: Final = re.compile(r"<\[(\d+)\]>")


class TokenTexts(Protocol):
    """What is asked of a vocabulary: llama.cpp's (native.py) can, and so can the tokenizer of a scripted model."""

    @property
    def n_tokens(self) -> int:
        """Size of the vocabulary."""

    def tokenize(self, text: bytes, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of a text."""

    def piece(self, token: int) -> bytes:
        """The bytes of a token; special ones give their name."""

    def is_eog(self, token: int) -> bool:
        """Whether generation ends with this token."""

    def is_control(self, token: int) -> bool:
        """Whether the token is a mark and not text."""


@dataclass(frozen=True, slots=True)
class _Index:
    ends: tuple[int, ...]
    by_piece: Mapping[bytes, tuple[int, ...]]


_known: Final[weakref.WeakKeyDictionary[TokenTexts, _Index]] = weakref.WeakKeyDictionary()
_lock: Final = threading.Lock()


def _index(texts: TokenTexts) -> _Index:
    with _lock:
        if texts not in _known:
            by_piece: defaultdict[bytes, list[int]] = defaultdict(list)
            for token in range(texts.n_tokens):
                by_piece[texts.piece(token)].append(token)
            ends = tuple(token for token in range(texts.n_tokens) if texts.is_eog(token))
            _known[texts] = _Index(ends, {piece: tuple(tokens) for piece, tokens in by_piece.items()})
        return _known[texts]


def end_tokens(texts: TokenTexts) -> tuple[int, ...]:
    """The tokens that end a reply."""
    return _index(texts).ends


def meant(texts: TokenTexts, knob: str, entries: Iterable[str]) -> frozenset[int]:
    """The tokens that entries of a knob mean; of a text that no token is, all that it is spelt with.

    Raises:
        SettingsError: an id beyond the vocabulary.
    """
    found: set[int] = set()
    for entry in entries:
        found.update(_by_id(texts, knob, entry) or _exactly(texts, entry) or _spelt(texts, entry))
    return frozenset(found)


def biased_tokens(texts: TokenTexts, biases: Iterable[TextBias]) -> dict[int, float]:
    """What `text_bias` adds to which token: every token that is exactly a text; of a longer text the first of those it
    is spelt with that no other entry reaches. Two entries that reach one token add up.

    Source: llama-server's `logit_bias` of texts; llama.cpp #5003.
    """
    found: defaultdict[int, float] = defaultdict(float)
    longer: list[TextBias] = []
    for text, bias in biases:
        tokens = _by_id(texts, "text_bias", text) or _exactly(texts, text)
        for token in tokens:
            found[token] += bias
        longer += [(text, bias)] if not tokens else []
    for text, bias in longer:
        first = next((token for token in _spelt(texts, text) if token not in found), None)
        if first is not None:
            found[first] = bias
    return dict(found)


def _by_id(texts: TokenTexts, knob: str, entry: str) -> tuple[int, ...]:
    named = _ID.fullmatch(entry)
    if named is None:
        return ()
    token = int(named[1])
    if token >= texts.n_tokens:
        raise SettingsError(
            f"{knob} names token {token}, but this vocabulary ends at {texts.n_tokens - 1}"
        ).in_japanese(f"{knob} にトークン {token} がありますが、この語彙は {texts.n_tokens - 1} までです")
    return (token,)


def _exactly(texts: TokenTexts, text: str) -> tuple[int, ...]:
    return _index(texts).by_piece.get(text.encode(), ())


def _spelt(texts: TokenTexts, text: str) -> list[int]:
    return texts.tokenize(text.encode(), add_special=False, parse_special=True)
