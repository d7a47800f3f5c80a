"""Other libraries' words in a Japanese sentence: what they really say now is known, and the rest is quoted."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from typing import Any

import jinja2
import pydantic
import pytest

from tsumami.constraints import regex
from tsumami.errors import TsumamiError
from tsumami.quoting import theirs


def said(act: Callable[[], object]) -> str:
    with pytest.raises(Exception) as raised:  # noqa: PT011  (whatever they raise)
        act()
    return str(raised.value)


def jinja(source: str) -> str:
    made = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    return said(lambda: made.from_string(source).render())


def pydantic_says(kind: Any, value: object) -> str:
    with pytest.raises(pydantic.ValidationError) as raised:
        pydantic.TypeAdapter(kind, config=pydantic.ConfigDict(strict=True)).validate_python(value)
    return str(raised.value.errors()[0]["msg"])


@pytest.mark.parametrize("text", ["", "{", '{"a" 1}', '{"a": 1 "b"}', '"', '"\n"', '"\\x"', "1 2", "[1,"])
def test_what_python_says_of_json_is_known_with_its_place(text: str) -> None:
    words = theirs(said(lambda: json.loads(text)))
    assert "「" not in words
    assert "文字目" in words


@pytest.mark.parametrize("data", [b"\xff", b"\xe3\x81a", b"\xe3\x81"])
def test_what_python_says_of_bytes_that_are_no_text_is_known(data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError) as raised:
        data.decode()
    assert "「" not in theirs(raised.value.reason)


@pytest.mark.parametrize(
    "number", [errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.EISDIR, errno.EADDRINUSE, errno.ECONNREFUSED]
)
def test_what_the_system_says_is_known(number: int) -> None:
    assert "「" not in theirs(os.strerror(number))
    assert "「" not in theirs(OSError(number, os.strerror(number)))


def test_the_name_of_a_file_stays_in_it() -> None:
    assert theirs(OSError(errno.ENOENT, os.strerror(errno.ENOENT), "a/b.gguf")) == "ファイルがありません（a/b.gguf）"


@pytest.mark.parametrize(
    "source",
    ["{{ nothing }}", "{% nothing %}", "{{ 1 | nothing }}", "{{ 1 is nothing }}", "{{ ", "{% if 1 %}", "{{ ) }}"],
)
def test_what_jinja_says_is_known(source: str) -> None:
    assert "「" not in theirs(jinja(source)), jinja(source)


@pytest.mark.parametrize(("kind", "value"), [(int, "a"), (float, "a"), (str, 1), (bool, "x"), (list[int], 1)])
def test_what_pydantic_says_is_known(kind: Any, value: object) -> None:
    assert "「" not in theirs(pydantic_says(kind, value)), pydantic_says(kind, value)


@pytest.mark.parametrize("pattern", ["[a", "(a", "a)", "*a", r"\y", r"(?=a)", r"(a)\1"])
def test_what_llguidance_says_of_a_regular_expression_is_known(pattern: str) -> None:
    with pytest.raises(TsumamiError) as raised:
        regex.check(pattern)
    assert "「" not in raised.value.ja, str(raised.value)
    assert raised.value.ja != str(raised.value)


def test_what_is_not_known_is_quoted_and_nothing_is_left_out() -> None:
    assert theirs("something new: 3 {x}") == "「something new: 3 {x}」"
    assert theirs(ValueError("")) == "理由は不明"
