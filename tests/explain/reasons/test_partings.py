"""Why two runs part: the cause is true, because putting it back makes the token the other one."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.strategies import settings_strategy
from tests.support.worlds import N_VOCAB, PROMPT, fixed_world, noise, pairs, world

import tsumami
from tsumami import explain
from tsumami.errors import DeadEndError, RunFileError, SettingsError
from tsumami.explain import Divergence
from tsumami.explain.reasons.causes import smallest
from tsumami.knobs import KNOBS
from tsumami.runs import Prompt, Run
from tsumami.sampling import Chain
from tsumami.sampling.guidance import GuidedRow
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

WORLD = world()
#: Chains whose state follows from the tokens alone, so that any mixture can be built from nothing.
NO_MEMORY: dict[str, Any] = {"mirostat_mode": 0, "adaptive_target": -1, "xtc_probability": 0.0, "banned_texts": ()}


def chosen(made: Settings, seed: int, prompt: tuple[int, ...], reply: tuple[int, ...]) -> int | None:
    """What a chain that is built from nothing, and has seen all tokens, chooses next: the plain reference."""
    chain = Chain.from_settings(made, seed=seed, n_vocab=N_VOCAB, texts=WORLD.tokenizer)
    chain.accept_prompt(prompt)
    chain.follow(reply)
    row, text = noise((*prompt, *reply)), made.negative_prompt
    if made.guidance_scale != 1:
        negative = (WORLD.tokenizer.begin, *text.encode()) if text else prompt[-1:]
        row = GuidedRow.of(row, noise((*negative, *reply)))
    try:
        return chain.choose(row).pick.token
    except DeadEndError:
        return None


def put_back(found: Divergence, names: set[str]) -> int | None:
    """B's next token with these as in A, by the plain reference; None if there is no such chain."""
    assert found.step is not None
    a, b = found.a.receipt, found.b.receipt
    knobs = {name: getattr(a.settings, name) for name in names if name in KNOBS and name != "seed"}
    try:
        made = b.settings.replace(**knobs)
    except SettingsError:
        return None
    return chosen(
        made,
        (a if "seed" in names else b).seed,
        (a if "prompt" in names else b).prompt_tokens,
        found.b.tokens[: found.step],
    )


def assert_kind_fits(found: Divergence) -> None:
    """The cause that is named is what its definition says."""
    assert found.back is not None
    assert found.at_b is not None
    names = {change.name for change in found.changes}
    alike = found.back.final.keys() == found.at_b.final.keys()
    match found.cause:
        case "other_logits":
            assert names & {"prompt", "model"}
        case "other_draw":
            assert "seed" in names
        case "penalty":
            assert {KNOBS[name].stage for name in names} <= {"penalties", "dry"}
        case "other_survivors":
            assert not alike
            assert any((one.p_a is None) != (one.p_b is None) for one in found.tokens)
        case "shifted_mass":
            assert alike
            assert all((one.p_a is None) == (one.p_b is None) for one in found.tokens)
        case None:
            pytest.fail("a parting without a cause")


@settings(max_examples=120, deadline=None)
@given(pairs(**NO_MEMORY), st.sampled_from([PROMPT, "xyz"]))
def test_putting_the_cause_back_makes_it_the_other_token(pair: tuple[Settings, Settings], prompt: str) -> None:
    a, b = WORLD.run(PROMPT, pair[0]), WORLD.run(prompt, pair[1])
    found = explain.divergence(a, b)
    if found.kind != "parted":
        assert found.cause is None
        return
    assert found.step is not None
    names = {change.name for change in found.changes}
    assert put_back(found, set()) == b.tokens[found.step]
    assert put_back(found, names) == a.tokens[found.step]
    assert_kind_fits(found)
    if len(names) > 1:  # none of them alone is enough
        assert all(put_back(found, {name}) != a.tokens[found.step] for name in names)


@settings(max_examples=80, deadline=None)
@given(pairs())
def test_every_cause_is_proved_also_where_chains_remember(pair: tuple[Settings, Settings]) -> None:
    a, b = WORLD.run(PROMPT, pair[0]), WORLD.run(PROMPT, pair[1])
    found = explain.divergence(a, b)
    if found.kind != "parted":
        return
    assert found.step is not None
    assert found.at_a is not None
    assert found.at_b is not None
    assert found.back is not None
    assert (found.at_a.token, found.at_b.token) == (a.tokens[found.step], b.tokens[found.step])
    assert found.back.token == a.tokens[found.step]
    assert_kind_fits(found)
    for words in (found.ja, found.en):
        assert all(change.name in words for change in found.changes if change.name in KNOBS and change.name != "seed")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_where_one_knob_differs_it_is_the_cause(data: st.DataObject) -> None:
    first, second = data.draw(pairs(**NO_MEMORY))
    differ = [name for name in KNOBS if getattr(first, name) != getattr(second, name)]
    if len(differ) != 1:
        return
    found = explain.divergence(WORLD.run(PROMPT, first), WORLD.run(PROMPT, second))
    if found.kind == "parted":
        assert [change.name for change in found.changes] == differ
        assert found.smallest


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    settings_strategy(grammar=True, contrastive=True, max_tokens=6, stop=()),
    settings_strategy(grammar=True, contrastive=True, max_tokens=6, stop=()),
)
def test_causes_on_the_real_model(model: tsumami.Model, first: Settings, second: Settings) -> None:
    prompt = "1, 2, 3, 1, 2, 3, 1, 2,"
    a, b = model.run(prompt, first.replace(seed=1)), model.run(prompt, second.replace(seed=1))
    found = explain.divergence(a, b)
    if found.kind == "parted":
        assert found.step is not None
        assert found.back is not None
        assert found.back.token == a.tokens[found.step]
        assert_kind_fits(found)


