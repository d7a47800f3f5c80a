"""Who wrote what: which stretches of a prompt's text are somebody's words, and which are the format's own.

Guarantee: only what a format itself writes is ever read for the names of special tokens. A chat template is a program
that may trim, cut, split, repeat or compare what was said, so nothing about its text is guessed: it is run a second
time with every character of the messages dyed, and only if that gives the same text in colour is the colour believed.

    Said      a stretch of somebody's words; of a reply, the tokens that it was
    Writing   a text as a format writes it, word by word
    Dyer      finds the words in what a template made of them
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tsumami.errors import TemplateError
from tsumami.prompts.messages import Message

__all__ = ["Dyer", "Said", "Worded", "Writing"]

#: Private characters of Unicode's last two planes, which stand for others while a template runs.
_DYES: Final = range(0xF0000, 0x110000)


@dataclass(frozen=True)
class Said:
    """`text[start:end]` is what a person or the model wrote. `tokens`: the ids that a reply was, if they are known."""

    start: int
    end: int
    tokens: tuple[int, ...] | None = None


@dataclass
class Writing:
    """A text that grows. `read`: names of special tokens are to be read in what people say, too."""

    read: bool = False
    text: str = ""
    said: list[Said] = field(default_factory=list)

    def mark(self, text: str) -> None:
        """Something that the format itself says."""
        self.text += text

    def say(self, message: Message) -> None:
        """What somebody said."""
        start = len(self.text)
        self.text += message.content
        if message.content and (message.tokens is not None or not self.read):
            self.said.append(Said(start, len(self.text), message.tokens))


@dataclass(frozen=True)
class Worded:
    """A template's text, the words in it, and texts of which it could not be told whether they are words or the
    template's own.
    """

    text: str
    said: tuple[Said, ...]
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dyer:
    """`render` gives the template's text for other contents of the same messages; it raises `TemplateError`. `tested`:
    the texts that the template looks for, which must stay as they are for it to take the same way.
    """

    messages: Sequence[Message]
    render: Callable[[Sequence[str]], str]
    tested: Collection[str] = ()

    def find(self, text: str) -> Worded:
        """Where the words are in the template's text."""
        contents = [message.content for message in self.messages]
        dyes = _Dyes.of(text, contents, 2 * len(contents))
        if dyes is None:
            return Worded(text, (), tuple(contents))
        whole = self._attempt(text, dyes, None)
        if isinstance(whole, Worded):
            return whole
        return self._keeping(text, dyes, whole) or self._fenced(text, dyes) or Worded(text, (), tuple(contents))

    def _keeping(self, text: str, dyes: _Dyes, whole: str | None) -> Worded | None:
        """The words, if what the template looks for keeps its letters. `whole`: what it gives if nothing does."""
        contents = [message.content for message in self.messages]
        present = [one for one in self.tested if one and any(one in content for content in contents)]
        if not present:
            return None
        kept = re.compile(f"((?:{'|'.join(map(re.escape, sorted(present, key=len, reverse=True)))})+)")
        found = self._attempt(text, dyes, kept)
        if not isinstance(found, Worded):
            return None
        shown = {one for content in contents for one in kept.findall(content)}
        return replace(found, unsure=tuple(one for one in shown if whole is None or whole.count(one) < text.count(one)))

    def _attempt(self, text: str, dyes: _Dyes, kept: re.Pattern[str] | None) -> Worded | str | None:
        """The words, if the template gives the same text in colour; else what it gave, if anything."""
        dyed = [dyes.dyed(message.content, at, kept) for at, message in enumerate(self.messages)]
        try:
            coloured = self.render(dyed)
        except TemplateError:
            return None
        if len(coloured) != len(text) or dyes.washed(coloured) != text:
            return coloured
        return _joined(text, coloured, dyes, self._replies(text, coloured, dyes))

    def _fenced(self, text: str, dyes: _Dyes) -> Worded | None:
        """The words, if the template changes nothing of them but capitals: between two private characters each."""
        fenced = []
        for at, message in enumerate(self.messages):
            core = message.content.strip()
            first, last = dyes.edges(at)
            fenced.append(message.content.replace(core, first + core + last, 1) if core else message.content)
        try:
            made = self.render(fenced)
        except TemplateError:
            return None
        said, plain = list[Said](), ""
        for at, part in enumerate(dyes.split(made)):
            if at % 2:
                said.append(Said(len(plain), len(plain) + len(part)))
            plain += part
        cores = {message.content.strip().casefold() for message in self.messages}
        true = plain == text and all(text[one.start : one.end].casefold() in cores for one in said)
        return Worded(text, tuple(said)) if true else None

    def _replies(self, text: str, coloured: str, dyes: _Dyes) -> list[tuple[Said, str]]:
        """Where the replies stand whose tokens are known, each with what it said. One that the template cuts, or says
        twice, is none of them.
        """
        found = []
        for at, message in enumerate(self.messages):
            core = message.content.strip()
            first, last = dyes.edges(at)
            if message.tokens is None or coloured.count(first) != 1:
                continue
            start = coloured.index(first)
            end = start + len(core)
            if text[start:end] == core and (len(core) == 1 or coloured[end - 1] == last):
                found.append((Said(start, end, message.tokens), message.content))
        return self._with_space(text, sorted(found, key=lambda one: one[0].start))

    def _with_space(self, text: str, found: list[tuple[Said, str]]) -> list[tuple[Said, str]]:
        """The same, with the white space at their ends where the template leaves it there. Where it trims, the reply
        goes back as it was all the same; where neither is certain, it is not a reply that was found.
        """
        if all(words == words.strip() for _, words in found):
            return found
        bare = [message.content if message.tokens is None else message.content.strip() for message in self.messages]
        with contextlib.suppress(TemplateError):
            if self.render(bare) == text:
                return found
        wider = []
        for said, words in found:
            start = said.start - (len(words) - len(words.lstrip()))
            end = start + len(words)
            if start >= 0 and text[start:end] == words:
                wider.append((replace(said, start=start, end=end), words))
        return wider


