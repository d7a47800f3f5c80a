"""Calls of tools: how a chat template writes them, what a caller may say of them, and calls in what a model wrote.

Guarantee: how a call is written is not guessed from a model's name: the template is asked to write one, as llama-server
does it (common/chat-diff-analyzer.cpp). What cannot be read as a call of a tool that was offered stays text, whole.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from tsumami import constraints
from tsumami.errors import TemplateError
from tsumami.prompts import Message
from tsumami.prompts.template import ChatTemplate
from tsumami.serve.faults import field_fault, naming_field
from tsumami.wording import InBoth

__all__ = ["ANY_CHOICE", "NO_SUPPORT", "CallForm", "Parted", "ToolCall", "ToolChoice", "ToolSupport", "choice_of"]
__all__ += ["forced_schema", "tool_names", "tool_support"]

_NAME: Final = "needle_tool"
_ARGUMENTS: Final = {"needle_field": "needle_value"}
_TOOL: Final = {
    "type": "function",
    "function": {
        "name": _NAME, "description": "needle_words",
        "parameters": {"type": "object", "properties": {"needle_field": {"type": "string"}}},
    },
}  # fmt: skip
_WORDS: Final = "needle_reply"
_THEN: Final = datetime(2024, 1, 1, tzinfo=UTC)
_JSON: Final = json.JSONDecoder()
_TAG: Final = re.compile(r"\s*(<[^<>]*>|\[[^\[\]]*\])")


class ToolCall(NamedTuple):
    """A tool's name, and its arguments as JSON."""

    name: str
    arguments: str


class Parted(NamedTuple):
    """What a model wrote: words, and calls."""

    content: str
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class CallForm:
    """How a template writes a call: `begin`, a JSON object with these two names, `end`. listed: the object stands in a
    list. objects: the template takes arguments as an object, not as JSON text.
    """

    begin: str
    name: str
    arguments: str
    end: str
    listed: bool = False
    objects: bool = True

    def parted(self, text: str, names: Collection[str]) -> Parted:
        """Words and calls of a whole text."""
        at = text.find(self.begin) if self.begin else len(text) - len(text.lstrip())
        calls: list[ToolCall] = []
        rest = at
        while at >= 0 and text.startswith(self.begin, at):
            found = self._read(text, _past(text, at + len(self.begin)), names)
            if found is None:
                break
            calls += found[0]
            rest = at = _past(text, found[1])
            if self.end and text.startswith(self.end, at):
                rest = at = _past(text, at + len(self.end))
            if not self.begin:
                break
        if not calls:
            return Parted(text, ())
        before = text[: text.find(self.begin)] if self.begin else ""
        return Parted(before.rstrip() + text[rest:], tuple(calls))

    def shown(self, text: str) -> int:
        """How much of a text that grows is words, whatever comes."""
        if not self.begin:
            return 0 if text.lstrip()[:1] in ("", "{", "[") else len(text)
        at = text.find(self.begin)
        if at < 0:
            at = next(at for at in range(len(text) + 1) if self.begin.startswith(text[at:]))
        return len(text[:at].rstrip())

    def _read(self, text: str, at: int, names: Collection[str]) -> tuple[list[ToolCall], int] | None:
        """The calls of the JSON that begins there, and where it ends."""
        try:
            value, end = _JSON.raw_decode(text, at)
        except (ValueError, RecursionError):
            return None
        found = [self._call(one, names) for one in (value if self.listed and isinstance(value, list) else [value])]
        calls = [one for one in found if one is not None]
        return (calls, end) if calls and len(calls) == len(found) else None

    def _call(self, value: Any, names: Collection[str]) -> ToolCall | None:
        if not isinstance(value, dict) or value.get(self.name) not in names:
            return None
        arguments = value.get(self.arguments, {})
        if isinstance(arguments, dict):
            return ToolCall(value[self.name], json.dumps(arguments, ensure_ascii=False))
        return None


def _past(text: str, at: int) -> int:
    """Where the white space ends."""
    return len(text) - len(text[at:].lstrip())


# --- what a template can ---


class ToolSupport(NamedTuple):
    """reads: the template tells the model of tools. form: how it writes calls, if that is a form known here."""

    reads: bool = False
    form: CallForm | None = None

    def without_marks(self, hidden: bool) -> ToolSupport:
        """hidden: what calls begin with is a special token, which is in no text."""
        return self._replace(form=replace(self.form, begin="")) if self.form is not None and hidden else self


NO_SUPPORT: Final = ToolSupport()


