"""A knob map against lone runs, and that stopping, going on and saving lose nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from tests.support.maps import assert_whole, same

import tsumami
from tsumami.errors import EngineError, RunFileError, SettingsError
from tsumami.explore.intervals.every_knob import intervals
from tsumami.explore.maps.knob_map import KnobMap
from tsumami.explore.maps.mapping import Mapping, MapProgress
from tsumami.runs import Prompt
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

PROMPT = "Once upon a time, in the town of lights,"


def maker(model: tsumami.Model, knob: str, low: float, high: float, **knobs: object) -> Mapping:
    settings = Settings.from_mapping({"seed": 0, **knobs})
    return Mapping(model, model.as_prompt(PROMPT), knob, low, high, settings)


def test_more_tokens_and_more_leaves_later_are_one_go(model: tsumami.Model) -> None:
    at_once = maker(model, "temperature", 0.3, 1.5).map(max_tokens=7, leaves=6)
    mapping = maker(model, "temperature", 0.3, 1.5)
    assert mapping.map(max_tokens=3, leaves=2).coverage < 1
    assert not same(mapping.map(max_tokens=7, leaves=3), at_once)
    assert same(mapping.map(max_tokens=7, leaves=6), at_once)
    assert_whole(at_once)


def test_a_cancelled_map_keeps_what_there_is_and_can_go_on(model: tsumami.Model) -> None:
    mapping = maker(model, "top_k", 1, 40)

    def sight(progress: MapProgress) -> tuple[MapProgress, KnobMap]:
        return progress, mapping.result

    for progress, grown in mapping.start(max_tokens=6, leaves=8, watch=sight):
        assert_whole(grown)
        if progress.depth == 3:
            break
    kept = mapping.result
    assert_whole(kept)
    assert any(len(piece.tokens) >= 3 for piece in kept.pieces)
    assert same(mapping.map(max_tokens=6, leaves=8), maker(model, "top_k", 1, 40).map(max_tokens=6, leaves=8))


def test_a_map_is_made_once_at_a_time_and_gone_on_with_after_it_was_cancelled(model: tsumami.Model) -> None:
    mapping = maker(model, "temperature", 0.3, 1.5)
    with mapping.start(max_tokens=2000, leaves=4, watch=lambda at: at) as making:
        with pytest.raises(EngineError, match="is being made already"):
            mapping.start(max_tokens=3, leaves=4)
        assert not making.wait(0), "and goes on undisturbed"
        making.cancel()
        assert same(
            mapping.map(max_tokens=3, leaves=4), maker(model, "temperature", 0.3, 1.5).map(max_tokens=3, leaves=4)
        )


def test_saved_and_reopened_it_is_equal_and_its_runs_verify(model: tsumami.Model, tmp_path: object) -> None:
    found = model.knob_map(PROMPT, "top_k", 1, 20, seed=0, max_tokens=4)
    again = KnobMap.from_json(found.to_json())
    assert again == found
    assert list(again.to_pandas()["text"]) == [piece.text for piece in found.pieces]
    assert again.to_csv().splitlines()[0].startswith("low,high,last")
    run = again.run(model, 7)
    assert model.verify(run).same
    assert run.text == found.at(7).text


@pytest.mark.parametrize("text", ["", "[]", '{"kind": "knob_map", "version": 9}', '{"kind": "knob_map", "version": 1}'])
def test_what_is_no_map_is_refused(text: str) -> None:
    with pytest.raises(RunFileError, match="map"):
        KnobMap.from_json(text)


def test_a_field_of_another_kind_is_refused_by_its_place(model: tsumami.Model) -> None:
    good = json.loads(model.knob_map(PROMPT, "top_k", 1, 20, seed=0, max_tokens=2).to_json())
    wrong: list[tuple[str, list[Any]]] = [
        ("knob", [None, "nothing", 3, {}]),
        *(
            (name, [None, "1", [], {}, float("nan"), float("inf"), 10**400, True])
            for name in ("low", "high", "coverage")
        ),
        *((name, [None, 1.5, -1, "1", {}, False]) for name in ("nodes", "leaves", "max_tokens")),
        *((f"pieces.0.{name}", [None, "1", [], float("nan"), 10**400]) for name in ("low", "high", "last")),
        ("pieces.0.text", [None, 1, [], {}]),
        ("pieces.0.tokens", [None, 5, [{}], ["a"], [1.5], [None]]),
        ("pieces.0.stop_reason", ["tired", 1, {}, []]),
        ("pieces.0.finished", [None, 1, "yes"]),
    ]
    assert KnobMap.from_json(json.dumps(good)).knob == "top_k"
    for place, values in wrong:
        for value in values:
            form = copy.deepcopy(good)
            *path, last = place.split(".")
            holder = form["pieces"][0] if path else form
            assert last in holder
            holder[last] = value
            with pytest.raises(RunFileError, match="does not fit"):
                KnobMap.from_json(json.dumps(form))


def test_a_stop_string_and_the_end_of_a_text_end_a_leaf(model: tsumami.Model) -> None:
    found = model.knob_map(PROMPT, "top_k", 1, 10, seed=0, max_tokens=8, stop=[" a"])
    for piece in found.pieces:
        run = model.run(PROMPT, seed=0, max_tokens=8, stop=[" a"], top_k=piece.low)
        assert (run.text, run.tokens, run.stop_reason) == (piece.text, piece.tokens, piece.stop_reason)


@pytest.mark.parametrize("budget", [{"leaves": 0}, {"max_tokens": 0}, {"seconds": 0}])
def test_a_budget_of_nothing_is_refused(model: tsumami.Model, budget: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="a map needs"):
        model.knob_map(PROMPT, "top_k", 1, 10, **budget)


@pytest.mark.parametrize("knobs", [{"penalty_alpha": 0.5}, {"mirostat_mode": 2}])
def test_ways_to_choose_that_have_no_map_say_so(model: tsumami.Model, knobs: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="top_k cannot be mapped"):
        model.knob_map(PROMPT, "top_k", 2, 10, **knobs)


@pytest.mark.parametrize("knob", ["temperature", "top_k", "top_p", "repeat_penalty"])
def test_a_run_keeps_its_text_within_its_interval_and_not_one_value_beyond(model: tsumami.Model, knob: str) -> None:
    run = model.run(PROMPT, seed=0, max_tokens=8)
    interval = intervals(model, run, [knob])[knob]
    for value in (interval.low, interval.high):
        assert model.run(PROMPT, run.settings.replace(**{knob: value})).tokens == run.tokens
    for bend in (interval.below, interval.above):
        if bend is not None:
            other = model.run(PROMPT, run.settings.replace(**{knob: bend.value}))
            assert other.tokens[: bend.step] == run.tokens[: bend.step]
            assert other.tokens[bend.step] == bend.token


def test_under_mirostat_the_runs_of_a_map_verify(model: tsumami.Model) -> None:
    found = model.knob_map(PROMPT, "mirostat_tau", 1, 6, seed=0, mirostat_mode=2, max_tokens=6, leaves=4)
    for piece in [piece for piece in found.pieces if piece.finished][:3]:
        run = found.run(model, piece.low)
        assert run.tokens == piece.tokens
        assert model.verify(run).same


def test_more_leaves_than_the_engine_has_sequences_wait_their_turn(model: tsumami.Model) -> None:
    leaves = model.engine.options.n_sequences + 20
    settings: dict[str, float] = {"temperature": 3.0, "min_p": 0.0, "top_p": 1.0, "repeat_penalty": 1.0}
    found = maker(model, "top_k", 1, 3000, **settings).map(max_tokens=3, leaves=leaves)
    assert_whole(found)
    finished = [piece for piece in found.pieces if piece.finished]
    assert len(finished) >= leaves, "so many were open at once"
    for piece in finished[:: leaves // 3]:
        run = model.run(PROMPT, seed=0, max_tokens=3, **settings, top_k=piece.low)
        assert run.tokens == piece.tokens


def test_where_the_engine_is_not_exact_the_map_says_so_and_runs_its_boundaries() -> None:
    with tsumami.load(threads=1, exact=False) as fast:
        found = fast.knob_map(PROMPT, "top_k", 1, 40, seed=0, max_tokens=4, leaves=8)
    assert_whole(found)
    assert not found.exact
    assert any(piece.certain for piece in found.pieces), "boundaries that came out again when they were run alone"


def test_only_texts_that_are_followed_hold_a_chain_and_a_place_in_the_cache(model: tsumami.Model) -> None:
    mapping = maker(model, "temperature", 0.3, 1.5)
    chains, places = [], []

    def watch(_: MapProgress) -> None:
        nodes = list(mapping._all())
        chains.append(sum(node.chain is not None for node in nodes))
        places.append(sum(len(node.sequences) for node in nodes))

    mapping.map(max_tokens=9, leaves=5, watch=watch)
    assert len(list(mapping._all())) > 40
    assert max(chains) == 5
    assert 0 < max(places) <= 5
    assert all(node.chain is None and not node.sequences for node in mapping._all())


def test_a_stop_string_that_names_a_control_token_ends_a_leaf_there() -> None:
    scripted = ScriptedModel(saying([*b"ab", ByteTokenizer.begin, *b"cd"]))
    settings = Settings(stop=("<|begin|>",))
    found = Mapping(scripted, Prompt("x", (120,)), "top_k", 1, 3, settings).map(max_tokens=8)
    assert found.texts == ("ab",) == (scripted.run(Prompt("x", (120,)), settings).text,)