@dataclass(frozen=True)
class _Dyes:
    """One private character for every character of the messages that is no white space, and two for each message, for
    its first and its last one.
    """

    first: int
    table: dict[int, int]
    count: int
    _washed: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, contents: Sequence[str], edges: int) -> _Dyes | None:
        """Dyes that occur nowhere in text and contents; None if there are not enough."""
        letters = sorted({letter for content in contents for letter in content if not letter.isspace()})
        taken = sorted({ord(letter) for letter in {*letters, *text} if ord(letter) in _DYES})
        count = len(letters) + edges
        for first in (_DYES.start, *(one + 1 for one in taken)):
            block = range(first, first + count)
            if block.stop <= _DYES.stop and not any(one in block for one in taken):
                return cls(first, {ord(letter): first + edges + at for at, letter in enumerate(letters)}, count)
        return None

    def edges(self, at: int) -> tuple[str, str]:
        """What stands for the first and the last character of a message."""
        return chr(self.first + 2 * at), chr(self.first + 2 * at + 1)

    def dyed(self, content: str, at: int, kept: re.Pattern[str] | None) -> str:
        """The content in colour, all but what is `kept`."""
        parts = [content] if kept is None else kept.split(content)
        coloured = "".join(part if odd % 2 else part.translate(self.table) for odd, part in enumerate(parts))
        start, end = len(content) - len(content.lstrip()), len(content.rstrip())
        for place, dye in ((end - 1, self.edges(at)[1]), (start, self.edges(at)[0])):
            if start < end and coloured[place] != content[place]:
                self._washed[ord(dye)] = content[place]
                coloured = coloured[:place] + dye + coloured[place + 1 :]
        return coloured

    def washed(self, coloured: str) -> str:
        """The text without colour."""
        return coloured.translate({dye: chr(letter) for letter, dye in self.table.items()} | self._washed)

    def split(self, fenced: str) -> list[str]:
        """The text between private characters, before the first one, behind it, and so on."""
        return re.split(f"[{chr(self.first)}-{chr(self.first + self.count - 1)}]", fenced)

    def stretches(self, coloured: str) -> Iterator[tuple[int, int]]:
        """Begin and end of whatever is in colour, the white space between included."""
        dye = f"[{chr(self.first)}-{chr(self.first + self.count - 1)}]"
        for found in re.finditer(rf"{dye}(?:\s*{dye})*", coloured):
            yield found.span()


def _joined(text: str, coloured: str, dyes: _Dyes, replies: list[tuple[Said, str]]) -> Worded:
    """The text with the replies as they were, and all words in it."""
    made, said, at = "", list[Said](), 0
    for reply, words in [*replies, (Said(len(text), len(text)), "")]:
        said += [Said(len(made) + begin, len(made) + end) for begin, end in dyes.stretches(coloured[at : reply.start])]
        made += text[at : reply.start]
        if words:
            said.append(Said(len(made), len(made) + len(words), reply.tokens))
        made += words
        at = reply.end
    return Worded(made, tuple(said))
