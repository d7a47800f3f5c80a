"""ELYZA's prompt, character for character. The expected texts are written out here, not built."""

from __future__ import annotations

import pytest

from tsumami.errors import EmptyPromptError, PromptError
from tsumami.prompts import DEFAULT_SYSTEM_PROMPT, Llama2Format, Memory, Message, messages_from

PAST = (
    ("こんにちは", "こんにちは。ご用件は何でしょうか。"),
    ("月は何色？", "白く見えます。"),
    ("では太陽は？", "やはり白です。\n夕方は赤く見えます。"),
    ("詩を書いて", "つまみを回せば言葉が変わる"),
    ("もう一つ", "静かな夜にさいころを振る"),
)
NEW = "ありがとう"


def conversation(exchanges: int) -> list[Message]:
    messages = []
    for user, assistant in PAST[:exchanges]:
        messages += [Message("user", user), Message("assistant", assistant)]
    return [*messages, Message("user", NEW)]


NOTHING = "<s>[INST] <<SYS>>\nあなたは誠実で優秀な日本人のアシスタントです。\n<</SYS>>\n\nありがとう [/INST]"
ONE = (
    "<s>[INST] <<SYS>>\nあなたは誠実で優秀な日本人のアシスタントです。\n<</SYS>>\n\n"
    "こんにちは [/INST] こんにちは。ご用件は何でしょうか。 </s><s>[INST] ありがとう [/INST]"
)
ONE_AND_TWO = (
    "<s>[INST] <<SYS>>\nあなたは誠実で優秀な日本人のアシスタントです。\n<</SYS>>\n\n"
    "こんにちは [/INST] こんにちは。ご用件は何でしょうか。 </s><s>[INST] "
    "月は何色？ [/INST] 白く見えます。 </s><s>[INST] ありがとう [/INST]"
)
TWO_AND_THREE = (
    "<s>[INST] <<SYS>>\nあなたは誠実で優秀な日本人のアシスタントです。\n<</SYS>>\n\n"
    "月は何色？ [/INST] 白く見えます。 </s><s>[INST] "
    "では太陽は？ [/INST] やはり白です。\n夕方は赤く見えます。 </s><s>[INST] ありがとう [/INST]"
)
ONE_TO_THREE = (
    "<s>[INST] <<SYS>>\nあなたは誠実で優秀な日本人のアシスタントです。\n<</SYS>>\n\n"
    "こんにちは [/INST] こんにちは。ご用件は何でしょうか。 </s><s>[INST] "
    "月は何色？ [/INST] 白く見えます。 </s><s>[INST] "
    "では太陽は？ [/INST] やはり白です。\n夕方は赤く見えます。 </s><s>[INST] ありがとう [/INST]"
)
FOUR_AND_FIVE = (
    "<s>[INST] <<SYS>>\nあなたは誠実で優秀な日本人のアシスタントです。\n<</SYS>>\n\n"
    "詩を書いて [/INST] つまみを回せば言葉が変わる </s><s>[INST] "
    "もう一つ [/INST] 静かな夜にさいころを振る </s><s>[INST] ありがとう [/INST]"
)
TWO_TO_FIVE = (
    "<s>[INST] <<SYS>>\nあなたは誠実で優秀な日本人のアシスタントです。\n<</SYS>>\n\n"
    "月は何色？ [/INST] 白く見えます。 </s><s>[INST] "
    "では太陽は？ [/INST] やはり白です。\n夕方は赤く見えます。 </s><s>[INST] "
    "詩を書いて [/INST] つまみを回せば言葉が変わる </s><s>[INST] "
    "もう一つ [/INST] 静かな夜にさいころを振る </s><s>[INST] ありがとう [/INST]"
)


