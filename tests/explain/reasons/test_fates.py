"""Why a token was not chosen: the value that would have kept it does, and its neighbour does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.worlds import N_VOCAB, PROMPT, fixed_world, noise, seeded, world

import tsumami
from tsumami import explain
from tsumami.errors import DeadEndError, SettingsError
from tsumami.explain import WhyNot
from tsumami.knobs import KNOBS
from tsumami.knobs.stages import ROWS
from tsumami.runs import Prompt, Run
from tsumami.sampling import Candidates, Chain, Ledger, LedgerWriter, apply
from tsumami.settings import Settings

WORLD = world()
STAGES = {row.cuts_by[0]: name for name, row in ROWS.items() if row.cuts_by}


def before(ledger: Ledger, stage: str) -> Candidates:
    """What came to a stage; sorted is not known from a ledger, and the stages sort what they need sorted."""
    place = next(i for i, record in enumerate(ledger.records) if record.name == stage)
    record = ledger.records[place - 1]
    return Candidates.of(record.ids, record.logits)


def stays(run: Run, ledger: Ledger, found: WhyNot, value: float) -> bool:
    assert found.kept is not None
    stage = STAGES[found.kept.knob]
    left = apply(stage, run.settings.replace(**{found.kept.knob: value}), before(ledger, stage))
    return bool((left.logits[left.ids == found.id] > -np.inf).any())


def assert_true(run: Run, found: WhyNot) -> None:
    """Everything that is said, by another way."""
    ledger = run.ledger(found.step)
    token = found.id
    assert found.p_raw == pytest.approx(ledger.records[0].prob_of(token) or 0)
    assert (found.fate == "chosen") == (token == run.tokens[found.step])
    assert found.ja
    assert found.en
    if found.fate == "cut":
        assert found.stage == ledger.cut_at(token)
    if found.fate == "roll":
        assert found.span is not None
        assert (
            found.u is None or not found.span.low <= found.u < found.span.high or found.span.high - found.span.low == 0
        )
    if found.kept is not None and found.kept.knob != "xtc_threshold":
        assert stays(run, ledger, found, found.kept.value)
        assert not stays(run, ledger, found, found.kept.neighbour)
        if found.kept.knob == "top_k":
            assert found.kept.neighbour == found.kept.value - 1
        else:
            ends = np.float32(found.kept.value), np.float32(found.kept.neighbour)
            assert np.nextafter(*ends) == ends[1]
        assert repr(found.kept.value).rstrip("0").rstrip(".") in found.en


@settings(max_examples=200, deadline=None)
@given(seeded(), st.integers(0, N_VOCAB - 1), st.integers(0, 7))
def test_everything_that_is_said_is_true(made: Settings, token: int, index: int) -> None:
    run = WORLD.run(PROMPT, made)
    if index < len(run.steps):
        assert_true(run, explain.why_not(run, index, token))


@settings(max_examples=60, deadline=None)
@given(
    seeded(mirostat_mode=0, adaptive_target=-1, xtc_probability=0.0, banned_texts=()),
    st.integers(0, 7),
    st.integers(0, 40),
)
def test_with_the_kept_value_the_same_roll_does_what_is_said(made: Settings, index: int, rank: int) -> None:
    run = WORLD.run(PROMPT, made)
    if index >= len(run.steps):
        return
    row = noise((*run.receipt.prompt_tokens, *run.tokens[:index]))
    found = explain.why_not(run, index, int(np.argsort(-row)[rank]))
    assert found.rank == rank + 1
    if found.kept is not None:
        again = WORLD.run(PROMPT, made.replace(**{found.kept.knob: found.kept.value}))
        if again.tokens[:index] == run.tokens[:index] and index < len(again.steps):
            assert (again.tokens[index] == found.id) == found.kept.chosen


PLAIN: dict[str, Any] = {"temperature": 1.0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "top_k": 0, "seed": 0}
SHARES = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}


@pytest.mark.parametrize(
    ("knobs", "stage", "value"),
    [
        ({"top_k": 2}, "top_k", 4),
        ({"top_p": 0.5}, "top_p", 0.9),
        ({"min_p": 0.6}, "min_p", 0.25),
        ({"tfs_z": 0.5}, "tfs_z", 1),
        ({"top_a": 0.9}, "top_a", 0.625),
        ({"epsilon_cutoff": 0.2}, "epsilon_cutoff", 0.1),
        ({"top_h": 0.5}, "top_h", 1),
        ({"xtc_probability": 1.0, "xtc_threshold": 0.05}, "xtc", 0.1),
    ],
)
def test_values_that_can_be_worked_out_by_hand(knobs: dict[str, Any], stage: str, value: float) -> None:
    run = fixed_world(SHARES).run("x", Settings.from_mapping({**PLAIN, "max_tokens": 1, **knobs}))
    token = ord("a") if stage == "xtc" else ord("d")
    found = explain.why_not(run, 0, token)
    assert (found.fate, found.stage) == ("cut", stage)
    assert found.kept is not None
    if stage == "xtc":  # a stays as soon as it is the last one above the threshold: that of b
        assert found.kept.value == pytest.approx(0.3, abs=1e-6)
    else:
        assert found.kept.value == pytest.approx(value, abs=1e-6)
    assert f"{stage} cut it" in found.en
    assert f"{stage} が落としました" in found.ja


def test_a_token_that_stayed_says_where_it_lies_and_where_the_roll_fell() -> None:
    run = fixed_world(SHARES).run("x", Settings.from_mapping({**PLAIN, "max_tokens": 1}))
    assert run.text == "b"
    found = explain.why_not(run, 0, ord("c"))
    assert found.fate == "roll"
    assert found.span is not None
    assert (found.span.token, found.span.low, found.span.high) == (found.id, pytest.approx(0.7), pytest.approx(0.9))
    assert "0.7000 to 0.9000" in found.en
    assert f"{run.steps[0].u:.4f}" in found.ja


def test_greedy_a_ban_and_the_chosen_token_say_what_they_are() -> None:
    model = fixed_world(SHARES)
    greedy = model.run("x", Settings.from_mapping({**PLAIN, "max_tokens": 1, "temperature": 0}))
    assert explain.why_not(greedy, 0, ord("b")).fate == "lost"
    assert explain.why_not(greedy, 0, ord("a")).fate == "chosen"
    assert explain.why_not(greedy, 0, ord("z")).fate == "banned"
    banned = model.run("x", Settings.from_mapping({**PLAIN, "max_tokens": 1, "logit_bias": {97: float("-inf")}}))
    found = explain.why_not(banned, -1, ord("a"))
    assert (found.fate, found.stage, found.kept) == ("cut", "logit_bias", None)
    assert "No value" not in found.en
    assert "Without logit_bias it would have 40% at the end" in found.en
    assert "logit_bias がないなら" in found.ja
    both = {97: float("-inf"), 98: float("-inf")}
    one_of_two = model.run("x", Settings.from_mapping({**PLAIN, "max_tokens": 1, "logit_bias": both}))
    assert "Without its logit_bias" in explain.why_not(one_of_two, -1, ord("a")).en


# --- the stage that took its probability ---


def fresh(run: Run, index: int, made: Settings) -> tuple[Ledger | None, int | None]:
    """What a chain that is built from nothing leaves at a place of a run, and what it chooses."""
    chain = Chain.from_settings(made, seed=run.receipt.seed, n_vocab=N_VOCAB, texts=WORLD.tokenizer)
    chain.accept_prompt(run.receipt.prompt_tokens)
    chain.follow(run.tokens[:index])
    chain.remove(run.steps[index].removed)
    writer = LedgerWriter()
    (row,) = WORLD.replayer.rows(run, index, index + 1)
    try:
        pick = chain.choose(row, writer.watch).pick
    except DeadEndError:
        return None, None
    return writer.close(index, pick), pick.token


def lost_bits(ledger: Ledger, token: int) -> dict[str, float]:
    """By stage, what it took of the token's probability while it stayed, from shares in exact arithmetic."""
    bits: dict[str, float] = {}
    before: float | None = None
    for record in ledger.records:
        mine = record.logits[record.ids == token]
        if not len(mine) or mine[0] == -np.inf:
            break
        rest = [float(x) - float(mine[0]) for x in record.logits if x > -np.inf]
        top = max(rest)
        log = -(top + math.log(math.fsum(math.exp(x - top) for x in rest)))
        if before is not None:
            bits[record.name] = (before - log) / math.log(2)
        before = log
    return bits


