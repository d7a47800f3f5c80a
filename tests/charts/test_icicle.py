"""The icicle: whole characters, cells without gap, and the same cells on the chart, the page and in the notebook."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tsumami
from tsumami.charts.icicle import icicle
from tsumami.charts.icicle_cells import PALETTE, Cell, cells, extents, handy
from tsumami.charts.icicle_page import IcicleFrame, icicle_data, icicle_page
from tsumami.explore.maps.knob_map import KnobMap, MapPiece
from tsumami.testing import ByteTokenizer, ScriptedModel, saying


def piece(low: float, high: float, data: list[bytes], *, last: float | None = None, finished: bool = True) -> MapPiece:
    text = b"".join(data).decode("utf-8", "replace")
    tokens = tuple(zlib.crc32(part) for part in data)
    stop = "length" if finished else None
    return MapPiece(low, high, high if last is None else last, text, tokens, tuple(data), finished, stop)


def map_of(*pieces: MapPiece, knob: str = "temperature") -> KnobMap:
    receipt = ScriptedModel(saying("a", ByteTokenizer())).run("x", max_tokens=1).receipt
    return KnobMap(knob, pieces[0].low, pieces[-1].high, pieces, 1.0, 8, 4, 1, 0.0, receipt)


def drawn(found: KnobMap) -> list[dict[str, Any]]:
    """The rows that the chart draws as cells."""
    made = icicle(found).to_dict()["layer"]
    return list(made[1]["data"]["values"])


FOREST = map_of(
    piece(0.0, 0.25, [b"a", b"b"], last=0.24),
    piece(0.25, 0.5, [b"a", b"c", b"\xe5\x85", b"\x89"], last=0.49),
    piece(0.5, 1.0, [b"a", b"c", b"\xe5\x85", b"\x8a", b"<b>\n"], finished=False),
)


def test_tokens_that_only_together_make_a_character_are_one_cell() -> None:
    first, second = "光".encode()[:1], "光".encode()[1:]
    found = map_of(piece(0.0, 1.0, [first, second, b"a"]))
    assert list(cells(found)) == [Cell(0, 0, 0, 1, "光"), Cell(0, 0, 2, 2, "a")]


def test_neighbours_share_the_cells_of_their_common_beginning_and_no_more() -> None:
    assert set(cells(FOREST)) == {
        Cell(0, 2, 0, 0, "a"),
        Cell(0, 0, 1, 1, "b"),
        Cell(1, 2, 1, 1, "c"),
        Cell(1, 1, 2, 3, "光"),
        Cell(2, 2, 2, 3, "兊"),
        Cell(2, 2, 4, 4, "<b>\n"),
    }


def test_a_beginning_that_ends_within_a_character_is_not_shared_with_one_that_goes_on() -> None:
    half, rest = "光".encode()[:1], "光".encode()[1:]
    found = map_of(piece(0.0, 0.5, [half]), piece(0.5, 1.0, [half, rest]))
    assert set(cells(found)) == {Cell(0, 0, 0, 0, "\ufffd"), Cell(1, 1, 0, 1, "光")}


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


def test_the_chart_draws_these_cells_and_greys_what_was_not_followed() -> None:
    rows = drawn(FOREST)
    assert {(row["text"], row["first"], row["after"], row["left"], row["right"]) for row in rows} >= {
        ("a", 0, 1, 0.0, 1.0), ("c", 1, 2, 0.25, 1.0), ("光", 2, 4, 0.25, 0.5), ("<b>⏎", 4, 5, 0.5, 1.0)
    }  # fmt: skip
    (grey,) = icicle(FOREST).to_dict()["layer"][0]["data"]["values"]
    assert (grey["left"], grey["right"], grey["first"]) == (0.5, 1.0, 5)
    assert icicle(FOREST, language="ja").to_dict()["title"]["subtitle"] == "灰色: 追っていない"
    assert not icicle(map_of(FOREST.pieces[0])).to_dict()["layer"][0]["data"]["values"]


def test_labels_are_whole_or_not_there() -> None:
    shown = {
        row["text"]: row["fits"] for row in drawn(map_of(piece(0.0, 0.999, [b"wide"]), piece(0.999, 1.0, [b"slim"])))
    }
    assert shown == {"wide": True, "slim": False}


def test_what_is_slimmer_than_a_fifth_of_a_pixel_costs_the_chart_nothing() -> None:
    many = [piece(i / 100_000, (i + 1) / 100_000, [b"a", bytes([65 + i % 26])]) for i in range(500)]
    found = map_of(*many, piece(0.005, 1.0, [b"z"]))
    assert len(drawn(found)) == 2


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_it_is_drawn_without_a_browser(model: tsumami.Model, tmp_path: Path, kind: str) -> None:
    found = model.knob_map("Once upon a time", "top_k", 1, 20, seed=0, max_tokens=3)
    path = tmp_path / f"map.{kind}"
    icicle(found).save(str(path))
    assert path.stat().st_size > 1000


# --- the page


def test_the_page_gets_the_cells_of_the_chart() -> None:
    data = icicle_data(FOREST, "en")
    named = {data["units"][unit][0]: (begin, end, first, last) for begin, end, first, last, unit in data["cells"]}
    assert named == {cell.text: (cell.begin, cell.end, cell.first, cell.last) for cell in cells(FOREST)}
    assert data["extents"] == extents(FOREST)
    colours = {data["units"][unit][1]: data["palette"][data["units"][unit][2]] for *_, unit in data["cells"]}
    assert colours == {row["text"]: PALETTE[row["colour"]] for row in drawn(FOREST)}
    assert data["notes"] == "hatched: not followed"
    assert (data["pieces"][2]["finished"], data["pieces"][2]["low"], data["pieces"][2]["last"]) == (False, 0.5, 1.0)


def test_a_model_that_is_not_exact_is_said_to_be_so() -> None:
    receipt = FOREST.receipt
    found = replace(FOREST, receipt=replace(receipt, engine=replace(receipt.engine, exact=False)))
    assert "exact ではない" in icicle_data(found, "ja")["notes"]
    probed = replace(FOREST, pieces=(replace(FOREST.pieces[0], certain=False), *FOREST.pieces[1:]))
    assert "only probed" in icicle_data(probed, "en")["notes"]


def test_values_at_which_texts_alternate_are_told_as_one() -> None:
    places = np.float32(0.5) + np.arange(3, dtype=np.float32) * np.spacing(np.float32(0.5))
    before, one, other, after = float(np.nextafter(np.float32(0.5), np.float32(0))), *map(float, places)
    found = map_of(
        piece(0.0, one, [b"a"], last=before), piece(one, other, [b"b"], last=one),
        piece(other, after, [b"a"], last=other), piece(after, 1.0, [b"b"]),
    )  # fmt: skip
    (told,) = icicle_data(found, "en")["flickers"]
    assert (told["begin"], told["end"], told["low"], told["last"]) == (1, 2, one, other)
    assert told["short"] == "⇅ 2 texts alternate (values: 2)"
    assert told["why"] == found.flickers[0].en
    assert "2 つの文章" in icicle_data(found, "ja")["flickers"][0]["short"]
    assert not icicle_data(FOREST, "en")["flickers"]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_page_of_its_own_needs_no_network_and_takes_nothing_for_html(language: Any) -> None:
    found = map_of(piece(0.0, 1.0, [b"</script><script>alert(1)</script><img src=x>"]))
    page = icicle_page(found, language)
    assert page.count("<script>") == page.count("</script>") == 1
    assert "<img" not in page
    assert not re.search(r"(src|href)=.?https?:|@import|url\(", page)
    data = re.search(r"\.show\((.*)\);\n</script>", page)
    assert data is not None
    assert json.loads(data[1]) == json.loads(json.dumps(icicle_data(found, language)))


def test_a_notebook_gets_the_page_in_a_frame() -> None:
    shown = IcicleFrame(FOREST)._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert "tsumamiIcicle" in shown
