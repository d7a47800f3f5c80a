"""GBNF: a grammar's text to the native sampler, or an error that names the line.

Guarantee: a text that llama.cpp cannot use ends in a `GrammarError` with the line, the line's text and the reason,
nothing is printed, and no text can take the process down. Syntax is llama.cpp's to judge; the one thing refused before
it gets that far is a repetition that counts backwards, `{3,1}`: llama.cpp computes max - min without a sign and then
builds rules until memory is full.
"""

from __future__ import annotations

import re
from typing import Final

from tsumami import native
from tsumami.errors import GrammarError

_LITERALS: Final = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*', re.DOTALL)
_REPETITION: Final = re.compile(r"\{\s*(\d+)\s*,\s*(\d+)\s*\}")
_UNDEFINED: Final = re.compile(r"Undefined rule identifier '(.+)'")


def grammar_sampler(vocab: native.Vocab, text: str) -> native.NativeSampler:
    """The native sampler of a grammar, its root rule named `root`.

    Raises:
        GrammarError: the text does not parse, has no rule `root`, or has a rule that begins with itself.
    """
    _refuse_backward_repetition(text)
    try:
        return native.grammar(vocab, text)
    except GrammarError as error:
        raise GrammarError(_located(text, str(error))) from None


def _refuse_backward_repetition(text: str) -> None:
    bare = _LITERALS.sub(_blanks, text)
    for found in _REPETITION.finditer(bare):
        if int(found[2]) < int(found[1]):
            reason = f"{found[0]} repeats at least {found[1]} and at most {found[2]} times; swap the two"
            raise GrammarError(_message(text, found.start(), reason))


def _blanks(found: re.Match[str]) -> str:
    """Blanks in place of a literal, a class or a comment, so that positions stay."""
    return re.sub(r"[^\n]", " ", found[0])


def _located(text: str, complaint: str) -> str:
    """llama.cpp's complaint with the line it is about; it quotes all of the text that it has not read yet."""
    undefined = _UNDEFINED.search(complaint)
    if undefined is not None:
        used = re.search(rf"(?<![\w-]){re.escape(undefined[1])}(?![\w-])", _LITERALS.sub(_blanks, text))
        return _message(text, used.start() if used else 0, f"the rule {undefined[1]!r} is used and not defined")
    if complaint == "unexpected end of input":
        return _message(text, len(text.rstrip()), "the text ends inside a literal or a character class")
    if "left recursion" in complaint:
        return (
            "the grammar does not parse: a rule begins with itself (left recursion); let it begin with something else"
        )
    at = complaint.find(" at ")
    while at >= 0:
        rest = complaint[at + 4 :]
        if text.endswith(rest):
            return _message(text, len(text) - len(rest), complaint[:at])
        at = complaint.find(" at ", at + 1)
    return f"the grammar does not parse: {complaint or 'llama.cpp gave no reason'}"


def _message(text: str, position: int, reason: str) -> str:
    start = text.rfind("\n", 0, position) + 1
    line = text[start:].split("\n", 1)[0]
    return (
        f"the grammar does not parse at line {text.count(chr(10), 0, position) + 1}, column {position - start + 1}"
        f" ({line.strip()!r}): {reason}"
    )
