"""Messages as OpenAI's API writes them, made a prompt by the chat template.

Guarantee: a message says what its text says and nothing else: special tokens are read in what the template writes, and
not in messages. What cannot be said to the model (pictures) is refused, not left out; what a template has no place for
(tools, calls of them) is left out as llama-server does it, and a note says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tsumami.exchange import Note, Phrase
from tsumami.prompts import Message, ModelFormat
from tsumami.runs import Prompt
from tsumami.runs.backend import Tokenizer
from tsumami.runs.prompting import as_prompt, tokens_of
from tsumami.serve.bodies import Messages
from tsumami.serve.faults import field_fault, naming_field
from tsumami.serve.service import ApiService
from tsumami.serve.tools import (
    ANY_CHOICE,
    NO_SUPPORT,
    CallForm,
    ToolChoice,
    ToolSupport,
    choice_of,
    tool_names,
    tool_support,
)
from tsumami.wording import InBoth

__all__ = ["Offered", "offered_tools", "prompt_of_messages", "support_of"]

_ROLES: Final = {"developer": "system"}
_BETWEEN: Final = "\n\n"  # parts of one message, as llama-server joins them
_MORE: Final = ("name", "tool_call_id", "tool_calls")  # what a template may be told of a message besides
_SAID: Final = frozenset({"role", "content", *_MORE})
_NO_PLACE: Final = Phrase(
    "このモデルのテンプレートには道具を書く場所がなく、モデルには見えない(llama-server と同じ)",
    "this model's template has no place for them: the model does not see them, as with llama-server",
)
_NO_FORM: Final = Phrase(
    "道具はテンプレートに渡すが、この形の呼び出しは読めず、本文のまま返す",
    "the template gets them, but calls in its form cannot be read here and are left in the text",
)
_MANY: Final = Phrase(
    "モデルが書いた呼び出しはすべて返す", "all calls that the model writes are given back, however many"
)


@dataclass(frozen=True, slots=True)
class Offered:
    """What a body says of tools, and what the template can do with them."""

    tools: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()
    choice: ToolChoice = ANY_CHOICE
    support: ToolSupport = NO_SUPPORT
    notes: tuple[Note, ...] = ()

    @property
    def form(self) -> CallForm | None:
        """How calls in the reply are read; None: they are not."""
        return self.support.form if self.names and self.choice.kind != "none" else None

    @property
    def forced(self) -> bool:
        """Whether the reply has to be a call."""
        return self.form is not None and self.choice.kind == "required"


def offered_tools(service: ApiService, body: Messages) -> Offered:
    """The tools of a body.

    Raises:
        Fault: one that is none, or a choice that cannot be.
    """
    tools = tuple(body.tools or ())
    names = tool_names(tools)
    choice = choice_of(body.tool_choice, names)
    support = support_of(service) if names or _has_calls(body.messages) else NO_SUPPORT
    if names and support.reads and support.form is None and choice.kind == "required":
        raise field_fault(
            "tool_choice",
            InBoth(
                "calls in the form of this model's template cannot be asked for; use auto",
                "このモデルのテンプレートの形では、呼び出しを必ずさせることができません。auto にしてください",
            ),
        )
    return Offered(tools, names, choice, support, tuple(_notes(body, names, support)))


def support_of(service: ApiService) -> ToolSupport:
    """What the chat template that holds does with tools."""
    template = service.template
    if template is None:
        return NO_SUPPORT
    made = tool_support(template, service.served.bos, service.served.eos)
    begin = "" if made.form is None else made.form.begin
    return made.without_marks(_has_marks(service.served.backend.tokenizer, begin))


def _has_calls(messages: Any) -> bool:
    return isinstance(messages, list) and any(isinstance(one, dict) and one.get("tool_calls") for one in messages)


def _notes(body: Messages, names: Sequence[str], support: ToolSupport) -> Iterator[Note]:
    """What of a body's tools is not done as it is asked."""
    if names and not support.reads:
        yield Note("ignored", "tools", len(names), None, None, _NO_PLACE)
        if body.tool_choice not in (None, "none", "auto"):
            yield Note("ignored", "tool_choice", str(body.tool_choice), None, None, _NO_PLACE)
    elif names and support.form is None:
        yield Note("lost", "tools", len(names), None, None, _NO_FORM)
    if names and body.parallel_tool_calls is False:
        yield Note("ignored", "parallel_tool_calls", False, None, None, _MANY)
    if _has_calls(body.messages) and support.form is None:
        yield Note("lost", "tool_calls", None, None, None, _NO_PLACE)


def prompt_of_messages(service: ApiService, body: Messages, offered: Offered) -> Prompt:
    """The prompt of a body with messages; where the reply has to be a call, it has begun.

    Raises:
        Fault: there are none, or one that cannot be said.
        PromptError: the template refuses them.
    """
    if body.messages is None:
        raise field_fault("messages", InBoth("it is required", "必要です"))
    if not isinstance(body.messages, list):
        raise field_fault("messages", InBoth("needs a list of messages", "発言のリストにしてください"))
    served, template = service.served, service.template
    reader = _MessageReader(served.backend.tokenizer, offered.support.form)
    messages = [reader.message(item, at) for at, item in enumerate(body.messages)]
    _check_end(messages, body)
    if offered.forced and messages and messages[-1].role == "assistant":
        raise field_fault(
            "tool_choice",
            InBoth("a reply that has begun cannot be made a call", "始まっている返事を呼び出しにはできません"),
        )
    if offered.forced and offered.form is not None and offered.form.begin:
        messages.append(Message("assistant", offered.form.begin + "\n"))
    given = {**_usual(), **service.options.variables, **_variables(body)}
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
        raise field_fault(
            "chat_template_kwargs",
            InBoth("enable_thinking needs true or false", "enable_thinking は true か false にしてください"),
        )
    return found


