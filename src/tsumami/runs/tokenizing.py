"""Tokens of a prompt of which is known who wrote what.

Guarantee: a special token stands only where the format wrote its name (or where `parse_special` says so), and words are
plain text, whatever they spell. All else is as if llama.cpp had read the whole text: what stands between two special
tokens is tokenised in one piece, words and format together, so ordinary texts have the tokens that they always had.
A reply whose tokens are known is these tokens. There is one BOS at most at the beginning, whoever writes it.

Source: llama.cpp's `llama_vocab::impl::tokenize` and `tokenizer_st_partition`.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from tsumami.errors import PromptError
from tsumami.native import Mark
from tsumami.prompts import PromptText
from tsumami.runs.backend import Tokenizer

__all__ = ["plain_tokens", "prompt_tokens", "reply_tokens", "special_tokens"]

_SPACE = b" \t\n\v\f\r"  # isspace() of C


def plain_tokens(tokenizer: Tokenizer, text: bytes, *, goes_on: bool = False) -> list[int]:
    """Tokens of words, in which no special token is read. `goes_on`: other text stands before it, so that no space is
    put in front, as some tokenizers do with every text.
    """
    tokens = tokenizer.tokenize(text, add_special=False, parse_special=False)
    if goes_on and b"".join(map(tokenizer.piece, tokens)) != text:
        line = tokenizer.tokenize(b"\n", add_special=False, parse_special=False)
        after = tokenizer.tokenize(b"\n" + text, add_special=False, parse_special=False)
        rest = after[len(line) :]
        if after[: len(line)] == line and b"".join(map(tokenizer.piece, rest)) == text:
            return rest
    return tokens


def special_tokens(tokenizer: Tokenizer, text: str, *, add_special: bool = True) -> list[int]:
    """Tokens of a text in which all names of special tokens are read; with `add_special` what the model wants around
    it, so that BOS comes once even if the text names it, too.
    """
    data = text.encode()
    if not add_special:
        return tokenizer.tokenize(data, add_special=False, parse_special=True)
    around = _Around.of(tokenizer)
    bos = b"".join(map(tokenizer.piece, around.before))
    if not around.before or not data.lstrip(_SPACE).startswith(bos):
        return tokenizer.tokenize(data, add_special=True, parse_special=True)
    tokens = tokenizer.tokenize(data.lstrip(_SPACE), add_special=False, parse_special=True)
    return around.put(tokens)


def reply_tokens(tokenizer: Tokenizer, text: str, tokens: tuple[int, ...] | None) -> tuple[int, ...]:
    """The ids as which a reply goes back: those that it was, as far as they spell its text in this vocabulary (an end
    token is none of them, nor is what spells a stop string that was cut off), else those of its text.
    """
    data = text.encode()
    ids = list(tokens or ())
    if any(not 0 <= one < tokenizer.n_tokens for one in ids):
        ids = []
    while ids and tokenizer.is_eog(ids[-1]):
        ids.pop()
    shown = [b"" if tokenizer.is_control(one) else tokenizer.piece(one) for one in ids]
    spelt = b"".join(shown)
    whole = codecs.getincrementaldecoder("utf-8")("replace").decode(spelt)  # without a character that is not complete
    if ids and text in (whole, spelt.decode("utf-8", "replace")):
        return tuple(ids)
    if not ids or not spelt.startswith(data):
        return tuple(plain_tokens(tokenizer, data, goes_on=True))
    while len(spelt) > len(data) or not shown[-1]:
        spelt = spelt[: len(spelt) - len(shown.pop())]
        if not shown:
            break
    rest = data[len(spelt) :]
    return (*ids[: len(shown)], *(plain_tokens(tokenizer, rest, goes_on=True) if rest else ()))


def prompt_tokens(tokenizer: Tokenizer, given: PromptText) -> tuple[int, ...]:
    """The tokens of a prompt that a format has written.

    Raises:
        PromptError: the format changes messages so that its own special tokens cannot be told from theirs.
    """
    if not given.said:
        _check_sure(tokenizer, given, ())
        return tuple(special_tokens(tokenizer, given.text, add_special=given.add_special))
    stretches = list(_stretches(tokenizer, given))
    named = [mark for one in stretches for _, _, _, mark in one.marks]
    _check_sure(tokenizer, given, [mark for mark in named if mark.special])
    own = {mark.name for mark in named if not mark.special and _bracketed(mark.name.decode("utf-8", "replace"))}
    assembly = _Assembly(tokenizer, own)
    for one in stretches:
        assembly.add(one)
    tokens = assembly.done()
    return tuple(_Around.of(tokenizer).put(tokens) if given.add_special else tokens)


def _bracketed(name: str) -> bool:
    """Whether a name is made as marks are, and not a word, a sign or white space that happens to be one token."""
    return not name[:1].isalnum() and not name[-1:].isalnum() and any(map(str.isalnum, name))


@dataclass(frozen=True)
class _Around:
    """What the model wants before and behind every text: BOS and EOS, or nothing."""

    before: tuple[int, ...]
    behind: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> _Around:
        bare = tokenizer.tokenize(b"a", add_special=False, parse_special=False)
        full = tokenizer.tokenize(b"a", add_special=True, parse_special=False)
        at = next(at for at in range(len(full)) if full[at : at + len(bare)] == bare)
        return cls(tuple(full[:at]), tuple(full[at + len(bare) :]))

    def put(self, tokens: list[int]) -> list[int]:
        """The tokens with it around them, BOS once."""
        first = 0
        while self.before and tuple(tokens[first : first + len(self.before)]) == self.before:
            first += len(self.before)
        return [*self.before, *tokens[first:], *self.behind]


_Place = tuple[int, int, int, Mark]
"""Begin and end of a mark in the bytes of a text, its token, and what it is."""


@dataclass(frozen=True)
class _PromptPart:
    """A part of a prompt: the format's own text with the marks in it, somebody's words, or a reply's tokens."""

    data: bytes
    words: bool = False
    tokens: tuple[int, ...] | None = None
    marks: tuple[_Place, ...] = ()


