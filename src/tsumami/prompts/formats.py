"""The three ways to write a conversation as text: `raw`, `model` and `llama2`, behind one protocol.

Guarantee: a prompt says who wrote what, so that a message cannot pass for a mark of the format: the names of special
tokens are read in what the format itself writes and nowhere else, unless it is asked for (`parse_special`). Only in
plain completion, where there is no format to be protected, they are read everywhere unless that is switched off.

Guarantee: continuing a reply equals never having stopped. When the last message is the assistant's, it is the beginning
of the reply, and the prompt is what it was before the reply began, plus that beginning: no end-of-turn mark, no second
reply, and every token of the first prompt still in the cache.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from tsumami.errors import EmptyPromptError, PromptError, TemplateError
from tsumami.prompts.messages import Memory, Message, Remembered
from tsumami.prompts.said import Dyer, Said, Writing
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

    `said`: the stretches, in order, that are somebody's words, in which no special token is read; the names of special
    tokens in all else are. `parse_special`: words are read for these names as well. `unsure`: texts that may be words
    or the format's own; a special token's name in them cannot be read.
    """

    text: str
    format: str
    add_special: bool
    dropped: int = 0
    stop: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()
    parse_special: bool = True
    unsure: tuple[str, ...] = ()


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
    message begins on a new line. `parse_special`: the names of special tokens in it are read.
    """

    parse_special: bool = True
    name: str = field(default="raw", init=False)
    default_memory: Memory = field(default=Memory(exchanges=None), init=False)

    def render(self, messages: Sequence[Message], memory: Memory | None = None) -> PromptText:
        """The contents, joined; the tokenizer adds BOS."""
        kept = (memory or self.default_memory).keep(_not_empty(messages))
        writing = Writing(self.parse_special)
        for at, message in enumerate(kept.messages):
            writing.mark("\n" if at and message.role != "assistant" else "")
            writing.say(message)
        return _written(self, writing, kept, add_special=True)


@dataclass(frozen=True)
class ModelFormat:
    """The model's own chat template: Jinja source, as the GGUF key `tokenizer.chat_template` holds it.

    `bos_token` and `eos_token` are the texts of these tokens ("" where the model has none). `now` is what a template
    that writes today's date sees; None is the clock. `parse_special`: the names of special tokens are read in messages,
    too. `others`: the names of templates that the model has beside its own. `variables`: JSON values that the template
    gets beside the messages, such as `tools`. Raises `TemplateError` at once when there is no template or when it does
    not parse.
    """

    template: str | None
    bos_token: str = ""
    eos_token: str = ""
    now: datetime | None = None
    parse_special: bool = False
    others: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict, hash=False)
    name: str = field(default="model", init=False)
    default_memory: Memory = field(default=Memory(exchanges=None), init=False)
    _chat_template: ChatTemplate = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.template is None or not self.template.strip():
            named = f" that holds by default (it has templates for {', '.join(self.others)})" if self.others else ""
            named_ja = f"（ほかの用途の {', '.join(self.others)} だけ）" if self.others else ""
            raise TemplateError(
                f"this model has no chat template{named}; choose the prompt format 'raw' (plain completion) or "
                "'llama2', or give a template"
            ).in_japanese(
                f"このモデルにはチャットテンプレートがありません{named_ja}。形式 "
                "raw（そのまま続ける）か llama2 を選ぶか、テンプレートを指定してください"
            )
        object.__setattr__(self, "_chat_template", ChatTemplate(self.template))

    def render(self, messages: Sequence[Message], memory: Memory | None = None) -> PromptText:
        """The template's text, ending where the assistant's reply begins (or goes on). Raises `TemplateError`."""
        kept = (memory or self.default_memory).keep(_not_empty(messages))
        said, reply = _split_reply(kept.messages)
        render = _Rendering(self, said, self.now or datetime.now().astimezone())
        if reply is not None and said[-1].role != "user":
            replace(render, messages=kept.messages)()  # whether a reply may follow there is the template's to say
        found = Dyer(said, render, self._chat_template.tested).find(render())
        writing = Writing(self.parse_special, found.text, [one for one in found.said if self._kept(one)])
        if reply is not None:
            writing.say(reply)
        made = _written(self, writing, kept, add_special=not _begins_with(writing, self.bos_token))
        return replace(_one_bos(made, self.bos_token), unsure=() if self.parse_special else found.unsure)

    def _kept(self, said: Said) -> bool:
        return said.tokens is not None or not self.parse_special


@dataclass(frozen=True)
class _Rendering:
    """A template's text for messages, or for other contents of the same ones."""

    format: ModelFormat
    messages: Sequence[Message]
    now: datetime

    def __call__(self, contents: Sequence[str] | None = None) -> str:
        messages = self.messages
        if contents is not None:
            messages = [replace(one, content=content) for one, content in zip(messages, contents, strict=True)]
        return self.format._chat_template.render(
            messages,
            bos_token=self.format.bos_token,
            eos_token=self.format.eos_token,
            now=self.now,
            variables=self.format.variables,
        )


