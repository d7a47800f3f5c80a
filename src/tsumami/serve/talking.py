"""Messages as OpenAI's API writes them, made a prompt by the chat template.

Guarantee: a message says what its text says and nothing else: special tokens are read in what the template writes, and
not in messages. What cannot be said to the model (pictures, calls of tools) is refused, not left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from tsumami.prompts import Message, ModelFormat
from tsumami.runs import Prompt
from tsumami.runs.prompting import as_prompt
from tsumami.serve.bodies import Messages
from tsumami.serve.faults import field_fault, naming_field
from tsumami.serve.served import Served

__all__ = ["prompt_of_messages"]

_ROLES: Final = {"developer": "system"}
_BETWEEN: Final = "\n\n"  # parts of one message, as llama-server joins them
_SAID: Final = frozenset({"role", "content", "name"})


def prompt_of_messages(served: Served, template: str | None, variables: dict[str, Any], body: Messages) -> Prompt:
    """The prompt of a body with messages.

    Raises:
        Fault: there are none, or one that cannot be said.
        PromptError: the template refuses them.
    """
    if body.messages is None:
        raise field_fault("messages", "it is required")
    if not isinstance(body.messages, list):
        raise field_fault("messages", "needs a list of messages")
    messages = [_message(item, at) for at, item in enumerate(body.messages)]
    _check_end(messages, body)
    given = {**_usual(), **variables, **_variables(body)}
    if messages and messages[-1].role == "assistant":
        given.pop("add_generation_prompt", None)  # what is gone on with stands behind it, whatever is said
    made = ModelFormat(template, served.bos, served.eos, variables=given)
    return as_prompt(served.backend.tokenizer, made.render(messages))


def _usual() -> dict[str, Any]:
    """What llama-server gives every template (common/chat.cpp): thinking is let, and today's date in two forms."""
    now = datetime.now().astimezone()
    return {"enable_thinking": True, "date_string": now.strftime("%d %b %Y"), "datetime": now.strftime("%b %d %Y")}


def _variables(body: Messages) -> dict[str, Any]:
    """What the template gets of a body beside the messages."""
    found = dict(body.chat_template_kwargs)
    if body.tools:
        found["tools"] = body.tools
    if body.add_generation_prompt is not None:
        found["add_generation_prompt"] = body.add_generation_prompt
    if body.reasoning_effort == "none":
        found["enable_thinking"] = False
    elif body.reasoning_effort is not None:
        found["reasoning_effort"] = body.reasoning_effort
    if not isinstance(found.get("enable_thinking", True), bool):
        raise field_fault("chat_template_kwargs", "enable_thinking needs true or false")
    return found


def _check_end(messages: list[Message], body: Messages) -> None:
    """A last message of the assistant is gone on with; of two nobody knows which."""
    if [one.role for one in messages[-2:]] == ["assistant", "assistant"]:
        raise field_fault("messages", "there are 2 or more assistant messages at the end; one can be gone on with")
    if body.continue_final_message and body.add_generation_prompt:
        raise field_fault("continue_final_message", "it excludes add_generation_prompt; set one of them to false")


def _message(item: Any, at: int) -> Message:
    name = f"messages[{at}]"
    if not isinstance(item, dict):
        raise field_fault("messages", f"{name} is no object with role and content")
    said = {key: value for key, value in item.items() if value is not None}
    if more := sorted(str(key) for key in said.keys() - _SAID):
        raise field_fault("messages", f"{name} has {', '.join(more)[:200]}; only role and content can be used")
    role = said.get("role")
    if not isinstance(role, str):
        raise field_fault("messages", f"{name} has no role that is a text")
    if "content" not in item:
        raise field_fault("messages", f"{name} has no content")
    wanted: Any = _ROLES.get(role, role)
    with naming_field("messages"):
        return Message(wanted, _text(said.get("content", ""), name))


def _text(content: Any, name: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise field_fault("messages", f"the content of {name} is neither a text nor a list of parts")
    return _BETWEEN.join(_part(part, name) for part in content)


def _part(part: Any, name: str) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": str(kind)}:
            raise field_fault("messages", f"{name} has a part of type {kind[:40]!r}; this model reads texts only")
    raise field_fault("messages", f"{name} has a part that is no object with type and text")
