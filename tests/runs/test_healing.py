"""Token healing: a prompt that ends inside a token goes on as if it did not, everywhere, and exactly."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.worlds import seeded

from tsumami import Model
from tsumami.explain import divergence, why_not
from tsumami.explain.tokens import look, next_token
from tsumami.explore.design import Design
from tsumami.explore.grids import plan_grid
from tsumami.explore.grids.gridding import Gridding
from tsumami.explore.intervals import intervals
from tsumami.explore.maps import Mapping
from tsumami.runs import Prompt, Run, verify
from tsumami.runs.going_on import go_on
from tsumami.runs.healing import healed
from tsumami.runs.restore import restore
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

WORDS = ("://", ":/", "http", " the", " then", " there", "ab", "abc", "bca", "も".encode()[:2], "もの")
TEXTS = ByteTokenizer(WORDS)
HEALING = Settings(heal_tokens=True, seed=3, max_tokens=8, repeat_penalty=1.0, ignore_eos=True)


def script(tokens: tuple[int, ...]) -> np.ndarray:
    """A model of noise over letters and words."""
    digest = hashlib.sha256(repr(tokens[-3:]).encode()).digest()
    row = np.random.default_rng(int.from_bytes(digest[:8], "little")).gumbel(0, 2.5, TEXTS.n_tokens)
    return row.astype(np.float32)


MODEL = ScriptedModel(script, TEXTS)
PROMPTS = ("x:", "x ab", "the the", "x th", "も", "xab:/", "http")


def start(text: str) -> Prompt:
    return Prompt(text, tuple(TEXTS.tokenize(text.encode())))


def bytes_of(tokens: tuple[int, ...]) -> bytes:
    return b"".join(map(TEXTS.piece, tokens))


def assert_healed(run: Run, text: str) -> None:
    """What was fed and what was written is the prompt and, after it, the reply's text."""
    assert bytes_of(run.receipt.prompt_tokens) + run.receipt.healing == text.encode()
    assert bytes_of(run.tokens).startswith(run.receipt.healing[: len(bytes_of(run.tokens))])
    spelt = bytes_of(tuple(token for token in run.tokens if not TEXTS.is_control(token)))
    assert run.text == spelt[len(run.receipt.healing) :].decode("utf-8", "replace")


def test_the_case_of_a_web_address() -> None:
    model = ScriptedModel(saying("http://a", TEXTS), TEXTS)
    knobs = {"temperature": 0, "repeat_penalty": 1.0}
    run = model.run("xhttp:", heal_tokens=True, **knobs)
    assert [step.piece for step in run.steps[:2]] == [b"://", b"a"]
    assert run.text == "//a"
    assert run.receipt.prompt == "xhttp:"
    assert [step.text for step in run.steps[:2]] == ["//", "a"]


@settings(max_examples=40)
@given(
    st.sampled_from(PROMPTS),
    seeded(heal_tokens=True, thinking_settings=None, penalty_alpha=0.0, banned_texts=(), min_tokens=0),
)
def test_the_reply_begins_with_what_was_taken_back(text: str, drawn: Settings) -> None:
    run = MODEL.run(text, drawn)
    assert_healed(run, text)
    assert Run.from_json(run.to_json()) == run
    assert verify(MODEL, run).same
    again = restore(MODEL, run.receipt, run.tokens)
    assert (again.text, again.steps) == (run.text, run.steps)
    assert [one.token for one in run.attach(MODEL).replay()] == list(run.tokens)


def test_off_it_is_bit_for_bit_what_it_was() -> None:
    run = MODEL.run("x:", HEALING.replace(heal_tokens=False))
    assert run.receipt.prompt_tokens == start("x:").tokens
    assert not any(
        stage.name == "heal_tokens"
        for stage in MODEL.run("x:", HEALING.replace(heal_tokens=False), ledger=True).ledgers[0].stages
    )
    assert "healing" not in run.receipt.to_dict()