@dataclass(frozen=True)
class Llama2Format:
    r"""The Llama-2 chat format as ELYZA's Japanese models know it.

    `<s>[INST] <<SYS>>\n{system}\n<</SYS>>\n\n`, then for each remembered exchange
    `{user} [/INST] {assistant} </s><s>[INST] `, then `{message} [/INST]`. `system` is used when the messages begin
    with none; an empty system message is a system prompt of its own. `parse_special`: the names of special tokens are
    read in messages, too.
    """

    system: str = DEFAULT_SYSTEM_PROMPT
    parse_special: bool = False
    name: str = field(default="llama2", init=False)
    default_memory: Memory = field(default=Memory(exchanges=2), init=False)

    def render(self, messages: Sequence[Message], memory: Memory | None = None) -> PromptText:
        """The text in this format, BOS included. Raises `PromptError` unless user and assistant take turns."""
        _check_turns(_not_empty(messages))
        kept = (memory or self.default_memory).keep(messages)
        said, reply = _split_reply(kept.messages)
        system = Message("system", self.system)
        if said[0].role == "system":
            system, said = said[0], said[1:]
        writing = Writing(self.parse_special)
        writing.mark("<s>[INST] <<SYS>>\n")
        writing.say(system)
        writing.mark("\n<</SYS>>\n\n")
        for user, assistant in zip(said[:-1:2], said[1::2], strict=True):
            writing.say(user)
            writing.mark(" [/INST]" + _space_before(assistant, known=assistant.tokens is not None))
            writing.say(assistant)
            writing.mark(" </s><s>[INST] ")
        writing.say(said[-1])
        writing.mark(" [/INST]")
        if reply is not None and reply.content:
            writing.mark(_space_before(reply, known=True))
            writing.say(reply)
        return _written(self, writing, kept, add_special=False)


def _space_before(reply: Message, *, known: bool) -> str:
    """The space is the format's own before a reply; a reply kept as it was generated (`known`) brings it along."""
    return "" if known and reply.content[:1].isspace() else " "


def format_named(
    name: str,
    *,
    template: str | None = None,
    bos_token: str = "",
    eos_token: str = "",
    now: datetime | None = None,
    parse_special: bool | None = None,
    others: tuple[str, ...] = (),
    variables: Mapping[str, Any] | None = None,
) -> PromptFormat:
    """The format of that name (one of `FORMAT_NAMES`); what only `model` needs is ignored by the others.

    `parse_special`: whether the names of special tokens in messages are read as these; None: in `raw` they are.

    Raises `PromptError` for another name, and `TemplateError` for `model` without a template that parses.
    """
    if name == "raw":
        return RawFormat(parse_special is not False)
    if name == "model":
        return ModelFormat(template, bos_token, eos_token, now, bool(parse_special), others, variables or {})
    if name == "llama2":
        return Llama2Format(parse_special=bool(parse_special))
    nearest = difflib.get_close_matches(str(name), FORMAT_NAMES, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise PromptError(f"prompt format {name!r} is unknown; use one of {', '.join(FORMAT_NAMES)}{hint}").in_japanese(
        f"プロンプトの形式 {name!r} は知りません。使えるのは {', '.join(FORMAT_NAMES)} "
        f"です{f'（{nearest[0]!r} のことですか）' if nearest else ''}"
    )


def _not_empty(messages: Sequence[Message]) -> Sequence[Message]:
    if not messages:
        raise EmptyPromptError("there is no message to make a prompt from; give at least one").in_japanese(
            "プロンプトにする発言がありません。少なくとも 1 つ渡してください"
        )
    return messages


def _written(made: PromptFormat, writing: Writing, kept: Remembered, *, add_special: bool) -> PromptText:
    return PromptText(
        writing.text,
        made.name,
        add_special,
        kept.dropped,
        said=tuple(writing.said),
        parse_special=writing.read,
    )


def _begins_with(writing: Writing, bos: str) -> bool:
    """Whether the format itself writes BOS first; white space before it is an accident of the template's lines."""
    start = len(writing.text) - len(writing.text.lstrip())
    by_format = writing.read or not any(one.start < start + len(bos) for one in writing.said)
    return bool(bos) and by_format and writing.text.startswith(bos, start)


def _one_bos(made: PromptText, bos: str) -> PromptText:
    """The same prompt with BOS at its beginning, once, if the format writes it."""
    if made.add_special:
        return made
    cut = len(made.text) - len(made.text.lstrip())
    while made.text.startswith(bos, cut + len(bos)) and not any(one.start < cut + 2 * len(bos) for one in made.said):
        cut += len(bos)
    said = tuple(replace(one, start=one.start - cut, end=one.end - cut) for one in made.said)
    return replace(made, text=made.text[cut:], said=said)


def _split_reply(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], Message | None]:
    """What was said, and the beginning of the reply that is to be continued (None when the reply is still to begin)."""
    if messages[-1].role != "assistant":
        return messages, None
    if len(messages) == 1:
        raise PromptError(
            "there is only an assistant message to continue; give the user message that it answers"
        ).in_japanese("続けるアシスタントの発言しかありません。それが答えるユーザーの発言を渡してください")
    return messages[:-1], messages[-1]


def _check_turns(messages: Sequence[Message]) -> None:
    offset = 1 if messages[0].role == "system" else 0
    if len(messages) == offset:
        raise PromptError(
            "there is only a system message; the llama2 format needs a user message after it"
        ).in_japanese("システムの発言しかありません。llama2 の形式では、そのあとにユーザーの発言が要ります")
    for at, message in enumerate(messages[offset:]):
        expected = "assistant" if at % 2 else "user"
        if message.role != expected:
            raise PromptError(
                f"message {at + offset + 1} is from {message.role!r}, and the llama2 format needs {expected!r} there: "
                "one system message at most, at the start, then user and assistant in turn"
            ).in_japanese(
                f"{at + offset + 1} 番目の発言は {message.role!r} ですが、llama2 "
                f"の形式では {expected!r} が来ます。システムの発言は最初に 1 つまで、"
                "そのあとは user と assistant を交互にしてください"
            )