BIASES = st.dictionaries(
    st.integers(0, N_VOCAB - 1), st.sampled_from([float("-inf"), -5.0, -1.0, 3.0]), max_size=3
).map(lambda found: tuple(sorted(found.items())))


@settings(max_examples=120, deadline=None)
@given(
    seeded(mirostat_mode=0, xtc_probability=0.0, adaptive_target=-1.0),
    BIASES,
    st.integers(0, 40),
    st.integers(0, 3),
)
def test_the_stage_that_is_named_took_most_and_putting_it_back_does_what_is_said(
    made: Settings, biases: Any, rank: int, index: int
) -> None:
    run = WORLD.run(PROMPT, made.replace(logit_bias=biases, max_tokens=4))
    if index >= len(run.steps):
        return
    row = noise((*run.receipt.prompt_tokens, *run.tokens[:index]))
    found = explain.why_not(run, index, int(np.argsort(-row)[rank]))
    if found.fate == "chosen":
        return
    bits = lost_bits(run.ledger(index), found.id)
    if found.taken is None:
        assert max(bits.values(), default=0.0) < 1e-5
    else:
        assert bits[found.taken.stage] == pytest.approx(found.taken.bits, abs=1e-5)
        assert bits[found.taken.stage] >= max(bits.values()) - 1e-5
        assert found.taken.before > found.taken.after or found.taken.before < 1e-300
    for stage, without in ((found.taken and found.taken.stage, found.taken and found.taken.without),
                           (found.stage, found.without)):  # fmt: skip
        if without is None:
            continue
        values = {change.name: change.a for change in without.changes}
        assert all(KNOBS[name].stage == stage for name in values)
        ledger, token = fresh(run, index, run.settings.replace(**values))
        assert ledger is not None
        p = ledger.records[-1].prob_of(found.id)
        assert p == (without.p if without.p is None else pytest.approx(without.p))
        assert without.chosen == (token == found.id)
        if without.then is None:
            assert p is not None
        else:
            assert ledger.cut_at(found.id) == without.then