def _stretches(tokenizer: Tokenizer, given: PromptText) -> Iterator[_PromptPart]:
    at = 0
    for one in given.said:
        yield _format_stretch(tokenizer, given.text[at : one.start])
        words = given.text[one.start : one.end]
        tokens = None if one.tokens is None else reply_tokens(tokenizer, words, one.tokens)
        yield _PromptPart(words.encode(), words=True, tokens=tokens)
        at = one.end
    yield _format_stretch(tokenizer, given.text[at:])


def _format_stretch(tokenizer: Tokenizer, text: str) -> _PromptPart:
    data = text.encode()
    return _PromptPart(data, marks=tuple(marks_in(tokenizer, data)))


def marks_in(tokenizer: Tokenizer, data: bytes) -> Iterator[_Place]:
    """Where the names of tokens stand that llama.cpp reads in a text, from left to right."""
    at = 0
    for token in tokenizer.tokenize(data, add_special=False, parse_special=True) if data else ():
        mark = tokenizer.mark(token)
        if mark is None or (begin := data.find(mark.name, at)) < 0:
            continue
        at = begin + len(mark.name)
        yield begin, at, token, mark


def _check_sure(tokenizer: Tokenizer, given: PromptText, marks: list[Mark] | tuple[()]) -> None:
    """Refuse a prompt in which words might be read as a mark."""
    if not given.unsure:
        return
    if not marks:
        marks = [mark for _, _, _, mark in marks_in(tokenizer, given.text.encode()) if mark.special]
    names = {mark.name.decode("utf-8", "replace") for mark in marks}
    for name in sorted(names):
        if any(name.casefold() in text.casefold() for text in given.unsure):
            raise PromptError(
                f"the chat template changes what was said, so that its own {name} cannot be told from the one in a "
                "message; take that out of the message, or choose the prompt format 'raw' or 'llama2'"
            ).in_japanese(
                f"チャットテンプレートが言葉を変えるので、テンプレートの {name} と発言の中のものを区別できま"
                "せん。発言から除くか、形式 raw か llama2 を選んでください"
            )


@dataclass
class _Assembly:
    """The tokens so far, and the run of text that goes on until the next special token. `own`: names of tokens that the
    tokenizer reads in any text, and with which the format marks something: in words they are taken apart.
    """

    tokenizer: Tokenizer
    own: set[bytes]
    tokens: list[int] = field(default_factory=list)
    run: bytes = b""
    words: list[tuple[int, int]] = field(default_factory=list)
    goes_on: bool = False
    strips: bool = False

    def add(self, stretch: _PromptPart) -> None:
        """The next part of the prompt."""
        if stretch.tokens is not None:
            self.close()
            self.tokens += stretch.tokens
            self.goes_on = True
            return
        at = 0
        for begin, end, token, mark in stretch.marks:
            if not mark.special:
                continue
            self._extend(stretch.data[at:begin], words=False)
            self.close(strip=mark.strips_left)
            self.tokens.append(token)
            self.goes_on, self.strips, at = False, mark.strips_right, end
        self._extend(stretch.data[at:], words=stretch.words)

    def _extend(self, data: bytes, *, words: bool) -> None:
        if words:
            self.words.append((len(self.run), len(self.run) + len(data)))
        self.run += data

    def close(self, *, strip: bool = False) -> None:
        """End the run: its text becomes tokens."""
        cut = len(self.run) - len(self.run.lstrip(_SPACE)) if self.strips else 0
        end = len(self.run.rstrip(_SPACE)) if strip else len(self.run)
        places = sorted({cut, *(at for at in self._breaks() if cut < at < end), max(cut, end)})
        for begin, stop in itertools.pairwise(places):
            goes_on = self.goes_on or begin > cut
            self.tokens += plain_tokens(self.tokenizer, self.run[begin:stop], goes_on=goes_on)
        self.run, self.words, self.strips = b"", [], False

    def _breaks(self) -> Iterator[int]:
        """Where the run is cut, so that no words are read as one of the format's own marks."""
        for name in self.own:
            at = self.run.find(name)
            while at >= 0:
                if any(begin < at + len(name) and at < end for begin, end in self.words):
                    yield at + len(name.decode("utf-8", "replace")[:1].encode())
                at = self.run.find(name, at + 1)

    def done(self) -> list[int]:
        """All tokens."""
        self.close()
        return self.tokens
