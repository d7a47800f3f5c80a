"""How far a map is stands in one line, in both languages; what was not followed is said."""

from __future__ import annotations

from dataclasses import replace

from tests.charts.forest import FOREST

from tsumami.charts.icicle_words import icicle_facts, icicle_notes


def test_the_facts_of_a_map() -> None:
    found = replace(FOREST, nodes=1234, seconds=1.25)
    assert icicle_facts(found, "en") == "2 texts · 100.0% of the range · 1,234 tokens decoded · 1.2 s"
    assert icicle_facts(found, "ja") == "2 文章 · 範囲の 100.0% · 1,234 トークンを計算 · 1.2 秒"


def test_a_map_that_is_whole_and_exact_needs_no_note() -> None:
    assert icicle_notes(FOREST, "en") == "hatched: not followed"
    assert icicle_notes(replace(FOREST, pieces=FOREST.pieces[:2]), "en") == ""