@pytest.mark.parametrize(
    ("past", "memory", "expected", "dropped"),
    [
        (0, 0, NOTHING, 0),
        (0, 2, NOTHING, 0),
        (0, 4, NOTHING, 0),
        (1, 0, NOTHING, 2),
        (1, 2, ONE, 0),
        (1, 4, ONE, 0),
        (2, 0, NOTHING, 4),
        (2, 2, ONE_AND_TWO, 0),
        (2, 4, ONE_AND_TWO, 0),
        (3, 0, NOTHING, 6),
        (3, 2, TWO_AND_THREE, 2),
        (3, 4, ONE_TO_THREE, 0),
        (5, 0, NOTHING, 10),
        (5, 2, FOUR_AND_FIVE, 6),
        (5, 4, TWO_TO_FIVE, 2),
    ],
)
def test_the_prompt_is_elyzas_character_for_character(past: int, memory: int, expected: str, dropped: int) -> None:
    prompt = Llama2Format().render(conversation(past), Memory(memory))
    assert prompt.text == expected
    assert prompt.dropped == dropped


def test_two_exchanges_are_remembered_by_default_and_none_forgotten_on_request() -> None:
    assert Llama2Format().render(conversation(5)).text == FOUR_AND_FIVE
    assert Llama2Format().render(conversation(3), Memory(None)).text == ONE_TO_THREE


def test_the_text_brings_its_own_bos() -> None:
    prompt = Llama2Format().render(conversation(0))
    assert (prompt.format, prompt.add_special, prompt.stop) == ("llama2", False, ())


def test_a_system_message_replaces_the_default_even_when_empty() -> None:
    messages = messages_from([{"role": "system", "content": "海賊です。"}, {"role": "user", "content": "やあ"}])
    assert Llama2Format().render(messages).text == "<s>[INST] <<SYS>>\n海賊です。\n<</SYS>>\n\nやあ [/INST]"
    empty = [Message("system", ""), Message("user", "やあ")]
    assert Llama2Format().render(empty).text == "<s>[INST] <<SYS>>\n\n<</SYS>>\n\nやあ [/INST]"
    assert Llama2Format(system="短く。").render(empty[1:]).text == "<s>[INST] <<SYS>>\n短く。\n<</SYS>>\n\nやあ [/INST]"
    assert DEFAULT_SYSTEM_PROMPT == "あなたは誠実で優秀な日本人のアシスタントです。"


def test_the_system_message_outlives_the_memory() -> None:
    prompt = Llama2Format().render([Message("system", "短く。"), *conversation(5)], Memory(0))
    assert prompt.text == "<s>[INST] <<SYS>>\n短く。\n<</SYS>>\n\nありがとう [/INST]"
    assert prompt.dropped == 10


@pytest.mark.parametrize(
    ("reply", "ending"),
    [
        ("どういた", "ありがとう [/INST] どういた"),
        (" どういた", "ありがとう [/INST] どういた"),
        ("\nどういた", "ありがとう [/INST]\nどういた"),
        ("", "ありがとう [/INST]"),
    ],
)
def test_a_reply_goes_on_where_it_was(reply: str, ending: str) -> None:
    prompt = Llama2Format().render([*conversation(0), Message("assistant", reply)])
    head = "<s>[INST] <<SYS>>\nあなたは誠実で優秀な日本人のアシスタントです。\n<</SYS>>\n\n"
    assert prompt.text == head + ending


def test_continuing_counts_exchanges_before_the_message_not_the_unfinished_one() -> None:
    prompt = Llama2Format().render([*conversation(5), Message("assistant", "どういた")], Memory(2))
    assert prompt.text == FOUR_AND_FIVE + " どういた"
    assert prompt.dropped == 6


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        (("user", "user"), r"message 2 is from 'user', and the llama2 format needs 'assistant' there"),
        (("assistant", "user"), r"message 1 is from 'assistant', and the llama2 format needs 'user' there"),
        (("user", "system"), r"message 2 is from 'system'"),
        (("system", "system", "user"), r"message 2 is from 'system'"),
        (("system",), r"only a system message"),
    ],
)
def test_what_the_format_cannot_say_is_an_error(roles: tuple[str, ...], says: str) -> None:
    with pytest.raises(PromptError, match=says):
        Llama2Format().render(messages_from([{"role": role, "content": "x"} for role in roles]))


def test_no_message_is_an_empty_prompt() -> None:
    with pytest.raises(EmptyPromptError):
        Llama2Format().render([])
