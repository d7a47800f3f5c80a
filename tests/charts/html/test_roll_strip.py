"""The mark of a roll stands on the token that was chosen."""

from __future__ import annotations

import re

from tsumami import charts
from tsumami.explain.tokens import account
from tsumami.runs import Run
from tsumami.testing import ScriptedModel


def test_the_mark_stands_on_the_chosen_share(scripted: ScriptedModel, run: Run) -> None:
    for ledger in run.ledgers:
        made = account(ledger)
        strip = charts.roll_strip([charts.Line.of(made)], made.u, scripted.tokenizer.piece, "en")
        mark = re.search(r"tsu-mark\" style=\"left:([\d.]+)%", strip)
        on = re.search(r"tsu-share \w+ on\" [^>]*left:([\d.]+)%;width:([\d.]+)%", strip)
        assert mark is not None
        assert on is not None
        assert float(on[1]) - 1e-3 <= float(mark[1]) <= float(on[1]) + float(on[2]) + 1e-3
        assert charts.how(made, "en") == "chosen by the roll"
