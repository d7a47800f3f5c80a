"""Where a map changes most."""

from __future__ import annotations

import itertools

import pytest

import tsumami
from tsumami.explore.maps import KnobMap, MapPiece, TextChange, changes


@pytest.fixture(scope="module")
def found(model: tsumami.Model) -> KnobMap:
    return model.knob_map("Once upon a time", "temperature", 0.05, 2, max_tokens=5, seed=0)


def test_every_change_is_one_between_two_texts_of_the_map(found: KnobMap) -> None:
    made = changes(found)
    assert made
    for one in made:
        assert one.before.text != one.after.text
        assert found.at(one.at) == one.after
        assert one.before.tokens[: one.common] == one.after.tokens[: one.common]
        assert one.before.tokens[one.common : one.common + 1] != one.after.tokens[one.common : one.common + 1]
        assert one.before.finished
        assert one.after.finished
    assert all(left.size >= right.size for left, right in itertools.pairwise(made))


def test_a_flicker_is_one_change(found: KnobMap) -> None:
    inside = {at for one in found.flickers for at in range(one.begin, one.end + 1)}
    assert inside, "this map has some"
    flickering = {found.pieces[at].low for at in inside}
    assert not {one.at for one in changes(found)} & flickering
    assert len(changes(found)) <= len(found.pieces) - len(inside) - 1


def piece(low: float, high: float, *tokens: int) -> MapPiece:
    pieces = tuple(b"%d" % token for token in tokens)
    return MapPiece(low, high, high, b"".join(pieces).decode(), tokens, pieces, True, "length")


def test_large_is_what_changes_much_of_texts_that_hold_over_much() -> None:
    early = TextChange(1.0, piece(0, 1, 1, 2, 3, 4), piece(1, 3, 9, 2, 3, 4), 0)
    late = TextChange(1.0, piece(0, 1, 1, 2, 3, 4), piece(1, 3, 1, 2, 3, 9), 3)
    narrow = TextChange(1.0, piece(0, 1, 1, 2, 3, 4), piece(1, 1.1, 9, 2, 3, 4), 0)
    assert (early.share, late.share) == (1.0, 0.25)
    assert early.size > late.size > narrow.size
