"""The language of searches."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.errors import QueryError
from tsumami.history.query import FIELDS, All, Either, FieldIs, KnobIs, Not, Text, read


@pytest.mark.parametrize(
    ("line", "node"),
    [
        ("", All(())),
        ("  \u3000 ", All(())),
        ("夕焼け", Text("夕焼け")),
        ('sunset "blue sky"', All((Text("sunset"), Text("blue sky")))),
        (r'"say \"hi\""', Text('say "hi"')),
        ("cat OR dog", Either((Text("cat"), Text("dog")))),
        ("a b OR c", Either((All((Text("a"), Text("b"))), Text("c")))),
        ("-bird", Not(Text("bird"))),
        ("-(a OR -b) c", All((Not(Either((Text("a"), Not(Text("b"))))), Text("c")))),
        ("a - b", All((Text("a"), Text("-"), Text("b")))),
        ("temperature>1", KnobIs("temperature", ">", 1.0)),
        ("top_k=40 top_k!=41", All((KnobIs("top_k", "=", 40.0), KnobIs("top_k", "!=", 41.0)))),
        ("samplers=classic", KnobIs("samplers", "=", "classic")),
        ("ignore_eos=true", KnobIs("ignore_eos", "=", 1.0)),
        ("seed=3 tokens<=8", All((KnobIs("seed", "=", 3.0), KnobIs("tokens", "<=", 8.0)))),
        ("model:smollm2 -tag:poem", All((FieldIs("model", "smollm2"), Not(FieldIs("tag", "poem"))))),
        ('model:"my model"', FieldIs("model", "my model")),
        ("is:starred", FieldIs("is", "starred")),
        ("https://example.org/x", Text("https://example.org/x")),
        ("12:30", Text("12:30")),
        ("1>0", Text("1>0")),
    ],
)
def test_a_line_is_read(line: str, node: object) -> None:
    assert read(line) == node


@pytest.mark.parametrize(
    ("line", "at", "why"),
    [
        ("temprature>1", 0, "temperature"),
        ("夕 temprature>1", 2, "temperature"),
        ("temperature>", 12, "value is missing"),
        ("temperature>warm", 12, "warm is no number"),
        ("samplers>classic", 9, "is no number"),
        ("cat OR", 6, "after OR"),
        ("OR cat", 0, "before OR"),
        ("(cat", 0, "not closed"),
        ("cat)", 3, "not opened"),
        ('a "b', 2, "not closed"),
        ("tag:", 4, "missing"),
        ("is:nice", 3, "starred or unfinished"),
        ("since:yesterday", 6, "2026-11-30"),
        ("(" * 99 + "a" + ")" * 99, 51, "too many"),
    ],
)
def test_what_does_not_fit_is_shown(line: str, at: int, why: str) -> None:
    with pytest.raises(QueryError, match=why) as caught:
        read(line)
    assert caught.value.at == at
    assert str(caught.value).endswith(f"(here: {line[:at]}▸{line[at:]})")


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from([*FIELDS, ":", "OR", "(", ")", "-", '"', "a", ">", " "])).map("".join)
)
def test_any_line_is_read_or_refused(line: str) -> None:
    with contextlib.suppress(QueryError):
        assert read(line) == read(line + " ")