TAKERS: list[tuple[str, dict[str, Any]]] = [
    ("penalties", {"presence_penalty": 4.0, "repeat_last_n": 64}),
    ("dry", {"dry_multiplier": 2.0, "dry_allowed_length": 1, "dry_penalty_last_n": 64}),
    ("logit_bias", {"logit_bias": {ord("a"): -4.0}}),
    ("temperature", {"temperature": 5.0}),
]


@pytest.mark.parametrize(
    ("stage", "knobs"), [*TAKERS, *((stage, {**knobs, "temperature": 0.0}) for stage, knobs in TAKERS[:3])]
)
def test_a_stage_that_moves_and_does_not_cut_is_named_with_what_would_be_without_it(
    stage: str, knobs: dict[str, Any]
) -> None:
    made = Settings.from_mapping({**PLAIN, "max_tokens": 1, **knobs})
    model = fixed_world({"a": 0.9, "b": 0.06, "c": 0.04})
    run = next(run for run in (model.run("aaaaaaaa", made, seed=seed) for seed in range(30)) if run.text != "a")
    found = explain.why_not(run, 0, ord("a"))
    assert found.rank == 1
    assert found.taken is not None
    assert found.taken.stage == stage
    assert f"What lowered it most is {stage} (90% → " in found.en
    assert f"これをいちばん下げたのは {stage} です（90% → " in found.ja
    assert found.taken.without is not None
    assert found.taken.without.p == pytest.approx(0.9)
    assert ("it would have been chosen" in found.en) == found.taken.without.chosen
    assert "only the likeliest" not in found.en


