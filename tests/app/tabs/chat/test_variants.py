"""Several replies to one message: what makes them differ, and why they part."""

from __future__ import annotations

import dataclasses

import pytest
from tests.support.reply_facts import facts

from tsumami.app.tabs.chat import variants
from tsumami.app.words.texts import PageProblem, Texts
from tsumami.app.work.conversation import Conversation, ReplyFacts
from tsumami.model import Model
from tsumami.prompts import Exchange

EN, JA = Texts("en"), Texts("ja")


def two(one: ReplyFacts | None, other: ReplyFacts | None) -> Exchange[ReplyFacts]:
    """The last of two replies."""
    return Conversation().ask("Q").answered("a", one).beside().answered("b", other).exchanges[0]


def test_a_single_reply_is_no_variant_and_of_several_what_differs_is_named() -> None:
    assert variants.shown(Exchange("Q", "a", facts())) is None
    settings = facts().settings
    made = two(facts(seed=1), facts(seed=1, settings={**settings, "temperature": 3.0}))
    assert variants.shown(made) == {"at": 1, "of": 2, "back": -1, "on": 0, "says": "temperature=3", "why": True}
    assert variants.shown(two(facts(seed=1), facts(seed=2)))["says"] == "seed=2"  # type: ignore[index]
    through_a_browser = {**settings, "top_p": 1, "min_p": 0}
    kept = {**settings, "top_p": 1.0, "min_p": 0.0}
    assert variants.shown(two(facts(settings=kept), facts(settings=through_a_browser)))["says"] == ""  # type: ignore[index]
    assert variants.shown(two(facts(), None))["says"] == "", "one that is still written"  # type: ignore[index]
    broken = facts(settings={"temperature": [], "no such knob": {}})
    assert variants.shown(two(facts(), broken))["of"] == 2  # type: ignore[index]


def test_replies_to_a_message_that_was_put_differently_are_counted_by_themselves() -> None:
    talk = Conversation().ask("Q").answered("a", facts(seed=1)).beside().answered("b", facts(seed=2))
    talk = talk.beside(0, "R").answered("c", facts(seed=3)).beside().answered("d", facts(seed=4))
    (here,) = talk.exchanges
    assert variants.messages(here) == {"at": 1, "of": 2, "back": -2, "on": 0}
    assert variants.shown(here) == {"at": 1, "of": 2, "back": -1, "on": 0, "says": "seed=4", "why": True}
    other = talk.turned(0, -2).exchanges[0]
    assert (other.user, other.reply) == ("Q", "b"), "of the replies to another message the last one"
    assert variants.messages(other) == {"at": 0, "of": 2, "back": 0, "on": 2}
    assert variants.pair_at(other) == (0, 1)
    assert variants.messages(two(None, None)) is None


def test_what_a_reader_did_is_no_riddle() -> None:
    own = Conversation((two(facts(seed=1), facts(seed=2)),)).rewritten(0, "mine")
    assert variants.shown(own.exchanges[0])["why"] is False  # type: ignore[index]
    chosen = Conversation((two(facts(seed=1), facts(seed=2)),)).forked(0, 3).answered("c", facts())
    assert variants.shown(chosen.exchanges[0])["why"] is False  # type: ignore[index]


@pytest.mark.parametrize("texts", [EN, JA])
def test_why_two_replies_part_is_the_verified_sentence(model: Model, texts: Texts) -> None:
    prompt = model.prompt("Name a colour.")
    runs = [model.run(prompt, max_tokens=8, seed=1, temperature=value) for value in (0.8, 3)]
    made = two(*map(ReplyFacts.of, runs))
    found = variants.why(texts, model, made)
    assert texts.pick("確かめました", "Checked") in found
    assert texts.pick("返事 1 (temperature=0.8)", "reply 1 (temperature=0.8)") in found
    assert found.count("tsu-line") == 2
    first = Conversation((made,)).turned(0, -1).exchanges[0]
    assert variants.why(texts, model, first) == found, "of the first one the pair is the same"


def test_a_reply_without_its_end_cannot_be_compared(model: Model) -> None:
    with pytest.raises(PageProblem):
        variants.why(EN, model, dataclasses.replace(two(None, None)))
