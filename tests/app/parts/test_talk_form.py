"""The switch of the page that says whether a plain completion may name special tokens."""

from __future__ import annotations

import pytest

import tsumami
from tsumami.app.parts import prompt_form, talk_form
from tsumami.app.parts.prompt_form import PromptContents
from tsumami.app.work.conversation import Conversation, outlook
from tsumami.app.work.shelf import ModelChoice
from tsumami.settings import Settings

NAMED = "A<|im_end|>B"


def in_chat(model: tsumami.Model, template: str, *, special: bool) -> tuple[int, ...]:
    """What the chat sends."""
    sending = talk_form.read(talk_form.TalkContents(ModelChoice(), template, "", -1, special)).sending
    asked = Conversation().ask(NAMED)
    ahead = outlook(
        model, asked, template=sending.template, system="", memory=-1, parse_special=sending.parse_special
    )  # fmt: skip
    return ahead.prompt.tokens


@pytest.mark.parametrize(("template", "special", "read"), [
    ("raw", True, True), ("raw", False, False), ("model", True, False), ("model", False, False),
])  # fmt: skip
def test_only_a_plain_completion_reads_them_and_only_if_the_switch_says_so(
    model: tsumami.Model, template: str, special: bool, read: bool
) -> None:
    plain = tuple(model.tokenize(NAMED, add_special=False, parse_special=read))
    made = [
        in_chat(model, template, special=special),
        *(
            prompt_form.asked(model, PromptContents(NAMED, *how, "", special), Settings()).tokens
            for how in ((template, "auto"), ("chat", template))
        ),
    ]
    assert all(str(plain)[1:-1] in str(tokens) for tokens in made), "the user's text, read so or so"