# --- one example of each, with its words ---

SHARES = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
PLAIN: dict[str, Any] = {"temperature": 1.0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "top_k": 4, "seed": 0}


def explained(first: dict[str, Any], second: dict[str, Any], prompts: tuple[str, str] = ("x", "x")) -> Divergence:
    model = fixed_world(SHARES)
    runs = [
        model.run(prompt, Settings.from_mapping({**PLAIN, "max_tokens": 8, **knobs}))
        for prompt, knobs in zip(prompts, (first, second), strict=True)
    ]
    return explain.divergence(*runs)


def test_other_survivors_name_who_came_in_where_and_with_what_value() -> None:
    found = explained({"top_k": 2}, {"top_k": 4})
    assert (found.kind, found.step, found.cause, found.stage) == ("parted", 1, "other_survivors", "top_k")
    assert [(change.name, change.a, change.b) for change in found.changes] == [("top_k", 2, 4)]
    only = {one.piece for one in found.tokens if one.p_a is None}
    assert only == {b"c", b"d"}
    assert "top_k is 2 in A and 4 in B" in found.en
    assert "“c” (20%)" in found.en
    assert "top_k は A が 2、B が 4" in found.ja
    assert "「c」（20%）" in found.ja


def test_shifted_mass_names_the_probabilities_on_both_sides() -> None:
    found = explained({"temperature": 1.0}, {"temperature": 5.0})
    assert (found.cause, found.stage) == ("shifted_mass", "temperature")
    assert found.at_b is not None
    assert len(found.at_b.final) == 4
    moved = {one.piece: (one.p_a, one.p_b) for one in found.tokens}
    assert moved[b"d"][0] == pytest.approx(0.1)
    assert moved[b"d"][1] == pytest.approx(0.1**0.2 / sum(p**0.2 for p in SHARES.values()), rel=1e-5)
    assert "temperature is 1 in A and 5 in B" in found.en
    assert "temperature は A が 1、B が 5" in found.ja


def test_a_penalty_names_the_tokens_that_were_there_before() -> None:
    found = explained({}, {"presence_penalty": 9.0}, ("ab", "ab"))
    assert found.cause == "penalty"
    assert found.stage == "penalties"
    assert {one.piece for one in found.tokens} <= {b"a", b"b"}
    assert "presence_penalty is 0 in A and 9 in B" in found.en
    assert "前に出たトークン" in found.ja


def test_another_draw_names_both_rolls() -> None:
    found = explained({"seed": 0}, {"seed": 1})
    assert (found.cause, found.stage) == ("other_draw", "draw")
    assert found.at_a is not None
    assert found.at_b is not None
    for outcome in (found.at_a, found.at_b):
        assert f"{outcome.u:.4f}" in found.en
        assert f"{outcome.u:.4f}" in found.ja
    assert "only the roll differs" in found.en


def test_other_logits_name_the_prompts_and_what_the_model_says() -> None:
    a = WORLD.run("abc", PLAIN_SETTINGS)
    b = WORLD.run("xyz", PLAIN_SETTINGS)
    found = explain.divergence(a, b)
    assert (found.step, found.cause, found.stage) == (0, "other_logits", "model")
    assert "The prompt is abc in A and xyz in B" in found.en
    assert "プロンプトは A が abc、B が xyz" in found.ja
    assert [one.id for one in found.tokens] == [a.tokens[0], b.tokens[0]]


PLAIN_SETTINGS = Settings.from_mapping({**PLAIN, "top_k": 0, "max_tokens": 8})


def test_another_model_is_other_logits_too() -> None:
    a = fixed_world({"a": 0.9, "b": 0.1}, "one").run("x", PLAIN_SETTINGS)
    b = fixed_world({"a": 0.1, "b": 0.9}, "two").run("x", PLAIN_SETTINGS)
    found = explain.divergence(a, b)
    assert [(change.name, change.a, change.b) for change in found.changes] == [("model", "one", "two")]
    assert found.cause == "other_logits"


def test_the_same_candidates_in_another_order_are_said_to_be_that() -> None:
    model = fixed_world({"a": 0.2, "b": 0.3, "c": 0.5})
    made = [Settings.from_mapping({**PLAIN, "top_k": k, "max_tokens": 8}) for k in (0, N_VOCAB)]
    found = explain.divergence(*(model.run("x", one) for one in made))
    assert (found.cause, found.stage) == ("shifted_mass", "top_k")
    assert "another order" in found.en
    assert "順番" in found.ja


