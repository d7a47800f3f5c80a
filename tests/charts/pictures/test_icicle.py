"""The icicle as a chart: these cells, and what was not followed in grey."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.charts.forest import FOREST, drawn, map_of, piece

import tsumami
from tsumami.charts import icicle


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
