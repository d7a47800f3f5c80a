"""Why two runs part: the sentence, and a line for each roll."""

from __future__ import annotations

import re
from html import escape

from tsumami import charts
from tsumami.explain import divergence
from tsumami.runs import Run
from tsumami.testing import ScriptedModel

from .reading import parsed

NAMES = ("a <b>", "c")


def said(model: ScriptedModel, seed: int, top_k: int) -> Run:
    return model.run("x", seed=seed, top_k=top_k, temperature=9.0, top_p=1.0, min_p=0.0, max_tokens=12)


def lines(html: str) -> list[int]:
    """How many lines lie under each mark."""
    return [part.count('class="tsu-line"') for part in html.split('class="tsu-rolls"')[1:]]


def test_one_roll_has_one_mark_over_both_lines(scripted: ScriptedModel) -> None:
    found = divergence(said(scripted, 1, 2), said(scripted, 1, 40))
    assert found.at_a is not None
    html = charts.parting(scripted.tokenizer.piece, found, NAMES, "en")
    parsed(html)
    assert escape(found.en) in html
    assert "a &lt;b&gt; ↔ c" in html
    assert lines(html) == [2]
    assert html.count("tsu-mark") == 1
    assert set(re.findall(r"tsu-share (\w+) on", html)) == {"first", "second"}


def test_two_rolls_have_a_line_each(scripted: ScriptedModel) -> None:
    found = divergence(said(scripted, 1, 40), said(scripted, 2, 40))
    html = charts.parting(scripted.tokenizer.piece, found, NAMES, "ja")
    assert escape(found.ja) in html
    assert lines(html) == [1, 1]


def test_runs_that_are_the_same_have_a_sentence_and_no_line(scripted: ScriptedModel) -> None:
    found = divergence(said(scripted, 1, 40), said(scripted, 1, 40))
    html = charts.parting(scripted.tokenizer.piece, found, NAMES, "en")
    assert escape(found.en) in html
    assert lines(html) == []
