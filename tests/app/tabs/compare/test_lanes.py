"""Lanes as a person writes them mean what they say, or are named."""

from __future__ import annotations

from typing import Any

import pytest

from tsumami.app.tabs.compare.lanes import Written, names, read, written
from tsumami.errors import SettingsError, TsumamiError


@pytest.mark.parametrize(
    ("line", "knobs"),
    [
        ("temperature=3, top_k=40", {"temperature": 3, "top_k": 40}),
        ("  temperature = 0.5  ", {"temperature": 0.5}),
        ("seed=7,", {"seed": 7}),
        ("penalize_prompt=false", {"penalize_prompt": False}),
        ('stop=["a, b", "c"], top_k=1', {"stop": ["a, b", "c"], "top_k": 1}),
        ('grammar="root ::= [a-z]+, "', {"grammar": "root ::= [a-z]+, "}),
        ("top_p: 0.9", {"top_p": 0.9}),
    ],
)
def test_a_line_of_knobs(line: str, knobs: dict[str, Any]) -> None:
    assert read(line) == [Written(knobs)]


def test_a_prompt_takes_the_rest_of_its_line_and_empty_lines_mean_nothing() -> None:
    assert read("\nprompt=a, b=c\n\n") == [Written({}, "a, b=c")]


@pytest.mark.parametrize("line", ["nothing", "=3", "no_such_knob=1", "top_k=", "3"])
def test_a_line_that_means_nothing_is_named(line: str) -> None:
    with pytest.raises(TsumamiError):
        read(line)


def test_the_message_shows_the_line() -> None:
    with pytest.raises(SettingsError, match="'top_k' is not of the form"):
        read("top_k")


def test_lanes_of_a_knob_read_back() -> None:
    assert read(written("top_k", "40, 100,")) == [Written({"top_k": 40}), Written({"top_k": 100})]


def test_names_differ() -> None:
    assert names(read("top_k=1\ntop_k=1\nprompt=x\ntop_k=1")) == ["top_k=1", "top_k=1 (2)", "x", "top_k=1 (3)"]
