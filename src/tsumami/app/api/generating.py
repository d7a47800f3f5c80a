"""The endpoints that generate.

Guarantee: the same prompt, settings and seed give the same text as on the page: they are sent the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any

from tsumami.app.api import answers, looking_answers
from tsumami.app.api.service import Service
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.replying import Sending
from tsumami.errors import CancelledError, EmptyPromptError
from tsumami.explore.lanes import Comparing
from tsumami.prompts import messages_from
from tsumami.settings import Settings


def run(
    service: Service,
    prompt: str,
    settings: dict[str, Any] | None = None,
    model: str | None = None,
    parse_special: bool = True,
) -> dict[str, Any]:
    """Complete a text and wait for the run: its receipt, every token with its probabilities, why it stopped, and
    how long it took. The same prompt, settings and seed give the same run.

    Returns:
        the run in the form that `tsumami verify` and Run.from_json read
    """
    made = Settings.from_mapping(settings or {})
    with service.lend(model) as lent, lent.stream(looking_answers.raw(lent, prompt, parse_special), made) as stream:
        service.begin(stream)
        return answers.run_json(stream.run)


def generate(
    service: Service,
    prompt: str,
    settings: dict[str, Any] | None = None,
    model: str | None = None,
    parse_special: bool = True,
) -> Generator[str, None, None]:
    """Complete a text, piece by piece: each answer is all of the reply that there is so far.

    Returns:
        the text so far, without the prompt
    """
    if not prompt:
        raise EmptyPromptError("the prompt is empty: the model needs at least one token to go on from").in_japanese(
            "プロンプトが空です。モデルが続けるには、少なくとも 1 トークンが要ります"
        )
    conversation, sending = Conversation().ask(prompt), Sending(template="raw", parse_special=parse_special)
    for growing in service.reply(conversation, Settings.from_mapping(settings or {}), sending, model):
        yield growing.conversation.exchanges[-1].reply


def chat(
    service: Service,
    messages: list[dict[str, str]],
    settings: dict[str, Any] | None = None,
    template: str | None = None,
    system: str | None = None,
    memory: int | None = None,
    model: str | None = None,
    parse_special: bool | None = None,
) -> dict[str, Any]:
    """Answer the last message of a conversation, or go on with its last reply if that is the assistant's.

    Returns:
        `reply`, and `facts`: the prompt as sent, settings, seed, why it stopped, speeds, receipt
    """
    last = deque(chat_stream(service, messages, settings, template, system, memory, model, parse_special), maxlen=1)
    if not last:  # given up before it could begin
        raise CancelledError("the caller has gone").in_japanese("呼び出した側がいなくなりました")
    return last[0]


def chat_stream(
    service: Service,
    messages: list[dict[str, str]],
    settings: dict[str, Any] | None = None,
    template: str | None = None,
    system: str | None = None,
    memory: int | None = None,
    model: str | None = None,
    parse_special: bool | None = None,
) -> Generator[dict[str, Any], None, None]:
    """As `chat`, piece by piece: `reply` is all that there is so far, and `facts` come with the last answer.

    Returns:
        `reply` so far, and `facts` (null until the reply is complete)
    """
    said = messages_from(messages)
    own_system = said[0].content if said[0].role == "system" else ""
    sending = Sending(template, own_system if system is None else system, memory, parse_special)
    conversation, made = answers.conversation_of(said), Settings.from_mapping(settings or {})
    for growing in service.reply(conversation, made, sending, model):
        yield answers.answer(growing)


def compare(
    service: Service,
    prompt: str,
    lanes: list[dict[str, Any]],
    settings: dict[str, Any] | None = None,
    model: str | None = None,
    parse_special: bool = True,
) -> dict[str, Any]:
    """Two to eight runs from one prompt and one roll, generated together, and why they part.

    Returns:
        `lanes` with their runs, and for each but the first its `divergences` from the first, and the `metrics`
    """
    with (
        service.lend(model) as lent,
        Comparing(lent, looking_answers.plans(lent, prompt, lanes, settings, parse_special)) as comparing,
    ):
        service.begin(comparing)
        return looking_answers.comparison(comparing)
