"""The icicle: whole characters, cells without gap, and pictures without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

import tsumami
from tsumami.charts.icicle import icicle
from tsumami.explain.knob_map import KnobMap, MapPiece
from tsumami.testing import ByteTokenizer, ScriptedModel, saying


def piece(low: float, high: float, data: list[bytes]) -> MapPiece:
    text = b"".join(data).decode("utf-8", "replace")
    return MapPiece(low, high, high, text, tuple(part[0] for part in data), tuple(data), True, "length")


def map_of(*pieces: MapPiece) -> KnobMap:
    receipt = ScriptedModel(saying("a", ByteTokenizer())).run("x", max_tokens=1).receipt
    return KnobMap("temperature", pieces[0].low, pieces[-1].high, pieces, 1.0, 8, 4, 1, 0.0, receipt)


def cells(found: KnobMap) -> list[dict[str, object]]:
    made = icicle(found).to_dict()
    rows = made["data"]["values"]
    return list(rows)


def test_tokens_that_only_together_make_a_character_are_one_cell() -> None:
    first, second = "光".encode()[:1], "光".encode()[1:]
    found = cells(map_of(piece(0.0, 1.0, [first, second, b"a"])))
    assert [(cell["text"], cell["first"], cell["after"]) for cell in found] == [("光", 0, 2), ("a", 2, 3)]


def test_neighbours_share_the_cells_of_their_common_beginning() -> None:
    found = cells(map_of(piece(0.0, 0.5, [b"a", b"b"]), piece(0.5, 1.0, [b"a", b"c"])))
    spans = {(cell["text"], cell["low"], cell["high"]) for cell in found}
    assert spans == {("a", 0.0, 1.0), ("b", 0.0, 0.5), ("c", 0.5, 1.0)}


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_it_is_drawn_without_a_browser(model: tsumami.Model, tmp_path: Path, kind: str) -> None:
    found = model.knob_map("Once upon a time", "top_k", 1, 20, seed=0, max_tokens=3)
    path = tmp_path / f"map.{kind}"
    icicle(found).save(str(path))
    assert path.stat().st_size > 1000
