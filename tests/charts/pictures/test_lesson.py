"""The lesson's pictures show the tables that they were given, and can be saved without a browser."""

from __future__ import annotations

import io

import altair as alt
import pandas as pd
import pytest

from tsumami.charts import length_bars, sight, time_line

LENGTHS = pd.DataFrame(
    {"text": ["The sky", "雨と記憶について短い詩を書いてください。" * 3], "tokens": [2, 30], "characters": [7, 60]}
)
TIMES = pd.DataFrame({"n_new": [10, 20, 10, 20], "seconds": [0.2, 0.3, 0.22, 0.31]})
SEEN = pd.DataFrame(
    [{"row": i, "column": j, "row_piece": "a", "column_piece": "a", "seen": j <= i} for i in range(3) for j in range(3)]
)


def charts() -> dict[str, alt.LayerChart | alt.Chart]:
    return {
        "lengths": length_bars(LENGTHS, title="長さ", tokens="トークン", characters="文字"),
        "times": time_line(
            TIMES, x="n_new", y="seconds", line=(0.1, 0.01), title="時間", x_title="トークン", y_title="秒"
        ),
        "sight": sight(SEEN, title="見える"),
    }


@pytest.mark.parametrize("name", ["lengths", "times", "sight"])
def test_a_picture_can_be_saved(name: str) -> None:
    chart = charts()[name]
    png, svg = io.BytesIO(), io.StringIO()
    chart.save(png, format="png")
    chart.save(svg, format="svg")
    assert png.getvalue().startswith(b"\x89PNG")
    assert "<svg" in svg.getvalue()


def test_each_text_has_its_bar() -> None:
    drawn = charts()["lengths"].to_dict()
    rows = next(iter(drawn["datasets"].values()))
    assert [row["tokens"] for row in rows] == [2, 30]
    assert [row["text"] for row in rows] == LENGTHS["text"].tolist()
    assert len(rows[1]["label"]) <= 40


def test_the_line_runs_from_its_start_to_the_last_point() -> None:
    drawn = charts()["times"].to_dict()
    path = next(rows for rows in drawn["datasets"].values() if len(rows) == 2)
    assert path == [{"n_new": 0.0, "seconds": 0.1}, {"n_new": 20.0, "seconds": pytest.approx(0.3)}]


def test_no_line_is_drawn_through_nothing() -> None:
    for table, line in ((TIMES, None), (TIMES.iloc[:0], (0.1, 0.01))):
        drawn = time_line(table, x="n_new", y="seconds", line=line, title="", x_title="", y_title="").to_dict()
        assert len(drawn["layer"]) == 1


def test_equal_pieces_keep_their_own_rows() -> None:
    rows = next(iter(charts()["sight"].to_dict()["datasets"].values()))
    assert len({row["row_label"] for row in rows}) == 3
