"""Which lanes are explained against each other."""

from __future__ import annotations

import re

from tsumami.app.tabs.compare.pairs import NEIGHBOURS, Lanes
from tsumami.app.words.texts import Texts
from tsumami.explain import divergence
from tsumami.explore.lanes import Comparing, LanePlan
from tsumami.runs.prompting import as_prompt
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

EN = Texts("en")


def lanes(*knobs: dict[str, float]) -> tuple[ScriptedModel, Lanes]:
    """Lanes of a scripted model, called 1, 2, …"""
    model = ScriptedModel(saying("Yes, it is."))
    prompt = as_prompt(model.tokenizer, "Is it?")
    plans = [LanePlan(prompt, Settings(seed=1, max_tokens=6).replace(**one)) for one in knobs]
    with Comparing(model, plans) as comparing:
        return model, Lanes.of(comparing.comparison, [f"{at + 1}" for at in range(len(plans))])


def test_neighbours_stand_in_the_order_of_their_knob_and_any_lane_can_be_the_reference() -> None:
    _, found = lanes({"temperature": 3}, {"temperature": 0}, {"temperature": 0.8})
    assert found.pairs(NEIGHBOURS) == [(1, 2), (2, 0)]
    assert found.pairs("2") == [(2, 0), (2, 1)]
    _, mixed = lanes({"temperature": 3}, {"top_k": 2}, {"temperature": 0.8})
    assert mixed.pairs(NEIGHBOURS) == [(0, 1), (1, 2)], "of several knobs the written order is all there is"


def test_every_pair_has_the_sentence_of_the_library_and_the_chooser_marks_what_was_chosen() -> None:
    model, found = lanes({"max_tokens": 2}, {"max_tokens": 4}, {"max_tokens": 6})
    for to in ("0", "1", "2", NEIGHBOURS):
        said = found.explained(EN, model.tokenizer.piece, to)
        assert re.findall(r'data-to="(\w+)" aria-pressed="true"', said) == [to]
        for a, b in found.pairs(to):
            assert divergence(found.runs[a], found.runs[b], ("ABC"[a], "ABC"[b])).en in said
    _, two = lanes({"top_k": 1}, {"top_k": 2})
    assert "data-to" not in two.explained(EN, model.tokenizer.piece)


def test_where_nobody_waited_for_the_reasons_each_can_be_asked_for() -> None:
    _, found = lanes({"max_tokens": 2}, {"max_tokens": 4}, {"max_tokens": 6})
    buttons = re.findall(r'data-to="(\w+)" aria-pressed="(\w+)"', found.unexplained(EN))
    assert [pressed for _, pressed in buttons] == ["false"] * 4
