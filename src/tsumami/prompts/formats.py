"""The three ways to write a conversation as text: `raw`, `model` and `llama2`, behind one protocol.

Guarantee: continuing a reply equals never having stopped. When the last message is the assistant's, it is the beginning
of the reply, and the prompt is what it was before the reply began, plus that beginning: no end-of-turn mark, no second
reply, and every token of the first prompt still in the cache.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from tsumami.errors import EmptyPromptError, PromptError, TemplateError
from tsumami.prompts.messages import Memory, Message
from tsumami.prompts.template import ChatTemplate

__all__ = [
    "DEFAULT_SYSTEM_PROMPT",
    "FORMAT_NAMES",
    "Llama2Format",
    "ModelFormat",
    "PromptFormat",
    "PromptText",
    "RawFormat",
    "format_named",
]

FormatName = Literal["raw", "model", "llama2"]
FORMAT_NAMES: tuple[FormatName, ...] = ("raw", "model", "llama2")

DEFAULT_SYSTEM_PROMPT = "あなたは誠実で優秀な日本人のアシスタントです。"
"""The system prompt that ELYZA-japanese-Llama-2 was trained and published with."""


@dataclass(frozen=True)
class PromptText:
    """What the tokenizer gets, and how it was made.

    `add_special` says whether the tokenizer should still add its own BOS (as far as the model wants one): it is false
    when the text already begins with it. `dropped` counts the messages that the memory left out. `stop` holds the
    strings that end a reply in this format, beyond the model's own end-of-generation tokens.
    """

    text: str
    format: str
    add_special: bool
    dropped: int = 0
    stop: tuple[str, ...] = ()


class PromptFormat(Protocol):
    """A way to write messages as prompt text. This is the extension point: whatever has these three can be used.

    `render` gets the whole conversation, oldest message first, never empty. `memory` None means `default_memory`;
    `Memory(None)` means that everything is remembered. Raises `PromptError` for messages it cannot write.
    """

    @property
    def name(self) -> str: ...

    @property
    def default_memory(self) -> Memory: ...

    def render(self, messages: Sequence[Message], memory: Memory | None = None) -> PromptText: ...


@dataclass(frozen=True)
class RawFormat:
    """Plain completion: the text as it is, for base models and for looking at a model without any dress.

    Of several messages, a reply follows its message directly, because that is where the model wrote it; every other
    message begins on a new line.
    """

    name: str = field(default="raw", init=False)
    default_memory: Memory = field(default=Memory(exchanges=None), init=False)

    def render(self, messages: Sequence[Message], memory: Memory | None = None) -> PromptText:
        """The contents, joined; the tokenizer adds BOS."""
        kept = (memory or self.default_memory).keep(_not_empty(messages))
        text = kept.messages[0].content
        for message in kept.messages[1:]:
            text += message.content if message.role == "assistant" else "\n" + message.content
        return PromptText(text, self.name, add_special=True, dropped=kept.dropped)


@dataclass(frozen=True)
class ModelFormat:
    """The model's own chat template: Jinja source, as the GGUF key `tokenizer.chat_template` holds it.

    `bos_token` and `eos_token` are the texts of these tokens ("" where the model has none). `now` is what a template
    that writes today's date sees; None is the clock. Raises `TemplateError` at once when there is no template or when
    it does not parse.
    """

    template: str | None
    bos_token: str = ""
    eos_token: str = ""
    now: datetime | None = None
    name: str = field(default="model", init=False)
    default_memory: Memory = field(default=Memory(exchanges=None), init=False)
    _chat_template: ChatTemplate = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.template is None or not self.template.strip():
            raise TemplateError(
                "this model has no chat template; choose the prompt format 'raw' (plain completion) or 'llama2', "
                "or give a template"
            )
        object.__setattr__(self, "_chat_template", ChatTemplate(self.template))

    def render(self, messages: Sequence[Message], memory: Memory | None = None) -> PromptText:
        """The template's text, ending where the assistant's reply begins (or goes on). Raises `TemplateError`."""
        kept = (memory or self.default_memory).keep(_not_empty(messages))
        said, reply = _split_reply(kept.messages)
        text = self._chat_template.render(
            said, bos_token=self.bos_token, eos_token=self.eos_token, now=self.now or datetime.now().astimezone()
        )
        begins_with_bos = bool(self.bos_token) and text.startswith(self.bos_token)
        return PromptText(text + reply, self.name, add_special=not begins_with_bos, dropped=kept.dropped)


@dataclass(frozen=True)
class Llama2Format:
    r"""The Llama-2 chat format as ELYZA's Japanese models know it.

    `<s>[INST] <<SYS>>\n{system}\n<</SYS>>\n\n`, then for each remembered exchange
    `{user} [/INST] {assistant} </s><s>[INST] `, then `{message} [/INST]`. `system` is used when the messages begin
    with none; an empty system message is a system prompt of its own.
    """

    system: str = DEFAULT_SYSTEM_PROMPT
    name: str = field(default="llama2", init=False)
    default_memory: Memory = field(default=Memory(exchanges=2), init=False)

    def render(self, messages: Sequence[Message], memory: Memory | None = None) -> PromptText:
        """The text in this format, BOS included. Raises `PromptError` unless user and assistant take turns."""
        _check_turns(_not_empty(messages))
        kept = (memory or self.default_memory).keep(messages)
        said, reply = _split_reply(kept.messages)
        system = self.system
        if said[0].role == "system":
            system, said = said[0].content, said[1:]
        text = f"<s>[INST] <<SYS>>\n{system}\n<</SYS>>\n\n"
        for user, assistant in zip(said[:-1:2], said[1::2], strict=True):
            text += f"{user.content} [/INST] {assistant.content} </s><s>[INST] "
        text += f"{said[-1].content} [/INST]"
        # The space is the format's own before a reply; a reply kept as it was generated brings it along.
        space = " " if reply and not reply[0].isspace() else ""
        return PromptText(text + space + reply, self.name, add_special=False, dropped=kept.dropped)


def format_named(
    name: str, *, template: str | None = None, bos_token: str = "", eos_token: str = "", now: datetime | None = None
) -> PromptFormat:
    """The format of that name (one of `FORMAT_NAMES`); what only `model` needs is ignored by the others.

    Raises `PromptError` for another name, and `TemplateError` for `model` without a template that parses.
    """
    if name == "raw":
        return RawFormat()
    if name == "model":
        return ModelFormat(template, bos_token=bos_token, eos_token=eos_token, now=now)
    if name == "llama2":
        return Llama2Format()
    nearest = difflib.get_close_matches(str(name), FORMAT_NAMES, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise PromptError(f"prompt format {name!r} is unknown; use one of {', '.join(FORMAT_NAMES)}{hint}")


def _not_empty(messages: Sequence[Message]) -> Sequence[Message]:
    if not messages:
        raise EmptyPromptError("there is no message to make a prompt from; give at least one")
    return messages


def _split_reply(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], str]:
    """What was said, and the beginning of the reply that is to be continued ("" when the reply is still to begin)."""
    if messages[-1].role != "assistant":
        return messages, ""
    if len(messages) == 1:
        raise PromptError("there is only an assistant message to continue; give the user message that it answers")
    return messages[:-1], messages[-1].content


def _check_turns(messages: Sequence[Message]) -> None:
    offset = 1 if messages[0].role == "system" else 0
    if len(messages) == offset:
        raise PromptError("there is only a system message; the llama2 format needs a user message after it")
    for at, message in enumerate(messages[offset:]):
        expected = "assistant" if at % 2 else "user"
        if message.role != expected:
            raise PromptError(
                f"message {at + offset + 1} is from {message.role!r}, and the llama2 format needs {expected!r} there: "
                "one system message at most, at the start, then user and assistant in turn"
            )
