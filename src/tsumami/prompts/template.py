"""Chat templates: Jinja programs that came with a model, run without trusting them.

Guarantee: a template sees the messages and the marks of the model and nothing else; whatever goes wrong in it is a
`TemplateError` that names the line and a remedy. Contents pass through unchanged: nothing is escaped for HTML.

The environment is the one that templates are written for, that of Hugging Face transformers
(`chat_template_utils.render_jinja_template`): trim_blocks, lstrip_blocks, loop controls, the `generation` tag,
`raise_exception`, `strftime_now`, and a `tojson` that leaves Japanese readable. A program from a stranger cannot be
kept from wasting time; `range` and the length of the text are limited, and files, modules and attributes that lead
out of the sandbox are closed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.nodes import Assign, Call, Compare, Const, Filter, List, Node, Test, Tuple
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tsumami.errors import TemplateError
from tsumami.prompts.messages import Message

__all__ = ["MAX_CHARACTERS", "ChatTemplate"]

MAX_CHARACTERS = 1 << 22
"""No template may write more characters than this beyond the messages: far more than any context holds."""

_OTHER_WAYS = "choose the prompt format 'raw' or 'llama2', or give another template"


class _Refusal(jinja2.TemplateError):
    """The template called `raise_exception`."""


class _GenerationTag(Extension):
    """`{% generation %}` marks what to train on; for a prompt its body is plain text."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as a plain set

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(ImmutableSandboxedEnvironment):
    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        # Upstream hands back an undefined that prints as nothing; an attack must not look like an empty prompt.
        raise SecurityError(f"access to {attribute!r} of {type(obj).__name__!r} is not allowed")


def _raise_exception(message: object) -> NoReturn:
    raise _Refusal(str(message))


def _tojson(  # the signature that templates know: that of transformers
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


@functools.lru_cache(maxsize=32)
def _compiled(source: str) -> jinja2.Template:
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _GenerationTag])
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    return environment.from_string(source)


@functools.lru_cache(maxsize=32)
def _tested(environment: jinja2.Environment, source: str) -> frozenset[str]:
    tree = environment.parse(source)
    found = {one for asking in tree.find_all((Compare, Call, Filter, Test)) for one in _texts(_asked(asking))}
    return frozenset(found | set(_texts(one.node for one in tree.find_all(Assign))))


class ChatTemplate:
    """One parsed template. Raises `TemplateError` with the line when the source does not parse."""

    def __init__(self, source: str) -> None:
        self.source = source
        try:
            self._template = _compiled(source)
        except Exception as error:  # the source is a stranger's: any failure of the parser is the template's
            # Python's own compiler counts the lines of what jinja2 wrote, and these nobody has seen
            line = error.lineno if isinstance(error, jinja2.TemplateSyntaxError) else None
            raise TemplateError(
                f"the chat template does not parse{self._at(line)}: {_reason(error)}; correct it, or {_OTHER_WAYS}"
            ) from error

    @property
    def tested(self) -> frozenset[str]:
        """The texts that the template looks for, splits by, or compares with, as far as it writes them out."""
        return _tested(self._template.environment, self.source)

    def render(self, messages: Sequence[Message], *, bos_token: str, eos_token: str, now: datetime) -> str:
        """The text up to where the assistant's reply begins. Raises `TemplateError`."""
        try:
            return self._text(
                {
                    "messages": [message.as_dict() for message in messages],
                    "add_generation_prompt": True,
                    "bos_token": bos_token,
                    "eos_token": eos_token,
                    "strftime_now": now.strftime,
                    "tools": None,
                    "documents": None,
                }
            )
        except Exception as error:  # the template is a stranger's program: any failure in it is the template's
            raise TemplateError(self._failure(error, messages)) from error

    def _text(self, variables: dict[str, Any]) -> str:
        room = MAX_CHARACTERS + sum(len(message["content"]) for message in variables["messages"])
        pieces = []
        for piece in self._template.generate(variables):
            room -= len(piece)
            if room < 0:
                raise OverflowError(f"it writes more than {MAX_CHARACTERS:,} characters beyond the messages")
            pieces.append(piece)
        return "".join(pieces)

    def _failure(self, error: Exception, messages: Sequence[Message]) -> str:
        where, reason = self._at(_line_of(error)), _reason(error)
        if isinstance(error, SecurityError):
            return f"the chat template tries to leave its sandbox{where}: {reason}; do not trust it: {_OTHER_WAYS}"
        if not isinstance(error, _Refusal):
            return f"the chat template fails{where}: {reason}; correct it, or {_OTHER_WAYS}"
        remedy = "change the messages as it says"
        if "system" in reason.lower() and any(message.role == "system" for message in messages):
            remedy = "leave the system message out, or write its text at the start of the first user message"
        return f"the chat template refuses these messages{where}: {reason}; {remedy}, or {_OTHER_WAYS}"

    def _at(self, line: int | None) -> str:
        return "" if line is None else f" at line {line} of {len(self.source.splitlines())}"


def _asked(node: Node) -> list[Node]:
    """What a comparison, a call, a filter or a test is given, without what it is asked of."""
    if isinstance(node, Compare):
        return [node.expr, *(operand.expr for operand in node.ops)]
    assert isinstance(node, Call | Filter | Test)
    return [*node.args, *(pair.value for pair in node.kwargs)]


def _texts(nodes: Iterable[Node]) -> Iterator[str]:
    """The texts that stand there by themselves, or in a list."""
    for node in nodes:
        found = node.items if isinstance(node, List | Tuple) else [node]
        yield from (one.value for one in found if isinstance(one, Const) and isinstance(one.value, str))


def _reason(error: Exception) -> str:
    """What it says, without its full stop; dots that stand for more stay."""
    said = (error.msg if isinstance(error, SyntaxError) else str(error)) or type(error).__name__
    return said[:-1] if said.endswith(".") and not said.endswith("..") else said


def _line_of(error: Exception) -> int | None:
    """The template's line, innermost, from the traceback that jinja2 rewrites to the template's own lines."""
    line, entry = None, error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == "<template>":
            line = entry.tb_lineno
        entry = entry.tb_next
    return line
