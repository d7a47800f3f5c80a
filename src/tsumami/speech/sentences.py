"""Cutting a reply into sentences while it is still being written, so that speaking can begin with the first.

Guarantee: the sentences depend on the text alone, never on how it was chunked; put together they are the text,
character for character; and a Markdown code block, a formula or a link is never cut in two, so that `speakable` sees
it whole.

Each decision needs only what has arrived: where more could change it ("3." may become "3.14", 「。」 may get a closing
bracket), the splitter waits for the next character. `flush` says that none will come.
"""

from __future__ import annotations

import re

from tsumami.speech.writing import JAPANESE

__all__ = ["Sentences"]

_ENDERS = "。．｡！？!?.…‥‼⁇⁈⁉"
_CLOSERS = "」』）)】〉》〕］]}｝”’\"'»"
_QUOTE_CLOSERS = "」』”"
# 「行く。」と言った goes on after the quotation.
_GOES_ON = "とっやなのにをがはもで、，,"
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“])(?:e\.g|i\.e|cf|vs|viz|approx|ca|mr|mrs|ms|dr|prof|st|jr|sr|fig|figs|eq|no|nos|vol|pp?|ch|sec|"
    r"ed|eds|inc|ltd|co|corp|dept|est|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|[a-z])$",
    re.IGNORECASE,
)
_NUMBERING = re.compile(r"\s*(?:#+\s*|>\s*)*[(（]?(?:\d{1,4}|[a-zA-Z])$")
_FENCE = re.compile(r"[ \t]*(?:>[ \t]?)*(?:[-*+][ \t]+|\d+[.)][ \t]+)?(?P<mark>`{3,}|~{3,})[^\n]*\n")
_LONGEST = 200  # characters without an end, after which a comma will do
_COMMAS = "、，,;；:："
_SPACE = " \t　\r"


class Sentences:
    """An incremental splitter: `feed` it chunks of a reply, then `flush` it.

    Sentences are raw slices of the text; white space between two belongs to the second. A line break ends a sentence,
    a fenced code block or a displayed formula is one sentence. Text without an end is cut at a comma after 200
    characters, and anywhere after 400.
    """

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, chunk: str) -> list[str]:
        """The sentences that `chunk` completed, in order; often none."""
        self._pending += chunk
        sentences = []
        while (end := _end(self._pending)) is not None:
            sentences.append(self._pending[:end])
            self._pending = self._pending[end:]
        return sentences

    def flush(self) -> str:
        """The rest, which may be empty; the splitter can then be used for another text."""
        rest, self._pending = self._pending, ""
        return rest


def _end(text: str) -> int | None:
    """Where the first sentence of `text` ends, or None while what may follow could change the answer."""
    start = len(text) - len(text.lstrip())
    if start == len(text):
        return None
    line = text.rfind("\n", 0, start) + 1
    if text.startswith(("`", "~"), start) and len(text) - start < 3 and not text[start:].strip("`~"):
        return None
    fence = _FENCE.match(text, line)
    if fence:
        return _fence_end(text, fence)
    if _may_open_fence(text[line:]):
        return None
    return _prose_end(text, start)


def _may_open_fence(line: str) -> bool:
    """Whether a line that has not ended yet may turn out to open a fence."""
    return "\n" not in line and re.match(r"[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?(?:`{3}|~{3})", line) is not None


def _fence_end(text: str, fence: re.Match[str]) -> int | None:
    mark = fence["mark"]
    closing = re.compile(rf"^[ \t>]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*\n", re.MULTILINE)
    closed = closing.search(text, fence.end())
    return closed.end() if closed else None


def _prose_end(text: str, start: int) -> int | None:
    at = start
    while at < len(text):
        if text[at] == "\n":
            return at + 1
        inside = _span_end(text, at)
        if inside is None:
            return None
        if inside > at:
            at = inside
            continue
        if text[at] in _ENDERS:
            stop, ends = _after_ender(text, start, at)
            if stop is None:
                return None
            if ends:
                return stop
            at = stop
            continue
        if at - start >= 2 * _LONGEST:
            return at
        if at - start >= _LONGEST and text[at] in _COMMAS:
            if at + 1 == len(text):
                return None
            if text[at] not in ",:" or text[at + 1] in _SPACE:
                return at + 1
        at += 1
    return None


def _span_end(text: str, at: int) -> int | None:
    """Past the code, formula or link that opens at `at`; `at` itself where none does; None while it is still open.

    What its line does not close is no such thing (a formula: its paragraph).
    """
    for opening, closing, limit in (
        ("$$", "$$", "\n\n"),
        ("\\[", "\\]", "\n\n"),
        ("\\(", "\\)", "\n"),
        ("`", "`", "\n"),
        ("[", "]", "\n"),
        ("](", ")", "\n"),
    ):
        if text.startswith(opening, at):
            return _closed(text, at, opening, closing, limit)
    # A lone last character may be the first half of an opening mark.
    return None if text[at] in "$\\]" and at + 1 == len(text) else at


def _closed(text: str, at: int, opening: str, closing: str, limit: str) -> int | None:
    if opening == "`":
        run = len(text) - at - len(text[at:].lstrip("`"))
        if at + run == len(text):
            return None
        closing = "`" * run
        opening = closing
    end = text.find(closing, at + len(opening))
    stop = text.find(limit, at + len(opening))
    if stop >= 0 and (end < 0 or stop < end):
        return at + len(opening)
    if end < 0:
        return None
    # "]" is left to be looked at again: "(" may follow.
    return end if opening == "[" else end + len(closing)


def _after_ender(text: str, start: int, at: int) -> tuple[int | None, bool]:
    """Past the run of enders and closers at `at`, and whether a sentence ends there; None while that is open."""
    stop = at
    while stop < len(text) and text[stop] in _ENDERS:
        stop += 1
    run = text[at:stop]
    closed = stop
    while closed < len(text) and (text[closed] in _CLOSERS or _closes_emphasis(text, start, closed)):
        closed += 1
    if closed == len(text):
        return None, False
    if set(run) <= {"…", "‥"}:
        return stop, False
    following = text[closed]
    if following in _GOES_ON and any(mark in _QUOTE_CLOSERS for mark in text[stop:closed]):
        return closed, False
    if any(mark in "。｡！？‼⁇⁈⁉" for mark in run):
        return closed, True
    return _after_half_width(text, start, at, closed)


def _after_half_width(text: str, start: int, at: int, closed: int) -> tuple[int | None, bool]:
    """As `_after_ender`, for marks that also stand in numbers, names and abbreviations: . ! ? ．"""
    following = text[closed]
    if following == "\n":
        return closed, True
    if re.match(f"[{JAPANESE}]", following):
        return closed, text[at] in "!?" or re.match(f"[{JAPANESE}]", text[at - 1 : at] or " ") is not None
    if following not in _SPACE:
        return closed, False
    before = text[start:at]
    if text[at] in ".．" and (_NUMBERING.match(before) or (text[at : at + 2] == ". " and _ABBREVIATION.search(before))):
        return closed, False
    rest = text[closed:].lstrip(_SPACE)
    if not rest:
        return None, False
    return closed, not (rest[0].isascii() and rest[0].islower())


def _closes_emphasis(text: str, start: int, at: int) -> bool:
    """Whether the * at `at` closes an emphasis that the sentence opened (it has an odd number of such runs so far)."""
    if text[at] not in "*_~":
        return False
    begin = at
    while begin > start and text[begin - 1] == text[at]:
        begin -= 1
    return len(re.findall(re.escape(text[at]) + "+", text[start:begin])) % 2 == 1
