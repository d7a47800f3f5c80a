"""Shares as people read them: three digits, the same everywhere, and never nothing or all where it is not."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tsumami
from tsumami.charts.words import _WORDS as CHART_WORDS
from tsumami.wording import LANGUAGES, counted, filled, percent


def test_there_are_two_languages() -> None:
    assert LANGUAGES == ("ja", "en")


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0%"),
        (None, "0%"),
        (1e-9, "<0.0001%"),
        (0.0000123, "0.00123%"),
        (0.0123, "1.23%"),
        (0.2, "20%"),
        (0.9994, "99.9%"),
        (0.9996, "99.9%"),
        (1 - 1e-9, "100%"),
        (1, "100%"),
    ],
)
def test_a_share_as_people_read_it(share: float | None, said: str) -> None:
    assert percent(share) == said


@given(st.floats(0, 1))
def test_what_is_said_is_near_and_has_no_exponent(share: float) -> None:
    said = percent(share)
    assert "e" not in said
    assert (said == "0%") == (share == 0)
    if not said.startswith("<"):
        assert float(said.rstrip("%")) / 100 == pytest.approx(share, rel=0.006)


@given(st.integers(0, 10**7))
def test_one_of_a_thing_is_never_called_several(number: int) -> None:
    assert counted(number, "token") == f"{number:,} token{'' if number == 1 else 's'}"
    for given_as in (number, f"{number:,}"):
        assert filled("{n} {n:row|rows}; {n:it is|{n} are}", n=given_as) == (
            "1 row; it is" if number == 1 else f"{given_as} rows; {given_as} are"
        )


def test_places_without_a_choice_are_filled_as_ever() -> None:
    assert filled("{a} of {b:>4}, {c:.1f}", a="x", b=7, c=0.25) == "x of    7, 0.2"


# --- one of a thing is never called several ---

SOURCE = Path(tsumami.__file__).parent
#: A number that is filled in, and a word behind it that ends in s.
BEHIND = re.compile(r" (?:more |other |different |neighbouring |whole )?([a-z][a-z-]*s)\b(?![/:])")
#: Words behind something filled in that name no number of things.
NO_PLURAL = {
    "across", "adapts", "as", "becomes", "chooses", "decides", "differs", "does", "exists", "falls", "forbids",
    "has", "holds", "is", "names", "needs", "repeats", "runs", "sends", "settings", "sorts", "takes", "tells",
    "wants", "was", "weights",
}  # fmt: skip
#: Where others' words are given as they are: llama.cpp's own message, which programs look for.
OTHERS_WORDS = {"serve/faults.py"}


def strings() -> Iterator[tuple[str, str]]:
    """Every text that a program can say, with its file: a number that is filled in as `{}`, a fixed one as `5`."""
    for path in sorted(SOURCE.rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr) and where not in OTHERS_WORDS:
                yield where, "".join(map(part_text, node.values))
    for locale in sorted((SOURCE / "app/words/locales").glob("en.json")):
        for key, text in json.loads(locale.read_text("utf-8")).items():
            yield key, table_text(text)
    for key, (_, text) in CHART_WORDS.items():
        yield key, table_text(text)


def table_text(text: str) -> str:
    """A text of a table, without the places where it chooses a word by a number."""
    chosen = re.compile(r"\{\w+:[^{}|]*\|[^{}]*(?:\{\w+\}[^{}]*)?\}")
    return re.sub(r"\{\w+\}", "{}", chosen.sub("", text))


def part_text(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = part.value if isinstance(part, ast.FormattedValue) else part
    fixed = isinstance(value, ast.Name) and value.id.isupper()  # of a constant it is known how many it is
    measured = isinstance(part, ast.FormattedValue) and (part.conversion == ord("r") or "." in spec_of(part))
    return "5" if fixed or measured else "{}"


def spec_of(part: ast.FormattedValue) -> str:
    """How a number is written: one with a point in it is measured, not counted."""
    return "" if part.format_spec is None else ast.unparse(part.format_spec)


def test_what_is_counted_agrees_with_its_number() -> None:
    wrong = {
        f"{where}: {text[max(found.start() - 20, 0) : found.end()]}"
        for where, text in strings()
        for found in re.finditer(r"\{\}" + BEHIND.pattern, text)
        if found[1] not in NO_PLURAL
    }
    assert wrong == set(), "say it with `counted` or `filled` of tsumami.wording"


def test_nobody_leaves_the_choice_to_the_reader() -> None:
    assert [(where, text) for where, text in strings() if re.search(r"[a-z]\(e?s\)", text)] == []


def test_a_wrong_plural_would_be_found() -> None:
    assert re.search(r"\{\}" + BEHIND.pattern, "{} texts over it")
    assert not re.search(r"\{\}" + BEHIND.pattern, "{} tokens/s")
