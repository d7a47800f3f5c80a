"""The chain: which stages there are, what they remember, and that looking and forking change nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.bare import Row
from tests.support.strategies import knob_values, settings_strategy

from tsumami import native
from tsumami.errors import GrammarError, SettingsError
from tsumami.knobs import KNOBS, STAGES
from tsumami.knobs.stages import ROWS, StageRow
from tsumami.model import Model
from tsumami.sampling import Candidates, Chain, DeadEndError, LedgerWriter, Pick, apply, effective_seed, rolls
from tsumami.sampling.chain import idle_stages
from tsumami.settings import Settings

INF = float("inf")
NEUTRAL = {"temperature": 1.0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "top_k": 0}
BUSY: dict[str, dict[str, Any]] = {
    "penalties": {"repeat_penalty": 1.5, "frequency_penalty": 0.4, "presence_penalty": 0.3, "repeat_last_n": 5},
    "dry": {"dry_multiplier": 2.0, "dry_allowed_length": 0, "dry_penalty_last_n": 8},
    "xtc": {"xtc_probability": 0.5, "xtc_threshold": 0.02, "min_p": 0.0, "top_p": 1.0},
    "mirostat 1": {"mirostat_mode": 1, "mirostat_tau": 4.0, "mirostat_eta": 0.4},
    "mirostat 2": {"mirostat_mode": 2, "mirostat_tau": 4.0, "mirostat_eta": 0.4},
    "adaptive": {"adaptive_target": 0.3, "adaptive_decay": 0.7},
    "greedy": {"temperature": 0, "repeat_penalty": 1.8},
    "grammar": {"grammar": 'root ::= ("red" | "green" | " ")+', "temperature": 1.5},
    "schema": {"json_schema": '{"type":"array","items":{"type":"integer"}}', "temperature": 1.5},
    "all of it": {"temperature": 1.4, "dry_multiplier": 1.0, "xtc_probability": 0.6, "tfs_z": 0.97, "typical_p": 0.9},
}


#: Nothing that stands before the order.
ONLY_THE_ORDER: dict[str, Any] = {
    "guidance_scale": 1, "logit_bias": (), "text_bias": (), "min_tokens": 0, "ignore_eos": False, "banned_texts": (),
}  # fmt: skip


def chain_of(drawn: Settings, model: Model | None = None, *, seed: int = 7, n_vocab: int = 5) -> Chain:
    if model is None:
        return Chain.from_settings(drawn, seed=seed, n_vocab=n_vocab)
    return Chain.from_settings(drawn, seed=seed, n_vocab=model.vocab.n_tokens, vocab=model.vocab)


def play(chain: Chain, rows: Sequence[Row]) -> list[Pick | None]:
    """Choose and accept, row by row; None at a dead end, which ends a run."""
    picks: list[Pick | None] = []
    for row in rows:
        try:
            pick = chain.choose(row).pick
        except DeadEndError:
            return [*picks, None]
        chain.accept(pick.token)
        picks.append(pick)
    return picks


# --- which stages there are ---


@pytest.mark.parametrize("order", ["classic", "llama.cpp", ("top_p", "temperature"), ()])
def test_every_stage_of_the_order_is_there_by_its_name(order: str | tuple[str, ...]) -> None:
    drawn = Settings(samplers=order)
    assert tuple(stage.name for stage in chain_of(drawn).stages) == without_unwanted(drawn.chain_order)


def without_unwanted(names: Sequence[str]) -> tuple[str, ...]:
    """The stages that are there even if nobody turns their knobs."""
    return tuple(name for name in names if not ROWS[name].wanted_by)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS.values() if row.ordered])
def test_a_stage_that_is_wanted_stands_in_its_place_and_one_that_is_not_nowhere(row: StageRow) -> None:
    knobs = {name: st_example(name) for name in row.wanted_by[:1]}
    names = [stage.name for stage in chain_of(Settings.from_mapping(knobs)).stages]
    assert row.name in names
    assert names == [name for name in STAGES if name in names]
    if row.wanted_by:
        assert row.name not in [stage.name for stage in chain_of(Settings()).stages]
        assert row.name in idle_stages(Settings())


def st_example(name: str) -> Any:
    """A value of a knob that is not its neutral one."""
    knob = KNOBS[name]
    assert knob.slider is not None
    return next(v for v in (knob.slider.high, knob.slider.low) if v != knob.neutral)


def test_bias_and_grammar_come_before_the_order(model: Model) -> None:
    drawn = Settings(logit_bias={1: 1.0}, grammar='root ::= "a"')
    assert tuple(stage.name for stage in chain_of(drawn, model).stages) == (
        "logit_bias", "grammar", *without_unwanted(drawn.chain_order),
    )  # fmt: skip


def test_a_neutral_stage_is_a_visible_no_op() -> None:
    drawn = Settings.from_mapping(NEUTRAL)
    assert {stage.name: stage.idle for stage in chain_of(drawn).stages} == dict.fromkeys(
        without_unwanted(STAGES), "neutral"
    )
    active = {"penalties", "top_k", "top_p", "min_p", "temperature"}
    assert {stage.name for stage in chain_of(Settings()).stages if stage.idle is None} == active


@pytest.mark.parametrize(
    ("changes", "mode", "acting"),
    [
        ({"temperature": 0}, "greedy", {"penalties", "dry"}),
        ({"mirostat_mode": 1}, "mirostat", {"penalties", "temperature"}),
        ({"mirostat_mode": 2}, "mirostat", {"penalties", "temperature"}),
        ({"penalty_alpha": 0.6, "top_k": 4}, "contrastive", {"penalties", "dry"}),
    ],
)
def test_a_mode_says_which_stages_it_leaves_out(changes: dict[str, Any], mode: str, acting: set[str]) -> None:
    all_on = {**BUSY["all of it"], "top_n_sigma": 1.0}
    stages = chain_of(Settings.from_mapping({**all_on, **changes})).stages
    assert {stage.name for stage in stages} == set(without_unwanted(STAGES))
    assert {stage.name for stage in stages if stage.idle is None} == acting
    assert {stage.idle for stage in stages} == {None, mode}


def test_mirostat_has_penalties_first_and_temperature_last_even_if_the_order_names_neither() -> None:
    names = [stage.name for stage in chain_of(Settings(mirostat_mode=2, samplers=("top_k",))).stages]
    assert names == ["penalties", "top_k", "temperature"]


def test_stages_are_applied_in_the_order_given() -> None:
    """Half the probability of the flattened or of the original distribution: temperature first or last."""
    row = np.log(np.array([0.55, 0.2, 0.15, 0.06, 0.04], np.float32))
    knobs = {**NEUTRAL, "top_p": 0.5, "temperature": 2.0}
    first = chain_of(Settings.from_mapping({**knobs, "samplers": ("temperature", "top_p")})).process(row)
    last = chain_of(Settings.from_mapping({**knobs, "samplers": ("top_p", "temperature")})).process(row)
    assert (first.ids.tolist(), last.ids.tolist()) == ([0, 1], [0])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(drawn=settings_strategy(seed=0, mirostat_mode=0, adaptive_target=-1, penalize_prompt=False, **ONLY_THE_ORDER))
def test_a_chain_is_its_stages_one_after_another(drawn: Settings, model: Model, rows: list[Row]) -> None:
    """`apply` by name, stage by stage, leaves the same bytes as the chain."""
    assume(drawn.mode == "sample")
    candidates = Candidates.from_logits(rows[0])
    for name in drawn.chain_order:
        candidates = apply(name, drawn, candidates, vocab=model.vocab)
    whole = Candidates.from_logits(rows[0])
    chain_of(drawn, model, seed=0).apply(whole)
    assert candidates.ids.tolist() == whole.ids.tolist()
    assert candidates.logits.tobytes() == whole.logits.tobytes()


# --- state ---


@pytest.mark.parametrize("name", BUSY)
def test_a_clone_in_mid_run_goes_on_as_the_original_does(name: str, model: Model, rows: list[Row]) -> None:
    chain = chain_of(Settings.from_mapping(BUSY[name]), model)
    play(chain, rows[:6])
    clone = chain.clone()
    original = play(chain, rows[6:])
    assert play(clone, rows[6:]) == original


@pytest.mark.parametrize("name", BUSY)
def test_what_a_clone_does_leaves_the_original_alone(name: str, model: Model, rows: list[Row]) -> None:
    drawn = Settings.from_mapping(BUSY[name])
    expected = play(chain_of(drawn, model), rows)
    chain = chain_of(drawn, model)
    begun = play(chain, rows[:6])
    play(chain.clone(), rows[::-1])
    assert [*begun, *play(chain, rows[6:])] == expected


@settings(max_examples=60, deadline=None, derandomize=True)
@given(drawn=settings_strategy(seed=0, stop=()), at=st.integers(0, 7))
def test_forked_anywhere_a_run_is_the_same(drawn: Settings, at: int, model: Model, rows: list[Row]) -> None:
    chain = chain_of(drawn, model)
    begun = play(chain, rows[:at])
    assume(None not in begun)
    assert play(chain.clone(), rows[at:8]) == play(chain, rows[at:8])


def test_each_kind_of_state_matters_here(model: Model, rows: list[Row]) -> None:
    """The tests above prove nothing about a state that these rows never touch: a fresh chain must go on differently."""
    for name in BUSY:
        drawn = Settings.from_mapping(BUSY[name])
        chain = chain_of(drawn, model)
        play(chain, rows[:6])
        assert play(chain_of(drawn, model), rows[6:]) != play(chain, rows[6:]), name


def test_the_prompt_is_seen_by_penalties_and_dry_and_not_by_a_grammar(model: Model, rows: list[Row]) -> None:
    best = int(rows[0].argmax())
    drawn = Settings(temperature=0, repeat_penalty=1.0, presence_penalty=2.0, frequency_penalty=2.0)
    chain = chain_of(drawn, model)
    chain.accept_prompt([best] * 20)
    assert chain.choose(rows[0]).pick.token != best
    constrained = chain_of(Settings(temperature=0, grammar='root ::= "zebra"'), model)
    constrained.accept_prompt([best] * 20)
    assert b"zebra".startswith(model.vocab.piece(constrained.choose(rows[0]).pick.token))


# --- law 1: looking changes nothing ---


@settings(max_examples=100, deadline=None, derandomize=True)
@given(drawn=settings_strategy(seed=0, grammar=True))
def test_watched_a_chain_chooses_the_same_from_the_same_bytes(drawn: Settings, model: Model, rows: list[Row]) -> None:
    watched, unwatched, writer = chain_of(drawn, model), chain_of(drawn, model), LedgerWriter()
    for row in rows[:4]:
        try:
            expected = unwatched.choose(row)
        except DeadEndError:
            with pytest.raises(DeadEndError):
                watched.choose(row, writer.watch)
            return
        seen = watched.choose(row, writer.watch)
        assert seen.pick == expected.pick
        assert seen.candidates.data.tobytes() == expected.candidates.data.tobytes()
        writer.close(0, seen.pick)
        watched.accept(seen.pick.token)
        unwatched.accept(expected.pick.token)


# --- idle knobs ---


@settings(max_examples=250, deadline=None, derandomize=True)
@given(drawn=settings_strategy(seed=5, grammar=True, contrastive=True), data=st.data())
def test_a_knob_that_is_called_idle_changes_no_token(
    drawn: Settings, data: st.DataObject, model: Model, rows: list[Row]
) -> None:
    idle = [name for name in drawn.idle_knobs() if name != "seed"]
    assume(idle)
    name = data.draw(st.sampled_from(idle))
    try:
        moved = drawn.replace(**{name: data.draw(knob_values(name))})
    except SettingsError:
        return  # it cannot be moved at all: a second way to do what another knob does
    if "temperature" not in drawn.chain_order and moved.temperature == 0:
        return  # left out of the order, temperature still says greedy at 0, as the table's words on it tell
    assert moved.mode == drawn.mode
    assert outcome(moved, model, rows) == outcome(drawn, model, rows), (name, drawn.idle_knobs()[name].en)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(drawn=settings_strategy(seed=5, contrastive=True), seed=st.integers(0, 2**32 - 2))
def test_where_the_seed_is_called_idle_it_changes_no_token(
    drawn: Settings, seed: int, model: Model, rows: list[Row]
) -> None:
    assume("seed" in drawn.idle_knobs())
    assert outcome(drawn.replace(seed=seed), model, rows) == outcome(drawn, model, rows)


def outcome(drawn: Settings, model: Model, rows: list[Row]) -> list[Any]:
    """The tokens; for contrastive search, which chooses above this floor, what it gets to choose from."""
    chain = chain_of(drawn, model, seed=drawn.seed)
    if drawn.penalize_prompt:
        chain.accept_prompt([28, 30, 260, 28, 30, 260, 28])
    if drawn.mode != "contrastive":
        return [pick and pick.token for pick in play(chain, rows[:5])]
    left = []
    for row in rows[:3]:
        try:
            candidates = chain.process(row)
        except DeadEndError:
            return [*left, None]
        left.append(candidates.data.tobytes())
        chain.accept(int(candidates.ids[candidates.logits.argmax()]))
    return left


# --- ways to choose ---


def test_greedy_takes_the_first_of_the_best_and_names_the_roll_of_its_step() -> None:
    chain = chain_of(Settings(temperature=0, repeat_penalty=1.0))
    picks = play(chain, [np.array([1, 3, 3, 2, 0], np.float32)] * 3)
    assert [(pick.token, pick.index) for pick in picks if pick] == [(1, 1)] * 3
    assert [pick.u for pick in picks if pick] == rolls(7, 3).tolist()


def test_a_draw_names_the_roll_of_its_step_whatever_was_cut() -> None:
    row = np.array([9, 1, 1, 1, 1], np.float32)
    for changes in ({}, {"top_k": 1}, {"xtc_probability": 1.0, "xtc_threshold": 0.0}):
        picks = play(chain_of(Settings.from_mapping({**NEUTRAL, **changes})), [row] * 4)
        assert [pick.u for pick in picks if pick] == rolls(7, 4).tolist()


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_names_the_roll_that_it_used_and_none_where_one_candidate_was_left(version: int) -> None:
    """std::discrete_distribution takes no roll for one candidate, so the next token gets the roll that was left."""
    rng = np.random.default_rng(0)
    sure = np.array([80.0, *np.zeros(99)], np.float32)
    flat = rng.normal(0, 1, 100).astype(np.float32)
    drawn = Settings.from_mapping({**NEUTRAL, "mirostat_mode": version, "mirostat_eta": 0.0})
    chain = chain_of(drawn, n_vocab=100)
    expected = iter(rolls(7, 50).tolist())
    rolled = 0
    for row in [flat, sure, sure, flat, flat, sure, flat, flat] * 4:
        choice = chain.choose(row)
        p = choice.candidates.data["p"].astype(np.float64)
        if len(p) == 1:
            assert (choice.pick.u, choice.pick.index) == (None, 0)
            continue
        assert choice.pick.u == next(expected)
        cumulative = np.cumsum(p / p.sum())
        cumulative[-1] = 1
        assert choice.pick.index == int(np.searchsorted(cumulative, choice.pick.u))
        rolled += 1
    assert 0 < rolled < 32


@pytest.mark.parametrize("version", [1, 2])
@settings(max_examples=60)
@given(
    dice=st.integers(0, 2**32 - 1),
    n=st.integers(1, 3000),
    digits=st.integers(-1, 6),
    tau=st.floats(0.1, 12),
    size=st.sampled_from([1.0, 1e6, 1e8]),  # 1e8: a temperature near 0, where llama.cpp's buckets overflow
)
def test_mirostat_leaves_what_llama_cpp_leaves_in_its_order(
    version: int, dice: int, n: int, digits: int, tau: float, size: float
) -> None:
    rng = np.random.default_rng(dice)
    rows = [(rng.normal(0, 4, n).round(digits) * size).astype(np.float32) for _ in range(6)]
    for row in rows:
        row[rng.random(n) < 0.1] = rng.choice([-INF, -0.0, 0.0])
        row[rng.integers(n)] = 5.0
    chain = chain_of(Settings.from_mapping({**NEUTRAL, "mirostat_mode": version, "mirostat_tau": tau}), n_vocab=n)
    theirs = native.mirostat(version, n, 7, tau, 0.1)
    for row in rows:
        ours, expected = chain.choose(row).candidates, Candidates.from_row(row)
        theirs.apply(expected.array)
        assert ours.data.tobytes() == expected.data.tobytes()
        assert (ours.selected, ours.sorted) == (expected.selected, expected.sorted)


def test_mirostat_2_cuts_at_its_running_target() -> None:
    """mu starts at 2 tau and moves by eta times (tau - surprise); whoever is more surprising than mu goes."""
    row = np.log(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625], np.float32))
    drawn = Settings.from_mapping({**NEUTRAL, "mirostat_mode": 2, "mirostat_tau": 1.25, "mirostat_eta": 0.5})
    chain, mu = chain_of(drawn), 2.5
    for _ in range(20):
        choice = chain.choose(row)
        kept = max(1, sum(-math.log2(p) <= mu + 1e-6 for p in (0.5, 0.25, 0.125, 0.0625, 0.0625)))
        assert len(choice.candidates) == kept
        mu -= 0.5 * (-math.log2(choice.candidates.data["p"][choice.pick.index]) - 1.25)


def test_effective_seed_is_the_given_one_or_a_fresh_one_that_can_be_given() -> None:
    assert effective_seed(Settings(seed=0)) == 0
    assert effective_seed(Settings(seed=2**32 - 2)) == 2**32 - 2
    fresh = {effective_seed(Settings(seed=-1)) for _ in range(20)}
    assert len(fresh) == 20
    assert all(Settings(seed=seed).seed == seed for seed in fresh)


# --- where there is nothing to choose, and what is refused ---


def test_where_everything_is_forbidden_the_chain_says_so() -> None:
    banned = Settings(logit_bias=dict.fromkeys(range(5), -INF))
    for mode in ({}, {"temperature": 0}, {"mirostat_mode": 1}, {"mirostat_mode": 2}):
        with pytest.raises(DeadEndError):
            chain_of(banned.replace(**mode)).choose(np.zeros(5, np.float32))


def test_a_ban_leaves_the_others() -> None:
    chain = chain_of(Settings(logit_bias=dict.fromkeys(range(4), -INF)))
    assert chain.choose(np.array([9, 9, 9, 9, -9], np.float32)).pick.token == 4


def test_a_bias_for_a_token_beyond_the_vocabulary_is_refused_by_its_id() -> None:
    with pytest.raises(SettingsError, match=r"token 5, .* ends at 4"):
        chain_of(Settings(logit_bias={4: 1.0, 5: 1.0}))


def test_a_grammar_without_a_vocabulary_is_refused() -> None:
    with pytest.raises(SettingsError, match="vocabulary"):
        chain_of(Settings(grammar='root ::= "a"'))


def test_a_broken_grammar_names_its_line(model: Model) -> None:
    with pytest.raises(GrammarError, match="line 2"):
        chain_of(Settings(grammar='root ::= "a"\nb :: "c"'), model)


@pytest.mark.parametrize(
    "changes", [{}, {"temperature": 0}, {"mirostat_mode": 2}, {"typical_p": 0.5, "temperature": 2}]
)
def test_a_grammar_is_kept_to_in_every_mode(changes: dict[str, Any], model: Model, rows: list[Row]) -> None:
    drawn = Settings.from_mapping({**changes, "grammar": 'root ::= ("red" | "green" | "blue") " bird"'})
    chain, said = chain_of(drawn, model), b""
    for row in rows:
        token = chain.choose(row).pick.token
        if model.vocab.is_eog(token):
            break
        chain.accept(token)
        said += model.vocab.piece(token)
    assert said in (b"red bird", b"green bird", b"blue bird")


def test_a_grammar_leaves_no_forbidden_candidate_that_typical_could_stumble_on(model: Model, rows: list[Row]) -> None:
    drawn = Settings.from_mapping({**NEUTRAL, "typical_p": 0.999, "grammar": 'root ::= "a" | "b" | "c"'})
    left = chain_of(drawn, model).process(rows[0])
    assert {model.vocab.piece(token) for token in left.ids.tolist()} <= {b"a", b"b", b"c"}
    assert left.logits.min() > -INF


def test_the_knob_table_and_the_stages_have_the_same_names() -> None:
    stages = {knob.stage for knob in KNOBS.values()}
    assert set(STAGES) <= stages


def test_knobs_at_their_neutral_values_bring_no_stage_into_a_chain() -> None:
    """So what nobody uses costs nothing: the stages are those of January 2024 and llama.cpp's own newer ones."""
    named = Settings.from_mapping({name: knob.neutral for name, knob in KNOBS.items() if knob.neutral == knob.default})
    assert named == Settings()
    assert [stage.name for stage in Chain.from_settings(named, seed=0, n_vocab=9).stages] == [
        "penalties", "dry", "top_n_sigma", "top_k", "tfs_z", "typ_p", "top_p", "min_p", "xtc", "temperature",
    ]  # fmt: skip