def test_names_other_than_a_and_b_are_used_in_both_languages() -> None:
    model = fixed_world(SHARES)
    made = [Settings.from_mapping({**PLAIN, "max_tokens": 8, "seed": seed}) for seed in (0, 1)]
    found = explain.divergence(*(model.run("x", one) for one in made), names=("A", "H"))
    assert "H has" in found.en
    assert "H は" in found.ja
    assert "\ue001" not in found.ja + found.en


# --- what is no parting, and what cannot be explained ---


def test_the_same_run_is_identical() -> None:
    found = explained({}, {})
    assert (found.kind, found.step, found.cause) == ("identical", None, None)
    assert "8" in found.en


def test_a_run_that_ended_earlier_says_why() -> None:
    found = explained({"max_tokens": 3}, {})
    assert (found.kind, found.step) == ("ended", 3)
    assert "A ended (max_tokens was reached), and B went on" in found.en
    assert "A はそこで終わり" in found.ja


def with_prompt(text: str, tokens: tuple[int, ...], **knobs: Any) -> Run:
    return ScriptedModel(saying("abc")).run(Prompt(text, tokens), temperature=0, **knobs)


@pytest.mark.parametrize("knobs", [{}, {"max_tokens": 2}], ids=["the same", "ended"])
@pytest.mark.parametrize(
    ("texts", "words", "ja"),
    [
        (("on 1 May", "on 2 May"), "The prompt is on 1 May in A and on 2 May in B.", "A が on 1 May、B が on 2 May"),
        (("x" * 60 + "1", "x" * 60 + "2"), f"The prompt is …{'x' * 10}1 in A and …{'x' * 10}2 in B.", "…"),
        (
            ("<s>", "<s>"),
            "The prompts have the same text, but other tokens",
            "プロンプトの文は同じですが、トークンが違い",
        ),
    ],
)
def test_other_prompts_are_named_even_if_the_tokens_are_the_same(
    texts: tuple[str, str], words: str, ja: str, knobs: dict[str, Any]
) -> None:
    found = explain.divergence(with_prompt(texts[0], (120,)), with_prompt(texts[1], (121,), **knobs))
    assert found.kind == ("ended" if knobs else "identical")
    assert words in found.en
    assert ja in found.ja
    same = explain.divergence(with_prompt(texts[0], (120,)), with_prompt(texts[0], (120,), **knobs))
    assert "rompt" not in same.en


@pytest.mark.parametrize("other", [{}, {"logit_bias": {97: float("-inf"), 98: float("-inf"), 99: float("-inf")}}])
def test_runs_without_tokens_are_no_error(other: dict[str, Any]) -> None:
    banned = {"logit_bias": dict.fromkeys(range(97, 101), float("-inf"))}
    found = explained(banned, other or banned)
    assert found.kind == ("ended" if other else "identical")
    assert found.ja
    assert found.en


def test_a_token_set_by_hand_has_no_cause() -> None:
    model = fixed_world(SHARES)
    a = model.run("x", PLAIN_SETTINGS)
    other = next(ord(c) for c in "abcd" if ord(c) != a.tokens[2])
    begun = (*a.tokens[:2], other)
    b = model.run(Prompt("x", a.receipt.prompt_tokens, "raw", begun), PLAIN_SETTINGS)
    found = explain.divergence(a, b)
    assert (found.kind, found.step, found.cause) == ("by_hand", 2, None)
    assert "In B that token was set by hand" in found.en


def test_a_loaded_run_is_attached_first_and_its_place_is_known_before() -> None:
    found = explained({"top_k": 2}, {"top_k": 4})
    a, b = (Run.from_json(run.to_json()) for run in (found.a, found.b))
    assert explain.parting(a, b).step == found.step
    with pytest.raises(RunFileError, match="attach its model"):
        explain.divergence(a, b)
    model = fixed_world(SHARES)
    assert explain.divergence(a.attach(model), b.attach(model)).en == found.en


def test_an_edited_run_is_refused() -> None:
    found = explained({"top_k": 2}, {"top_k": 4})
    edited = dataclasses.replace(found.b.receipt, settings=found.b.settings.replace(top_k=1))
    with pytest.raises(RunFileError, match="does not come out again"):
        explain.divergence(found.a, dataclasses.replace(found.b, receipt=edited))


# --- the search for the smallest set ---


@given(st.sets(st.frozensets(st.integers(0, 7), min_size=1), min_size=1, max_size=4), st.sampled_from([10**6, 20]))
def test_the_set_that_is_found_is_enough_and_nothing_in_it_can_be_left_out(
    enough: set[frozenset[int]], tries: int
) -> None:
    levers = tuple(map(str, range(8)))

    def works(names: Any) -> bool:
        return any(all(str(one) in names for one in needed) for needed in enough)

    # more levers never undo what fewer have done here, as with real ones they may
    found = smallest(levers, works, tries)
    assert works(found.levers)
    assert not any(works([one for one in found.levers if one != gone]) for gone in found.levers)
    least = min(map(len, enough))
    if found.smallest:
        assert len(found.levers) == least
    assert all(works(one) and len(one) == len(found.levers) for one in found.others)
