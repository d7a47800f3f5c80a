"""Rendering a chat template: what runs in a process of its own (apart.py), because a template is a stranger's program.

Guarantee: whatever the template is, `answer` gives its text or what went wrong, as JSON; files, modules and attributes
that lead out of the sandbox are closed. How long it may take and how much memory it may have is for the process around
it to say: no list of forbidden words could.

The environment is the one that templates are written for, that of Hugging Face transformers
(`chat_template_utils.render_jinja_template`): trim_blocks, lstrip_blocks, loop controls, the `generation` tag,
`raise_exception`, `strftime_now`, and a `tojson` that leaves Japanese readable.
"""

from __future__ import annotations

import functools
import json
import pickle
from collections.abc import Iterable, Iterator
from typing import Any, Final, NoReturn

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.nodes import Assign, Call, Compare, Const, Filter, List, Node, Test, Tuple
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["answer"]

_MOST_SAID: Final = 2000  # characters of a reason


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


def answer(request: bytes) -> bytes:
    """The text of a template, or with no variables only whether it parses, and what texts it tests messages for.

    request: pickled (source, variables or None, the time that it sees or None, most characters).
    Returns JSON: `text` (and `tested`); or `kind` (parse, sandbox, refusal, failure), `reason` and `line`.
    """
    source, variables, now, most = pickle.loads(request)  # noqa: S301  (from the process that began this one)
    kind = "parse"
    try:
        template = _compiled(source)
        kind = "failure"
        if variables is None:
            return json.dumps({"text": "", "tested": sorted(_tested(template.environment, source))}).encode()
        text = _text(template, {**variables, "strftime_now": now.strftime}, most)
    except Exception as error:  # noqa: BLE001  (the template is a stranger's: any failure in it is the template's)
        line = _line_of(error) if kind == "failure" else _line_in_source(error)
        found = {"kind": _kind(error, kind), "reason": _reason(error), "line": line}
        return json.dumps(found).encode()
    return json.dumps({"text": text}).encode()


def _text(template: jinja2.Template, variables: dict[str, Any], most: int) -> str:
    room = most
    pieces = []
    for piece in template.generate(variables):
        room -= len(piece)
        if room < 0:
            raise OverflowError("it writes too much")
        pieces.append(piece)
    return "".join(pieces)


def _kind(error: Exception, otherwise: str) -> str:
    if otherwise == "parse":
        return "parse"
    return "sandbox" if isinstance(error, SecurityError) else "refusal" if isinstance(error, _Refusal) else "failure"


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it takes more memory than a prompt could need"
    said = (error.msg if isinstance(error, SyntaxError) else str(error)) or type(error).__name__
    whole = said[:-1] if said.endswith(".") and not said.endswith("..") else said  # dots that stand for more stay
    return whole[:_MOST_SAID]


def _line_in_source(error: Exception) -> int | None:
    """Python's own compiler counts the lines of what jinja2 wrote, and these nobody has seen."""
    return error.lineno if isinstance(error, jinja2.TemplateSyntaxError) else None


def _line_of(error: Exception) -> int | None:
    """The template's line, innermost, from the traceback that jinja2 rewrites to the template's own lines."""
    line, entry = None, error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == "<template>":
            line = entry.tb_lineno
        entry = entry.tb_next
    return line
