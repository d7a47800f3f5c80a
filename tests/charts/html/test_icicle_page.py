"""The icicle's page: the cells of the chart, and nothing that a model wrote becomes markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.charts.forest import FOREST, drawn, map_of, piece

from tsumami.charts import PALETTE, IcicleFrame, icicle_data, icicle_page
from tsumami.charts.icicle_cells import cells, extents


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