def test_the_stage_behind_a_cut_is_named_as_well() -> None:
    made = Settings.from_mapping({**PLAIN, "max_tokens": 1, "logit_bias": {ord("a"): -6.0}, "min_p": 0.1})
    found = explain.why_not(fixed_world({"a": 0.7, "b": 0.2, "c": 0.1}).run("x", made), 0, ord("a"))
    assert (found.fate, found.stage) == ("cut", "min_p")
    assert found.taken is not None
    assert found.taken.stage == "logit_bias"
    assert "min_p cut it" in found.en
    assert "Without logit_bias it would have been chosen." in found.en


def test_of_equals_temperature_0_takes_the_first_and_says_so() -> None:
    run = fixed_world({"a": 0.5, "b": 0.5}).run(
        "x", Settings.from_mapping({**PLAIN, "max_tokens": 1, "temperature": 0})
    )
    found = explain.why_not(run, 0, ord("b"))
    assert (found.rank, found.fate) == (1, "lost")
    assert "has the same 50%" in found.en


def test_a_token_that_would_have_been_chosen_where_another_was_set_by_hand_says_so() -> None:
    model = fixed_world(SHARES)
    made = Settings.from_mapping({**PLAIN, "max_tokens": 2, "temperature": 0})
    run = model.run(Prompt("x", tuple(model.tokenize("x")), "raw", (ord("d"),)), made)
    assert explain.why_not(run, 0, ord("a")).fate == "by_hand"
    lost = explain.why_not(run, 0, ord("b"))
    assert "“a” has 40%" in lost.en  # what lost it to is what the settings choose, not what was set


def test_what_mirostat_cut_is_not_said_to_be_beyond_all_values() -> None:
    made = Settings.from_mapping({**PLAIN, "max_tokens": 1, "mirostat_mode": 2, "mirostat_tau": 0.5})
    found = explain.why_not(fixed_world(SHARES).run("x", made), 0, ord("d"))
    assert (found.fate, found.stage) == ("cut", "mirostat")
    assert found.without is not None
    assert "With mirostat_mode 0 instead of 2" in found.en


def test_a_token_or_place_that_does_not_exist_is_refused() -> None:
    run = WORLD.run("x", seed=0, max_tokens=2)
    with pytest.raises(SettingsError, match="not in this vocabulary"):
        explain.why_not(run, 0, N_VOCAB)
    with pytest.raises(IndexError):
        explain.why_not(run, 2, 0)


def test_contrastive_search_names_what_it_did_not_compare(model: tsumami.Model) -> None:
    run = model.run("Once upon a time", seed=3, max_tokens=1, penalty_alpha=0.5, top_k=3, repeat_penalty=1.0)
    order = np.argsort(-run.ledger(0).records[0].logits, kind="stable")
    compared = {term.id for term in run.ledger(0).contrast}
    for place, token in enumerate(order[:6].tolist(), 1):
        found = explain.why_not(run, 0, token)
        assert (found.fate == "uncompared") == (token not in compared)
        if found.fate == "uncompared":
            assert f"it was number {place} of the candidates" in found.en


def test_a_token_that_the_grammar_cut_would_stay_without_it(model: tsumami.Model) -> None:
    run = model.run("The sky is", seed=1, max_tokens=1, temperature=0, grammar='root ::= "zebra"')
    likely = int(run.ledger(0).records[0].logits.argmax())
    found = explain.why_not(run, 0, likely)
    assert (found.fate, found.stage) == ("cut", "grammar")
    assert found.without is not None
    assert found.without.chosen == (model.run("The sky is", seed=1, max_tokens=1, temperature=0).tokens[0] == likely)
    assert "Without grammar" in found.en
    assert "grammar がないなら" in found.ja


@pytest.mark.parametrize(
    "knobs", [{}, {"typical_p": 0.5}, {"top_n_sigma": 1.0}, {"top_h": 0.3}, {"penalty_alpha": 0.5, "top_k": 3}]
)
def test_on_the_real_model(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    run = model.run("Once upon a time", Settings.from_mapping({"seed": 3, "max_tokens": 4, **knobs}))
    ledger = run.ledger(2)
    for token in ledger.records[0].ids[np.argsort(-ledger.records[0].logits)][[0, 7, 70, 700]]:
        assert_true(run, explain.why_not(run, 2, int(token)))
