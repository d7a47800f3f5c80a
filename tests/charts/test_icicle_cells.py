"""Whole characters, and cells without gap."""

from __future__ import annotations

import pytest

from tsumami.charts.icicle_cells import IcicleCell, cells, extents, handy

from .forest import FOREST, map_of, piece


def test_tokens_that_only_together_make_a_character_are_one_cell() -> None:
    first, second = "光".encode()[:1], "光".encode()[1:]
    found = map_of(piece(0.0, 1.0, [first, second, b"a"]))
    assert list(cells(found)) == [IcicleCell(0, 0, 0, 1, "光"), IcicleCell(0, 0, 2, 2, "a")]


def test_neighbours_share_the_cells_of_their_common_beginning_and_no_more() -> None:
    assert set(cells(FOREST)) == {
        IcicleCell(0, 2, 0, 0, "a"),
        IcicleCell(0, 0, 1, 1, "b"),
        IcicleCell(1, 2, 1, 1, "c"),
        IcicleCell(1, 1, 2, 3, "光"),
        IcicleCell(2, 2, 2, 3, "兊"),
        IcicleCell(2, 2, 4, 4, "<b>\n"),
    }


def test_a_beginning_that_ends_within_a_character_is_not_shared_with_one_that_goes_on() -> None:
    half, rest = "光".encode()[:1], "光".encode()[1:]
    found = map_of(piece(0.0, 0.5, [half]), piece(0.5, 1.0, [half, rest]))
    assert set(cells(found)) == {IcicleCell(0, 0, 0, 0, "\ufffd"), IcicleCell(1, 1, 0, 1, "光")}


def test_every_piece_has_each_of_its_tokens_in_one_cell() -> None:
    for index, one in enumerate(FOREST.pieces):
        covered = [
            at for cell in cells(FOREST) if cell.begin <= index <= cell.end for at in range(cell.first, cell.last + 1)
        ]
        assert sorted(covered) == list(range(len(one.tokens)))


def test_pieces_leave_no_gap_and_a_whole_number_is_as_wide_as_its_neighbours() -> None:
    assert [tuple(extent) for extent in extents(FOREST)] == [(0.0, 0.25), (0.25, 0.5), (0.5, 1.0)]
    counted = map_of(piece(1, 2, [b"a"], last=1), piece(2, 9, [b"b"], last=8), piece(9, 9, [b"c"]), knob="top_k")
    assert [tuple(extent) for extent in extents(counted)] == [(0.5, 1.5), (1.5, 8.5), (8.5, 9.5)]


@pytest.mark.parametrize(
    ("low", "last", "value"),
    [(0.72, 0.94, 0.8), (0.0, 2.0, 1), (0.0867131, 0.0867139, 0.0867135), (1.5, 1.5, 1.5), (8, 11, 10), (4, 4, 4)],
)
def test_the_handy_value_lies_inside_and_has_few_digits(low: float, last: float, value: float) -> None:
    assert handy(piece(low, last, [b"a"])) == value