@pytest.mark.parametrize("text", ["x then", "x<|begin|>"])
def test_a_prompt_that_ends_as_a_token_does_stays_as_it_is(text: str) -> None:
    assert MODEL.run(text, HEALING).tokens == MODEL.run(text, HEALING.replace(heal_tokens=False)).tokens


def test_going_on_equals_never_having_stopped() -> None:
    whole = MODEL.run("x th", HEALING)
    for count in range(1, 6):
        part = MODEL.run("x th", HEALING.replace(max_tokens=count))
        more = go_on(MODEL, part, max_tokens=8 - count).run
        assert (more.tokens, more.text) == (whole.tokens, whole.text)


def test_a_reply_that_was_made_to_begin_otherwise_is_a_dead_end() -> None:
    prompt = replace(healed(MODEL, start("x:"), HEALING), begun=(ord("q"),))
    assert MODEL.run(prompt, HEALING).stop_reason == "dead_end"


def test_stop_and_banned_texts_are_looked_for_after_the_prompt() -> None:
    free = MODEL.run("x th", HEALING)
    shown = next(letter for letter in free.text if letter.isascii())
    assert shown not in MODEL.run("x th", HEALING.replace(stop=(shown,))).text
    assert shown.casefold() not in MODEL.run("x th", HEALING.replace(banned_texts=(shown,))).text.casefold()
    assert MODEL.run("x:", HEALING.replace(stop=(":",), max_tokens=1)).stop_reason == "length"


def test_experiments_are_its_runs() -> None:
    base = HEALING.replace(temperature=1.0)
    for text in PROMPTS:
        prompt = start(text)
        plan = plan_grid([prompt], Design(base, vary={"heal_tokens": [False, True], "temperature": [0.7, 1.6]}))
        grid = Gridding(MODEL, plan).grid
        for cell in grid.cells:
            run = MODEL.run(prompt, plan.settings_at(cell.point))
            assert (cell.text, cell.tokens) == (run.text, run.tokens)
            assert grid.run(MODEL, cell).steps == run.steps
        made = Mapping(MODEL, prompt, "temperature", 0.5, 1.5, base).map(max_tokens=4, leaves=16)
        for piece in made.pieces:
            run = MODEL.run(prompt, base.replace(temperature=piece.low, max_tokens=4))
            assert run.tokens[: len(piece.tokens)] == piece.tokens
            assert run.text.startswith(piece.text.rstrip("\ufffd"))


def test_intervals_and_the_next_token_know_it() -> None:
    run = MODEL.run("x th", HEALING.replace(temperature=1.0, max_tokens=4))
    found = intervals(MODEL, run, ["temperature"])["temperature"]
    for value in (found.low, found.high, (found.low + found.high) / 2):
        assert MODEL.run("x th", run.settings.replace(temperature=value)).tokens == run.tokens
    ahead = next_token(MODEL, look(MODEL, start("x th")), run.settings)
    assert ahead.ledger.token == run.tokens[0]


def test_why_two_runs_part_names_it() -> None:
    a, b = MODEL.run("x:", HEALING.replace(heal_tokens=False)), MODEL.run("x:", HEALING)
    found = divergence(a, b)
    assert [change.name for change in found.changes] == ["heal_tokens"]
    assert found.back.token == a.tokens[0]
    answer = why_not(b, 0, ord("q"))
    assert "heal_tokens" in answer.en


def test_with_a_constraint_nothing_is_taken_back_and_the_knob_says_so(model: Model) -> None:
    made = Settings(heal_tokens=True, regex="[a-z]+", seed=1, max_tokens=4)
    assert "heal_tokens" in made.idle_knobs()
    assert model.run("See http:", made).receipt.healing == b""


def test_a_real_model_writes_the_token_itself(smollm2: Model) -> None:
    run = smollm2.run("You can read more at http:", heal_tokens=True, temperature=0, max_tokens=6)
    assert run.steps[0].piece.startswith(b":")
    assert run.text.startswith("//")
    assert smollm2.verify(run).same
