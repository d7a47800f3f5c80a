"""The mark of a roll stands on the token that was chosen."""

from __future__ import annotations

import re

from tsumami import charts
from tsumami.explain.tokens import Share, account
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


def test_what_was_chosen_is_named_however_narrow_its_share_is() -> None:
    shares = [Share(token, token / 40, (token + 1) / 40) for token in range(40)]
    lines = [charts.Line("a", shares, 20), charts.Line("b", shares, 33)]
    strip = charts.roll_strip(lines, 0.51, lambda token: f"t{token}".encode(), "en")
    calls = re.findall(r'tsu-call (\w+)" translate="no" style="--at:([\d.]+)%"><b>(\w+) ', strip)
    first, second = ("first", "51.2500", "t20"), ("second", "83.7500", "t33")
    assert calls == [second, first, first, second], "on both lines, the one that was chosen there nearest to it"
    assert re.findall(r">(t\d+)</span>", strip) == ["t19", "t21", "t32", "t34"], "and those beside it"


def test_what_the_picture_shows_is_said_in_words() -> None:
    shares = [Share(token, token / 4, (token + 1) / 4) for token in range(4)]
    lines = [charts.Line("a", shares, 1), charts.Line("b", shares, 3)]
    strip = charts.roll_strip(lines, 0.3, lambda token: f"t{token}".encode(), "en")
    said = re.search(r'role="img" aria-label="([^"]+)"', strip)
    assert said is not None
    assert said[1].endswith("u = 0.3000; a: t1 0.2500 … 0.5000; b: t3 0.7500 … 1.0000")
