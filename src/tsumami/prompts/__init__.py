"""Floor 3: messages in, prompt text out.

Guarantee: the text is a function of the messages, the format and the memory alone (and of the clock, only where a chat
template asks for today's date), so that a receipt that holds the text holds all of it. Nothing is shortened, trimmed or
left out silently: what the memory drops is counted in `PromptText.dropped`, and what a format cannot say is an error.

    messages = messages_from([{"role": "user", "content": "こんにちは"}])
    prompt = format_named("llama2").render(messages, Memory(exchanges=2))
"""

from __future__ import annotations

from tsumami.prompts.formats import (
    DEFAULT_SYSTEM_PROMPT,
    FORMAT_NAMES,
    Llama2Format,
    ModelFormat,
    PromptFormat,
    PromptText,
    RawFormat,
    format_named,
)
from tsumami.prompts.messages import ROLES, Memory, Message, Remembered, Role, messages_from
from tsumami.prompts.said import Said
from tsumami.prompts.talk import Exchange, Talk

__all__ = [
    "DEFAULT_SYSTEM_PROMPT",
    "FORMAT_NAMES",
    "ROLES",
    "Exchange",
    "Llama2Format",
    "Memory",
    "Message",
    "ModelFormat",
    "PromptFormat",
    "PromptText",
    "RawFormat",
    "Remembered",
    "Role",
    "Said",
    "Talk",
    "format_named",
    "messages_from",
]
