"""A prompt with a given beginning of the reply holds for every experiment, as it does for a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from tests.support.maps import assert_whole
from tests.support.modes import MODES
from tests.support.worlds import PROMPT, noise, world

import tsumami
from tsumami.errors import DeadEndError, PromptError
from tsumami.explain.tokens import look, next_token
from tsumami.explore.intervals import intervals
from tsumami.explore.maps import KnobMap, Mapping
from tsumami.runs import Prompt, Stream
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel

STORY: Final = "Once upon a time, in the town of lights,"
LOOSE: Final = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
MAPS: Final[list[tuple[str, float, float, dict[str, Any]]]] = [
    ("temperature", 0.2, 2.0, {"seed": 1}),
    ("top_k", 1, 60, {"temperature": 1.3, "seed": 6}),
    ("temperature", 0.3, 2.0, {"xtc_probability": 0.6, "xtc_threshold": 0.1, "seed": 1}),
    ("xtc_threshold", 0.01, 0.5, {"xtc_probability": 0.6, "temperature": 1.3}),
    ("repeat_penalty", 0.9, 1.6, {"temperature": 1.2, "seed": 4}),
    ("mirostat_tau", 0.5, 8.0, {"mirostat_mode": 2}),
    ("mirostat_eta", 0.0, 1.0, {"mirostat_mode": 1, "mirostat_tau": 4.0, "seed": 1}),
]


def begun(tokens: tuple[int, ...] = (65, 97, 66)) -> Prompt:
    return Prompt(PROMPT, tuple(ByteTokenizer().tokenize(PROMPT.encode())), begun=tokens)


def assert_lone(model: Any, prompt: Prompt, found: KnobMap, settings: Settings) -> None:
    """Both ends of every piece, and its middle, give its text when they are run."""
    assert_whole(found)
    for piece in found.pieces:
        assert piece.finished
        for value in {piece.low, piece.last}:
            run = Stream(model, prompt, settings.replace(**{found.knob: value})).run
            assert (run.tokens, run.text, run.stop_reason) == (piece.tokens, piece.text, piece.stop_reason), value


@pytest.mark.parametrize(("knob", "low", "high", "others"), MAPS)
def test_a_map_equals_the_runs_of_its_prompt(knob: str, low: float, high: float, others: dict[str, Any]) -> None:
    model, prompt = world(), begun()
    settings = Settings.from_mapping({"seed": 2, "max_tokens": 6, **LOOSE, **others})
    found = Mapping(model, prompt, knob, low, high, settings).map(max_tokens=6, leaves=400)
    assert found.receipt.begun == prompt.begun
    assert all(piece.tokens[:3] == prompt.begun for piece in found.pieces)
    assert len(found.texts) > 1
    assert_lone(model, prompt, found, settings)


def test_a_map_of_the_real_model_equals_the_runs_of_its_prompt(model: tsumami.Model) -> None:
    prompt = replace(model.as_prompt(STORY), begun=tuple(model.tokenize(" there was a diode", add_special=False)))
    settings = Settings(seed=0, max_tokens=8)
    found = model.knob_map(prompt, "temperature", 0.5, 1.5, settings, max_tokens=8, leaves=200)
    assert_lone(model, prompt, found, settings)
    run = found.run(model, found.pieces[-1].last)
    assert run.tokens == found.pieces[-1].tokens
    assert model.verify(run).same
    assert KnobMap.from_json(found.to_json()) == found


@pytest.mark.parametrize("others", [{"mirostat_mode": 2}, {"xtc_probability": 0.6, "xtc_threshold": 0.05}])
def test_going_on_and_other_ranges_give_what_one_go_gives(others: dict[str, Any]) -> None:
    model, prompt = world(), begun()
    knob, (low, high) = ("mirostat_tau", (1.0, 6.0)) if "mirostat_mode" in others else ("temperature", (0.3, 1.5))
    settings = Settings.from_mapping({"seed": 4, "max_tokens": 7, **others})
    whole = Mapping(model, prompt, knob, low, high, settings)
    at_once = whole.map(max_tokens=7, leaves=300)
    stepwise = Mapping(model, prompt, knob, low, high, settings)
    for tokens in (2, 4, 7):
        stepwise.map(max_tokens=tokens, leaves=300)
    assert stepwise.result.pieces == at_once.pieces
    part = whole.over(low, (low + high) / 2)
    assert part.map(max_tokens=7, leaves=300).nodes == 0
    assert_lone(model, prompt, part.result, settings)


def test_a_beginning_that_the_grammar_forbids_ends_all_texts_there(model: tsumami.Model) -> None:
    start = tuple(model.tokenize(" one", add_special=False)) + tuple(model.tokenize("7", add_special=False))
    prompt = replace(model.as_prompt(STORY), begun=start)
    settings = Settings(seed=0, max_tokens=8, grammar="root ::= [a-z ]+")
    found = model.knob_map(prompt, "temperature", 0.5, 1.5, settings, max_tokens=8)
    (piece,) = found.pieces
    assert (piece.text, piece.stop_reason) == (" one", "dead_end")
    assert_lone(model, prompt, found, settings)


def test_a_beginning_that_is_banned_throughout_ends_all_texts_there() -> None:
    model = ScriptedModel(noise)
    bans = tuple((token, float("-inf")) for token in range(model.tokenizer.n_tokens))
    settings = Settings(seed=0, max_tokens=5, logit_bias=bans)
    found = Mapping(model, begun(), "top_p", 0.1, 1.0, settings).map(max_tokens=5)
    assert_lone(model, begun(), found, settings)


def test_a_token_that_does_not_exist_is_refused() -> None:
    with pytest.raises(PromptError, match="beginning of the reply"):
        Mapping(world(), begun((9999,)), "top_k", 1, 5, Settings())


@pytest.mark.parametrize("knobs", [{}, {"xtc_probability": 0.6}, {"mirostat_mode": 2}, {"temperature": 0}])
def test_the_intervals_of_such_a_run_leave_its_text(knobs: dict[str, Any]) -> None:
    model, prompt = world(), begun()
    settings = Settings.from_mapping({"seed": 1, "max_tokens": 6, **knobs})
    run = Stream(model, prompt, settings).run
    names = ["mirostat_tau", "mirostat_eta"] if "mirostat_mode" in knobs else ["temperature", "top_k", "repeat_penalty"]
    for name, found in intervals(model, run, names).items():
        for value in (found.low, found.high):
            assert Stream(model, prompt, settings.replace(**{name: value})).run.tokens == run.tokens, name
        for bend in (found.below, found.above):
            if bend is not None:
                assert bend.step >= len(prompt.begun)
                assert Stream(model, prompt, settings.replace(**{name: bend.value})).run.tokens != run.tokens


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_a_look_shows_what_comes_after_the_beginning(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    made = Settings.from_mapping({"seed": 3, "max_tokens": 4, **knobs})
    free = model.run(STORY, made)
    prompt = replace(
        model.as_prompt(STORY), begun=free.tokens[:1] + tuple(s.alternatives[1].id for s in free.steps[1:3])
    )
    run = model.run(prompt, made)
    if len(run.steps) < 4:
        with pytest.raises(DeadEndError):
            next_token(model, look(model, prompt), made)
        return
    found = next_token(model, look(model, prompt), made)
    step = run.steps[3]
    assert (found.ledger.token, found.ledger.pick.u) == (step.id, step.u)
    assert found.exact[step.id] == pytest.approx(step.p_final, rel=1e-5)
