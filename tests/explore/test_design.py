"""A design: what is not said comes from its base, and lists with nothing in them are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from tsumami.errors import SettingsError, UnknownKnobError
from tsumami.explore.design import Design, listed_seeds
from tsumami.settings import Settings

BASE = Settings(temperature=0.5, max_tokens=7)


def test_several_knobs_give_every_combination_the_last_one_fastest() -> None:
    points = Design(BASE, {"top_k": [1, 2], "min_p": [0.1, 0.2]}).points(9)
    assert [(one.top_k, one.min_p) for one in points] == [(1, 0.1), (1, 0.2), (2, 0.1), (2, 0.2)]
    assert {(one.temperature, one.max_tokens, one.seed) for one in points} == {(0.5, 7, 9)}


def test_listed_settings_are_taken_whole_or_put_over_the_base() -> None:
    whole, over, own = Design(BASE, settings=[Settings(top_k=3), {"top_k": 4}, {"seed": 2}]).points(9)
    assert (whole.top_k, whole.temperature, whole.seed) == (3, Settings().temperature, 9)
    assert (over.top_k, over.temperature, over.seed) == (4, 0.5, 9)
    assert own.seed == 2


def test_without_either_it_is_the_base() -> None:
    assert Design(BASE).points(0) == [BASE.replace(seed=0)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vary": {"top_k": [1]}, "settings": [{}]}, "give one of them"),
        ({"vary": {}}, "vary"),
        ({"vary": {"top_k": []}}, "top_k"),
        ({"vary": {"samplers": "classic"}}, "samplers = 'classic'"),
        ({"vary": {"top_k": 3}}, "top_k = 3"),
        ({"settings": []}, "settings"),
    ],
)
def test_what_is_no_design_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Design(BASE, **given)


def test_a_value_that_a_knob_cannot_have_is_refused_before_anything_is_made() -> None:
    with pytest.raises(UnknownKnobError, match="temperature"):
        Design(BASE, {"temprature": [1.0]}).points(0)
    with pytest.raises(SettingsError, match="top_k"):
        Design(BASE, settings=[{"top_k": -1}]).points(0)


def test_a_number_of_seeds_is_so_many_from_the_base_s_on() -> None:
    assert list(listed_seeds(3, BASE.replace(seed=7), 8)) == [7, 8, 9]
    assert list(listed_seeds(2, BASE, 8)) == [0, 1], "a random one"
    for number in (0, -1, 9, 10**30):
        with pytest.raises(SettingsError, match="needs 1 to 8 seeds"):
            listed_seeds(number, BASE, 8)
