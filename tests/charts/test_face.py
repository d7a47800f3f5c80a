"""The face of the room: every name leads somewhere, and strings cost no Altair."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tsumami import charts


def test_every_name_of_the_face_is_there() -> None:
    assert dir(charts) == sorted(charts.__all__)
    assert all(getattr(charts, name) is not None for name in charts.__all__)
    with pytest.raises(AttributeError, match="no attribute 'pie'"):
        _ = charts.pie


def test_strings_are_drawn_without_altair_and_pandas() -> None:
    code = """
import sys
from tsumami import charts
from tsumami.explain.tokens import account
from tsumami.testing import ScriptedModel, saying
model = ScriptedModel(saying("abc"))
run = model.run("x", temperature=0, ledger=True)
made, piece = account(run.ledgers[0], "greedy"), model.tokenizer.piece
charts.token_strip(run, "en"), charts.ledger_table(made, piece, "en"), charts.next_token_bars(made, piece, "en")
charts.roll_strip([charts.Line.of(made)], made.u, piece, "en"), charts.side_by_side([], None, "en"), charts.style()
charts.icicle_skeleton("en"), charts.icicle_page
print(sorted({"altair", "pandas", "vl_convert"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
