"""A flicker is told from texts that come back by themselves, and each of its values gives what the map says."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from tests.support.maps import assert_whole

import tsumami
from tsumami.boundaries.axis import Axis
from tsumami.explore.maps.flicker import REACH, Flicker
from tsumami.explore.maps.knob_map import KnobMap, MapPiece
from tsumami.knobs import get

PROMPT = "Once upon a time, in the town of lights,"


@pytest.fixture(scope="module")
def found(model: tsumami.Model) -> KnobMap:
    return model.knob_map(PROMPT, "temperature", 0.05, 2, seed=0, max_tokens=6, leaves=16)


def test_the_tiny_pieces_of_a_map_are_in_flickers(found: KnobMap) -> None:
    assert_whole(found)
    assert found.flickers
    flickering = np.array(found.to_pandas()["flicker"])
    wide = np.array([one.last - one.low > 1e-4 for one in found.pieces])
    assert not np.any(flickering & wide)
    assert len(found.pieces) - flickering.sum() < 2 * len(found.texts), "what is left are real pieces"
    for one in found.flickers:
        assert found.pieces[one.begin].low == one.low
        assert found.pieces[one.end].last == one.last
        beside = [found.pieces[at].tokens for at in (one.begin - 1, one.end + 1)]
        inside = [piece.tokens for piece in found.pieces[one.begin : one.end + 1]]
        assert one.texts == len({*inside, *beside}) > 1
        assert len(inside) + 2 > one.texts, "a text comes back"


def test_every_value_of_a_flicker_gives_the_text_of_its_piece(model: tsumami.Model, found: KnobMap) -> None:
    axis = Axis(get(found.knob), found.low, found.high)
    one = min((one for one in found.flickers if one.end > one.begin + 1), key=_values)
    places = range(axis.ordinal(one.low) - 1, axis.ordinal(one.last) + 2)
    assert len(places) == one.values + 2
    texts = []
    for value in map(axis.value, places):
        run = model.run(PROMPT, seed=0, max_tokens=6, temperature=value)
        assert run.tokens == found.at(value).tokens[: len(run.tokens)]
        texts.append(run.tokens)
    changes = sum(left != right for left, right in itertools.pairwise(texts))
    assert changes == one.end - one.begin + 2, "from each piece to the next, and into and out of it"


def _values(one: Flicker) -> int:
    return one.values


def made(found: KnobMap, knob: str, low: float, widths: list[int], texts: str) -> KnobMap:
    """A map whose pieces are so many 32-bit floats wide and have one token each."""
    axis = Axis.of(knob, low, low + 0.5)
    place, pieces = axis.ordinal(low), []
    for width, text in zip(widths, texts, strict=True):
        first, last, after = (axis.value(place + more) for more in (0, width - 1, width))
        pieces.append(MapPiece(first, after, last, text, (ord(text),), (text.encode(),), True, "length"))
        place += width
    return replace(found, knob=knob, low=low, high=pieces[-1].last, pieces=tuple(pieces))


@pytest.mark.parametrize(
    ("widths", "texts", "expected"),
    [
        ([9000, 1, 1, 9000], "ABAB", [(1, 2, 2, 2)]),
        ([9000, 1, 9000], "ABA", [(1, 1, 1, 2)]),
        ([9000, REACH - 1, 9000], "ABA", [(1, 1, REACH - 1, 2)]),
        ([9000, REACH, 9000], "ABA", []),
        ([9000, 1, 9000], "ABC", []),
        ([9000, 2, 3, 1, 5, 9000], "ABCACD", [(1, 3, 6, 3)]),
        ([9000, 1, 9000, 1, 9000], "ABACA", [(1, 1, 1, 2), (3, 3, 1, 2)]),
    ],
)
def test_a_text_that_comes_back_at_once_is_a_flicker_and_nothing_else(
    found: KnobMap, widths: list[int], texts: str, expected: list[tuple[int, ...]]
) -> None:
    flickers = made(found, "temperature", 1.0, widths, texts).flickers
    assert [(one.begin, one.end, one.values, one.texts) for one in flickers] == expected


def test_what_is_added_to_a_logit_is_as_coarse_as_the_logit(found: KnobMap) -> None:
    small = made(found, "presence_penalty", 2.0**-10, [9000, 1000 * REACH, 9000], "ABA")
    assert [one.values for one in small.flickers] == [1000 * REACH]


@pytest.mark.parametrize("knob", ["top_p", "min_p", "typical_p"])
def test_knobs_that_cut_have_no_flicker(found: KnobMap, knob: str) -> None:
    assert not made(found, knob, 0.25, [9000, 1, 9000], "ABA").flickers


def test_it_says_where_it_is_how_wide_and_why(found: KnobMap) -> None:
    (one,) = made(found, "temperature", 1.0, [9000, 1, 1, 9000], "ABAB").flickers
    for said in (one.ja, one.en):
        assert f"{one.low:.9g}" in said
        assert f"{one.last:.9g}" in said
    assert "2 neighbouring 32-bit floats" in one.en
    assert "32 ビット浮動小数点数で 2 個分" in one.ja
    (single,) = made(found, "temperature", 1.0, [9000, 1, 9000], "ABA").flickers
    assert "one 32-bit float" in single.en