def _check_end(messages: list[Message], body: Messages) -> None:
    """A last message of the assistant is gone on with; of two nobody knows which."""
    if messages and messages[-1].more.get("tool_calls"):
        raise field_fault(
            "messages",
            InBoth(
                "an assistant message with calls of tools cannot be gone on with",
                "道具の呼び出しがある assistant の発言は続けられません",
            ),
        )
    if [one.role for one in messages[-2:]] == ["assistant", "assistant"]:
        raise field_fault(
            "messages",
            InBoth(
                "there are 2 or more assistant messages at the end; one can be gone on with",
                "最後に assistant の発言が 2 つ以上あります。続けられるのは 1 つです",
            ),
        )
    if body.continue_final_message and body.add_generation_prompt:
        raise field_fault(
            "continue_final_message",
            InBoth(
                "it excludes add_generation_prompt; set one of them to false",
                "add_generation_prompt とは一緒に使えません。どちらかを false にしてください",
            ),
        )


@dataclass(frozen=True, slots=True)
class _MessageReader:
    """Messages of a body, read. form: how the template wants calls."""

    tokenizer: Tokenizer
    form: CallForm | None

    def message(self, item: Any, at: int) -> Message:
        """The message at that place."""
        name = f"messages[{at}]"
        if not isinstance(item, dict):
            raise field_fault(
                "messages",
                InBoth(
                    f"{name} is no object with role and content",
                    f"{name} が role と content のあるオブジェクトではありません",
                ),
            )
        said = {key: value for key, value in item.items() if value is not None}
        if more := sorted(str(key) for key in said.keys() - _SAID):
            raise field_fault(
                "messages",
                InBoth(
                    f"{name} has {', '.join(more)[:200]}, which cannot be used",
                    f"{name} の {', '.join(more)[:200]} は使えません",
                ),
            )
        role = said.get("role")
        if not isinstance(role, str):
            raise field_fault(
                "messages", InBoth(f"{name} has no role that is a text", f"{name} に文字列の role がありません")
            )
        if "content" not in item and not said.get("tool_calls"):
            raise field_fault("messages", InBoth(f"{name} has no content", f"{name} に content がありません"))
        wanted: Any = _ROLES.get(role, role)
        with naming_field("messages"):
            return Message(wanted, _text(said.get("content", ""), name), more=self._more(said, name))

    def _more(self, said: dict[str, Any], name: str) -> dict[str, Any]:
        """What the template is told besides; the name of a special token in it would be read as one."""
        found: dict[str, Any] = {key: said[key] for key in _MORE if key in said}
        if found.get("tool_calls"):
            found["tool_calls"] = self._calls(found["tool_calls"], name)
        if _has_marks(self.tokenizer, json.dumps(found, ensure_ascii=False)):
            raise field_fault(
                "messages",
                InBoth(
                    f"{name} has the name of a special token outside of its content",
                    f"{name} の content の外に特殊トークンの名前があります",
                ),
            )
        if not all(isinstance(found.get(key, ""), str) for key in ("name", "tool_call_id")):
            raise field_fault(
                "messages",
                InBoth(
                    f"{name} has a name or tool_call_id that is no text",
                    f"{name} の name か tool_call_id が文字列ではありません",
                ),
            )
        return found

    def _calls(self, given: Any, name: str) -> list[dict[str, Any]]:
        calls = [self._call(one) for one in given] if isinstance(given, list) else [None]
        found = [one for one in calls if one is not None]
        if len(found) < len(calls):
            raise field_fault(
                "messages",
                InBoth(
                    f"{name} has tool_calls that are no functions with name and arguments",
                    f"{name} の tool_calls が、name と arguments のある function ではありません",
                ),
            )
        return found

    def _call(self, given: Any) -> dict[str, Any] | None:
        match given:
            case {"function": {"name": str(name), "arguments": str() | dict() as arguments}}:
                objects = self.form is None or self.form.objects
                whole = _as_object(arguments) if objects else _as_text(arguments)
                if whole is not None:
                    more = {key: given[key] for key in ("id",) if isinstance(given.get(key), str)}
                    return {**more, "type": "function", "function": {"name": name, "arguments": whole}}
        return None


def _as_object(arguments: str | dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(arguments, dict):
        return arguments
    try:
        found = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _as_text(arguments: str | dict[str, Any]) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _has_marks(tokenizer: Tokenizer, text: str) -> bool:
    """Whether a special token's name is in a text."""
    return any(map(tokenizer.is_control, tokens_of(tokenizer, text, add_special=False)))


def _text(content: Any, name: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise field_fault(
            "messages",
            InBoth(
                f"the content of {name} is neither a text nor a list of parts",
                f"{name} の content が文字列でも部分のリストでもありません",
            ),
        )
    return _BETWEEN.join(_part(part, name) for part in content)


def _part(part: Any, name: str) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": str(kind)}:
            raise field_fault(
                "messages",
                InBoth(
                    f"{name} has a part of type {kind[:40]!r}; this model reads texts only",
                    f"{name} に種類 {kind[:40]!r} の部分があります。このモデルが読むのは文章だけです",
                ),
            )
    raise field_fault(
        "messages",
        InBoth(
            f"{name} has a part that is no object with type and text",
            f"{name} に、type と text のあるオブジェクトではない部分があります",
        ),
    )
