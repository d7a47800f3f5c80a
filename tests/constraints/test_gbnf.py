"""A grammar that cannot be used names its line, prints nothing, and leaves the process standing."""

from __future__ import annotations

import pytest

from tsumami.constraints.gbnf import check
from tsumami.errors import GrammarError
from tsumami.model import Model

BROKEN = {
    "no arrow": ('root ::= "a"\nbar = 3', r"line 2, column 5 \('bar = 3'\): expecting ::="),
    "an undefined rule": ('# foo\nroot ::= "foo" |\n foo-bar', r"line 3, column 2 .*'foo-bar' is used and not defined"),
    "an open literal": ('root ::= x\nx ::= "abc', r"line 2, column 11 .*ends inside a literal"),
    "an open class": ("root ::= [a-", r"line 1, .*ends inside a literal or a character class"),
    "an open group": ('root ::= ("a"', r"line 1, column 14 .*expecting '\)'"),
    "a bad escape": ('root ::= "b"\nx ::= "\\q"', r"line 2, .*unknown escape"),
    "a bad hex digit": ('root ::= "\\x"', r"line 1, .*expecting 2 hex chars"),
    "nothing to repeat": ("root ::= *", r"line 1, .*expecting preceding item"),
    "a name that is no name": ('あ ::= "x"', r"line 1, column 1 .*expecting name"),
    "a text with ' at ' in it": ('root ::= "at at at" at at at\nx = " at "', r"line 2, column 3 .*expecting ::="),
    "too many repeats": ('root ::= "a"{99999999}', r"number of repetitions"),
    "a backward repeat": (
        'root ::= "{1,2}"\nx ::= "a"{3, 1}',
        r"line 2, column 10 .*\{3, 1\} repeats at least 3",
    ),
    "no root": ('foo ::= "a"', r"'root' symbol"),
    "left recursion": ('root ::= root "a"', r"begins with itself"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_grammar_names_its_line_and_the_reason(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    text, message = BROKEN[name]
    with pytest.raises(GrammarError, match=message):
        check(text)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "text", ['root ::= "{3,1}"', "root ::= [{3,1}]+", 'root ::= "a" # {3,1}', 'root ::= "\\"{3,1}"']
)
def test_braces_in_literals_classes_and_comments_are_just_text(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", [BROKEN["no arrow"][0], BROKEN["a backward repeat"][0]])
def test_a_run_with_a_broken_grammar_never_starts(text: str, model: Model) -> None:
    with pytest.raises(GrammarError, match="line 2"):
        model.run("x", grammar=text)
