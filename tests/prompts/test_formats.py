"""The protocol that all formats share, the names they go by, and plain completion."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tsumami.prompts
from tsumami.errors import EmptyPromptError, PromptError, TemplateError
from tsumami.prompts import FORMAT_NAMES, Memory, Message, PromptText, RawFormat, format_named, messages_from

ECHO = "{% for message in messages %}[{{ message.role }}]{{ message.content }}{% endfor %}[assistant]"
CHAT = (Message("user", "u1"), Message("assistant", "a1"), Message("user", "u2"))


@given(st.text())
def test_raw_text_is_left_as_it_is(text: str) -> None:
    assert RawFormat().render(messages_from(text)) == PromptText(text, "raw", add_special=True, dropped=0, stop=())


def test_raw_puts_a_reply_right_after_its_message_and_others_on_a_new_line() -> None:
    assert RawFormat().render((Message("system", "S"), *CHAT)).text == "S\nu1a1\nu2"
    assert RawFormat().render(CHAT, Memory(0)) == PromptText("u2", "raw", add_special=True, dropped=2)


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_every_format_goes_by_its_name(name: str) -> None:
    prompt_format = format_named(name, template=ECHO)
    assert prompt_format.name == name == prompt_format.render(CHAT).format


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_continuing_a_reply_extends_the_prompt_that_it_answered(name: str) -> None:
    prompt_format = format_named(name, template=ECHO)
    before = prompt_format.render(CHAT).text
    assert prompt_format.render((*CHAT, Message("assistant", " 続き <b>"))).text == before + " 続き <b>"
    assert prompt_format.render((*CHAT, Message("assistant", ""))).text == before


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_no_message_is_an_empty_prompt(name: str) -> None:
    with pytest.raises(EmptyPromptError):
        format_named(name, template=ECHO).render([])


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(PromptError, match=r"'lama2' is unknown; use one of raw, model, llama2; did you mean 'llama2'"):
        format_named("lama2")


def test_only_the_model_format_needs_a_template() -> None:
    with pytest.raises(TemplateError, match="has no chat template"):
        format_named("model")


def test_prompt_text_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RawFormat().render(CHAT).text = "other"  # type: ignore[misc]  # the refusal is what is tested


def test_every_public_name_exists() -> None:
    assert all(hasattr(tsumami.prompts, name) for name in tsumami.prompts.__all__)