@functools.lru_cache(maxsize=16)
def tool_support(template: str, bos: str, eos: str) -> ToolSupport:
    """What a chat template does with tools."""
    asked = functools.partial(_written, ChatTemplate(template), bos, eos)
    offered = asked(())
    if offered is None or _NAME not in offered:
        return ToolSupport()
    before, _, closing = (asked((Message("assistant", _WORDS),)) or "").partition(_WORDS)
    for objects in (True, False):
        arguments = _ARGUMENTS if objects else json.dumps(_ARGUMENTS)
        call = {"type": "function", "id": "needle123", "function": {"name": _NAME, "arguments": arguments}}
        text = asked((Message("assistant", "", more={"tool_calls": [call]}),))
        if text is not None:
            form = _form_in(text[_agreed(before, text) :].removesuffix(closing))
            if form is not None:
                return ToolSupport(reads=True, form=replace(form, objects=objects))
    return ToolSupport(reads=True)


def _written(template: ChatTemplate, bos: str, eos: str, more: tuple[Message, ...]) -> str | None:
    """The template's text with a tool; None where it fails."""
    variables = {"tools": [_TOOL], "add_generation_prompt": not more, "enable_thinking": False}
    messages = [Message("user", "needle_user"), *more]
    try:
        return template.render(messages, bos_token=bos, eos_token=eos, now=_THEN, variables=variables)
    except TemplateError:
        return None


def _agreed(one: str, other: str) -> int:
    """How far two texts are the same, without a part of a tag."""
    end = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    opened = other.rfind("<", 0, end)
    return opened if opened > other.rfind(">", 0, end) else end


def _form_in(text: str) -> CallForm | None:
    """The form of the call in a text that is nothing else."""
    for at in (at for at, letter in enumerate(text) if letter in "{["):
        try:
            value, end = _JSON.raw_decode(text, at)
        except ValueError:
            continue
        listed = isinstance(value, list) and len(value) == 1
        call = value[0] if listed else value
        names = {repr(held): name for name, held in call.items()} if isinstance(call, dict) else {}
        if repr(_NAME) in names and repr(_ARGUMENTS) in names:
            closing = _TAG.match(text, end)
            return CallForm(
                text[:at].strip(), names[repr(_NAME)], names[repr(_ARGUMENTS)],
                "" if closing is None else closing[1], listed=listed,
            )  # fmt: skip
    return None


# --- what a caller says ---


class ToolChoice(NamedTuple):
    """kind: none, auto or required; name: the only tool that may be called."""

    kind: str
    name: str | None = None


ANY_CHOICE: Final = ToolChoice("auto")


def choice_of(given: str | Mapping[str, Any] | None, names: Sequence[str]) -> ToolChoice:
    """`tool_choice`.

    Raises:
        Fault: it is something else.
    """
    match given:
        case None:
            return ANY_CHOICE
        case "none" | "auto" | "required":
            return ToolChoice(given)
        case {"type": "function", "function": {"name": str(name)}} if name in names:
            return ToolChoice("required", name)
    raise field_fault(
        "tool_choice",
        InBoth(
            "needs none, auto, required, or a function that is one of the tools",
            "none、auto、required か、tools にある関数にしてください",
        ),
    )


def tool_names(tools: Sequence[Any]) -> tuple[str, ...]:
    """The names of tools.

    Raises:
        Fault: one of them is none.
    """
    return tuple(_name(tool, at) for at, tool in enumerate(tools))


def _name(tool: Any, at: int) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name), **more}} if name:
            if isinstance(more.get("parameters", {}), dict) and isinstance(more.get("description", ""), str):
                return name
    raise field_fault(
        "tools",
        InBoth(
            f"tools[{at}] needs type function, and a function with name, description and parameters",
            f"tools[{at}] には、type の function と、name、description、parameters のある function が要ります",
        ),
    )


def forced_schema(form: CallForm, tools: Sequence[Any], choice: ToolChoice) -> dict[str, Any]:
    """What a reply has to be that is one call.

    Raises:
        Fault: the parameters of a tool are no schema that can be used.
    """
    functions = [one["function"] for one in tools if choice.name in (None, one["function"]["name"])]
    parameters = [dict(one.get("parameters") or {"type": "object"}) for one in functions]
    shared = {key: value for one in parameters for key, value in one.pop("$defs", {}).items()}
    calls = [
        {
            "type": "object",
            "properties": {form.name: {"const": function["name"]}, form.arguments: its},
            "required": [form.name, form.arguments],
            "additionalProperties": False,
        }
        for function, its in zip(functions, parameters, strict=True)
    ]
    made: dict[str, Any] = calls[0] if len(calls) == 1 else {"anyOf": calls}
    if form.listed:
        made = {"type": "array", "items": made, "minItems": 1, "maxItems": 1}
    if shared:
        made["$defs"] = shared
    with naming_field("tools"):
        constraints.check("json_schema", json.dumps(made))
    return made
