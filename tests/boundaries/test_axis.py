"""An axis has an ordinal for every value that llama.cpp can tell apart, and none between."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.boundaries.axis import Axis, Span, check_mappable
from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS

FLOATS = st.floats(-3, 3, width=32)
PENALTY = Axis.of("frequency_penalty", -2, 2)
TEMPERATURE = Axis.of("temperature", 0, 3)
TOP_K = Axis.of("top_k", 0, 100)


def mappable(name: str) -> bool:
    try:
        check_mappable(name)
    except SettingsError:
        return False
    return True


MAPPABLE = [name for name in KNOBS if mappable(name)]


@given(FLOATS)
def test_a_value_has_an_ordinal_and_an_ordinal_its_value(value: float) -> None:
    ordinal = PENALTY.ordinal(value)
    assert np.float32(PENALTY.value(ordinal)) == np.float32(value)
    assert PENALTY.ordinal(PENALTY.value(ordinal)) == ordinal
    assert PENALTY.values(np.array([ordinal]))[0] == np.float32(value)


@given(FLOATS, FLOATS)
def test_ordinals_are_in_the_order_of_the_values(one: float, other: float) -> None:
    assert (PENALTY.ordinal(one) < PENALTY.ordinal(other)) == (one < other)
    if one == other:
        assert PENALTY.ordinal(one) == PENALTY.ordinal(other), "also of 0.0 and -0.0"


@given(st.floats(-2, 2, width=32, exclude_max=True))
def test_between_neighbours_there_is_no_32_bit_float(value: float) -> None:
    after = np.nextafter(np.float32(value), np.float32(np.inf))
    assert PENALTY.ordinal(float(after)) == PENALTY.ordinal(value) + (after != value)


def test_integers_are_their_own_ordinals() -> None:
    assert [TOP_K.ordinal(k) for k in (0, 1, 40)] == [0, 1, 40]
    assert TOP_K.value(40) == 40
    assert isinstance(TOP_K.value(40), int)


@pytest.mark.parametrize("name", MAPPABLE)
def test_spans_lie_side_by_side_from_end_to_end(name: str) -> None:
    axis = Axis.handy(name)
    spans = axis.spans()
    assert (spans[0].first, spans[-1].last) == (axis.ordinal(axis.low), axis.ordinal(axis.high))
    smallest = axis.knob.smallest or 0
    for left, right in itertools.pairwise(spans):
        gap = range(left.last + 1, right.first)
        assert not gap or all(0 < axis.value(one) < smallest for one in (gap[0], gap[-1])), "only what no knob takes"


@pytest.mark.parametrize("name", MAPPABLE)
def test_the_neutral_value_is_a_span_of_its_own(name: str) -> None:
    axis, neutral = Axis.handy(name), KNOBS[name].neutral
    if neutral is not None and axis.low <= neutral <= axis.high:
        assert Span(axis.ordinal(neutral), axis.ordinal(neutral)) in axis.spans()


@pytest.mark.parametrize("axis", [PENALTY, TEMPERATURE, TOP_K], ids=["floats", "positive", "integers"])
@pytest.mark.parametrize("parts", [2, 3, 7, 64])
def test_a_cut_is_whole_and_of_about_equal_width(axis: Axis, parts: int) -> None:
    whole = Span(axis.ordinal(axis.low), axis.ordinal(axis.high))
    cut = axis.cut(whole, parts)
    assert 2 <= len(cut) <= parts
    assert (cut[0].first, cut[-1].last) == whole
    assert all(a.last + 1 == b.first for a, b in itertools.pairwise(cut))
    widths = [axis.width(span) for span in cut]
    assert sum(widths) == pytest.approx(axis.width(whole), rel=1e-4)
    assert max(widths) <= 2 * min(widths) + 1


@given(st.integers(-(10**9), 10**9), st.integers(2, 10**6), st.integers(2, 50))
def test_every_box_of_two_or_more_can_be_cut(first: int, size: int, parts: int) -> None:
    span = Span(first, first + size - 1)
    for cut in (PENALTY.cut(span, parts), span.cut(parts)):
        assert 2 <= len(cut) <= parts
        assert (cut[0].first, cut[-1].last) == (span.first, span.last)
        assert all(a.last + 1 == b.first and len(a) > 0 for a, b in itertools.pairwise(cut))
    sizes = [len(part) for part in span.cut(parts)]
    assert max(sizes) - min(sizes) <= 1


def test_a_handy_axis_is_the_slider_widened_to_what_it_must_hold() -> None:
    assert (Axis.handy("temperature").low, Axis.handy("temperature").high) == (0, 3)
    assert Axis.handy("temperature", 4.5).high == 4.5
    assert Axis.handy("frequency_penalty", -7, 1).low == -7


@pytest.mark.parametrize("name", [name for name in KNOBS if name not in MAPPABLE])
def test_what_has_no_order_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} cannot be mapped"):
        Axis.of(name, 0, 1)
