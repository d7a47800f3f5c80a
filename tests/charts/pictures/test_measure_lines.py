"""The lines of a measure hold every token of every run."""

from __future__ import annotations

from tests.charts.pictures.drawn import rows_of

from tsumami import charts
from tsumami.runs import Run


def test_the_lines_hold_every_token_of_every_run(run: Run) -> None:
    rows = rows_of(charts.measure_lines({"詩": run, "b": run}, "en"))
    assert [row["final"] for row in rows] == [step.p_final for step in run.steps] * 2
