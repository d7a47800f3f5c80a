"""Runs that think: the laws hold with a budget, and what was thought is known, kept apart, and not sent back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.worlds import N_VOCAB, noise, seeded

from tsumami.errors import SettingsError
from tsumami.explain import audit
from tsumami.explore.intervals import intervals
from tsumami.explore.maps import Mapping
from tsumami.runs import Prompt, Run, verify
from tsumami.runs.going_on import go_on
from tsumami.runs.restore import restore
from tsumami.sampling.thinking import MARKS
from tsumami.settings import Settings
from tsumami.settings.value import WHILE_THINKING
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

START, END = MARKS[0]
TEMPLATE = f"{START}{{{{ messages }}}}{END}"


def talker(reply: str) -> ScriptedModel:
    return ScriptedModel(saying(reply), template=TEMPLATE)


def thinker() -> ScriptedModel:
    """Noise whose model is known to think."""
    return ScriptedModel(noise, name="thinker", template=TEMPLATE)


def prompt(text: str) -> Prompt:
    return Prompt(text, tuple(ByteTokenizer().tokenize(text.encode())))


def test_what_was_thought_and_what_was_answered() -> None:
    run = talker(f"{START}\nHm, 2 + 2.\n{END}\n\n4.").run("2+2?", temperature=0)
    assert run.thought is not None
    assert run.thought.ended
    assert (run.thinking, run.answer) == ("Hm, 2 + 2.", "4.")
    assert run.message.content == "\n\n4."
    assert run.message.tokens == tuple(b"\n\n4.")
    assert run.reply.content == run.text
    assert run.reply.tokens == run.tokens[:-1]
    assert Run.from_json(run.to_json()) == run


def test_the_parts_are_the_whole_and_each_can_be_audited() -> None:
    run = talker(f"{START}Hm.{END}4.").run("2+2?", temperature=0.5, seed=0)
    parts = [*run.part("thinking"), *run.part("answer")]
    assert parts == list(run.part("all")) == list(range(len(run.steps)))
    whole, thinking, answer = audit(run), audit(run, "thinking"), audit(run, "answer")
    assert whole.tokens == thinking.tokens + answer.tokens
    for one, two, three in zip(whole.knobs, thinking.knobs, answer.knobs, strict=True):
        assert (one.knob, one.changed) == (two.knob, two.changed + three.changed)
        assert one.decided == two.decided + three.decided
    with pytest.raises(SettingsError, match="does not think"):
        audit(talker("4.").run("2+2?", temperature=0), "answer")
    with pytest.raises(SettingsError, match="needs one of all, thinking, answer"):
        run.part("end")  # type: ignore[arg-type]  # that is the point


def test_thinking_that_the_prompt_began_and_nobody_ended() -> None:
    run = talker("Hm, and so on").run(f"2+2?{START}\n", temperature=0, max_tokens=5)
    assert run.thought is not None
    assert not run.thought.ended
    assert (run.thinking, run.answer, run.message.content) == ("Hm, a", "", "")


def test_who_does_not_think_has_no_such_part() -> None:
    for model in (talker("4."), ScriptedModel(saying(f"{START}Hm{END}4."))):
        run = model.run("2+2?", temperature=0)
        assert run.thought is None
        assert (run.thinking, run.answer) == ("", run.text)
        assert run.message == run.reply
        assert "thought" not in run.to_json()
        assert "set_by" not in run.to_json()


def test_a_budget_ends_it_and_the_steps_say_so() -> None:
    run = thinker().run(prompt(f"abc{START}"), seed=1, max_tokens=20, thinking_budget=4, ignore_eos=True)
    put = [step.set_by for step in run.steps]
    at = put.index("thinking_budget")
    assert put[at : at + len(END)] == ["thinking_budget"] * len(END)
    assert set(put[:at] + put[at + len(END) :]) == {None}
    assert at in (4, 5, 6, 7)  # a character may have to be complete
    assert all(step.p_final == 1 and step.n_candidates == 1 for step in run.steps[at : at + len(END)])
    assert run.thought is not None
    assert (run.thought.steps, run.thought.ended) == (at + len(END), True)
    assert Run.from_json(run.to_json()) == run


@settings(max_examples=25, deadline=None)
@given(
    seeded(max_tokens=24, ignore_eos=True, thinking_budget=3, logit_bias=(), no_repeat_ngram_size=0),
    st.sampled_from([START, f"{START}\n", ""]),
    st.integers(1, 23),
)
def test_the_laws_hold_with_a_budget(drawn: Settings, end: str, at: int) -> None:
    """Ledger on = off; replayed, restored, verified, gone on with: bit for bit."""
    model, asked = thinker(), prompt(f"abcabc{end}")
    run = model.run(asked, drawn)
    kept = model.run(asked, drawn, ledger=True)
    assert kept.steps == run.steps
    again = run.replay()
    for one, two in zip(kept.ledgers, again, strict=True):
        assert one.pick == two.pick
        assert [r.logits.tobytes() for r in one.records] == [r.logits.tobytes() for r in two.records]
    back = restore(model, run.receipt, run.tokens)
    assert (back.steps, back.thought) == (run.steps, run.thought)
    assert verify(model, run).same
    first = model.run(asked, drawn, max_tokens=at)
    if first.stop_reason == "length" and first.reply.tokens == first.tokens:
        with go_on(model, first, max_tokens=24 - at) as stream:
            assert stream.run.tokens == run.tokens
            assert [step.set_by for step in stream.run.steps] == [step.set_by for step in run.steps]


@settings(max_examples=15, deadline=None)
@given(seeded(thinking_budget=-1), st.integers(0, 5))
def test_a_model_that_does_not_think_is_not_moved_by_a_budget(drawn: Settings, budget: int) -> None:
    model = ScriptedModel(noise)
    plain, limited = model.run("abc<think>", drawn), model.run("abc<think>", drawn, thinking_budget=budget)
    assert plain.steps == limited.steps


def test_a_contrastive_search_is_ended_as_well() -> None:
    def hidden(tokens: tuple[int, ...]) -> Any:
        return [1.0 + len(tokens) % 3, tokens[-1] % 5, 1.0]

    model = ScriptedModel(noise, hidden=hidden, template=TEMPLATE)
    knobs = {"penalty_alpha": 0.5, "top_k": 3, "max_tokens": 14, "thinking_budget": 2, "ignore_eos": True}
    run = model.run(prompt(START), **knobs)
    at = [step.set_by for step in run.steps].index("thinking_budget")
    assert bytes(run.tokens[at : at + len(END)]).decode() == END
    assert verify(model, run).same
    assert model.engine.n_vocab == N_VOCAB


@pytest.mark.parametrize(
    ("thinking", "told"), [("auto", {}), ("on", {"enable_thinking": True}), ("off", {"enable_thinking": False})]
)
def test_what_a_template_is_told(thinking: str, told: dict[str, Any]) -> None:
    assert Settings(thinking=thinking).template_values == told
    more = Settings(thinking=thinking, chat_template_kwargs={"effort": "low"})  # type: ignore[arg-type]  # is made text
    assert more.template_values == told | {"effort": "low"}
    assert Settings.from_mapping(more.to_dict()) == more
    own = Settings(thinking=thinking, chat_template_kwargs='{"enable_thinking": true}')
    assert own.template_values == {"enable_thinking": True}


@pytest.mark.parametrize("name", ["messages", "bos_token", "tools"])
def test_what_is_ours_to_tell_cannot_be_given(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is not to be given"):
        Settings(chat_template_kwargs=f'{{"{name}": []}}')


# --- other knobs while it thinks ---


def asked(end: str) -> Prompt:
    return prompt(f"abcabc{end}")


def test_other_knobs_hold_while_it_thinks_and_only_then() -> None:
    """With top_k 1 in the thinking the likeliest token comes there; the answer is what the same rolls give without."""
    model = thinker()
    knobs: dict[str, Any] = {"seed": 3, "max_tokens": 30, "ignore_eos": True, "thinking_budget": 6, "temperature": 1.5}
    run = model.run(asked(START), thinking_settings={"top_k": 1}, **knobs)
    assert run.thought is not None
    at = run.thought.steps
    assert all(step.n_candidates == 1 for step in run.steps[:at])
    assert any(step.n_candidates > 1 for step in run.steps[at:])
    assert {record.name: record.n_kept for record in run.ledger(0).stages}["top_k"] == 1
    plain = model.run(Prompt("", asked(START).tokens, begun=run.tokens[:at]), **knobs)
    assert plain.tokens == run.tokens
    assert plain.steps[at:] == run.steps[at:]
    greedy = model.run(asked(START), **knobs, top_k=1)
    assert greedy.tokens[:at] == run.tokens[:at]


@settings(max_examples=25, deadline=None)
@given(
    seeded(max_tokens=24, ignore_eos=True, logit_bias=(), no_repeat_ngram_size=0, thinking_settings=None),
    st.sampled_from([START, f"{START}\n", "", f"{START}{END}"]),
    st.fixed_dictionaries(
        {},
        optional={
            "top_k": st.sampled_from([0, 2, 40]),
            "repeat_penalty": st.sampled_from([1.0, 1.5]),
            "xtc_probability": st.sampled_from([0.0, 0.5]),
            "min_p": st.sampled_from([0.0, 0.3]),
            "samplers": st.sampled_from([["top_k"], "llama.cpp"]),
        },
    ),
    st.integers(1, 23),
)
def test_the_laws_hold_with_other_knobs_while_it_thinks(
    drawn: Settings, end: str, inside: dict[str, Any], at: int
) -> None:
    inside = {name: value for name, value in inside.items() if name in WHILE_THINKING}
    made = drawn.replace(thinking_settings=inside, thinking_budget=4)
    model = thinker()
    run = model.run(asked(end), made)
    kept = model.run(asked(end), made, ledger=True)
    assert kept.steps == run.steps
    for one, two in zip(kept.ledgers, run.replay(), strict=True):
        assert one.pick == two.pick
        assert [r.logits.tobytes() for r in one.records] == [r.logits.tobytes() for r in two.records]
    assert restore(model, run.receipt, run.tokens).steps == run.steps
    assert verify(model, run).same
    assert Run.from_json(run.to_json()) == run
    chain = run.replayer.chain(run, min(at, len(run.steps)))  # type: ignore[union-attr]  # a model's run has one
    anew = chain.variant(made.replace(seed=made.seed))
    assert [stage.name for stage in anew.stages] == [stage.name for stage in chain.stages]
    assert audit(run).tokens == len(run.steps)
    if not inside or ScriptedModel(noise).run(asked(end), made).steps == run.steps:
        return
    assert run.thought is not None


def test_a_model_that_does_not_think_is_not_moved_by_them() -> None:
    model = ScriptedModel(noise)
    plain = model.run(asked(START), seed=1, max_tokens=8)
    assert model.run(asked(START), seed=1, max_tokens=8, thinking_settings={"top_k": 1}).steps == plain.steps


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"thinking_settings": {"max_tokens": 3}}, "max_tokens cannot be another one while it thinks"),
        ({"thinking_settings": {"grammar": 'root ::= "a"'}}, "grammar cannot"),
        ({"thinking_settings": {"top_p": 2}}, "thinking_settings: top_p = 2"),
        ({"thinking_settings": {"temperature": 0}}, "cannot change from greedy to sample"),
        ({"thinking_settings": {"top_k": 3}, "penalty_alpha": 0.5}, "contrastive search"),
        ({"thinking_settings": [1]}, "needs a JSON object"),
    ],
)
def test_what_cannot_hold_for_a_part_alone_is_refused(knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_mapping(knobs)


def test_a_map_and_intervals_say_that_one_knob_has_two_values_there() -> None:
    model = thinker()
    made = Settings(thinking_settings='{"top_k":1}', seed=1, max_tokens=3)
    with pytest.raises(SettingsError, match="thinking_settings"):
        Mapping(model, asked(START), "top_p", 0.5, 1.0, made)
    with pytest.raises(SettingsError, match="thinking_settings"):
        intervals(model, model.run(asked(START), made))
