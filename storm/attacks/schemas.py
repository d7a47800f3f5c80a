"""JSON schemas: of every keyword, nested, contradictory, recursive, damaged.

Must hold: a schema is accepted or refused by keyword and place; and of an accepted one, every complete reply is JSON
that `jsonschema` accepts, too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import jsonschema
from hypothesis import strategies as st

from storm import hostile
from storm.judge import LostError
from storm.options import Options
from storm.walking import walker
from tsumami.settings import Settings

TITLE: Final = "JSON schemas; complete replies are what the schema says"
DOOR: Final = "library"

_NAMES: Final = st.sampled_from(("a", "b", "c", "あ", "x y", "a/b", "~", "$ref", "type", "value", "", "A_b", "A-b"))
_SMALL: Final = st.integers(0, 4)
_HARD: Final[tuple[Any, ...]] = (
    True, False, {}, [], None, {"$ref": "#"}, {"$ref": "#/$defs/a"}, {"$ref": "https://example.com/s"}, {"enum": []},
    {"$defs": {"value": {"enum": ["q"]}}, "properties": {"o": {"type": "object"}, "a": {"$ref": "#/$defs/value"}},
    "required": ["o", "a"]},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False}, {"type": "string",
    "pattern": "(a+)+$"},
    {"type": "array", "items": True, "minItems": 3, "maxItems": 2}, {"type": "integer", "minimum": 5, "maximum": 3},
    {"type": "object", "properties": {f"k{n}": {"type": "integer"} for n in range(200)}},
    {"x-guidance": {"lenient": True}, "not": {}},
    {"allOf": [{"type": "integer"}, {"type": "string"}]}, {"type": "number", "multipleOf": 0.3}, {"const": {"a": [1,
    None, "é"]}},
)  # fmt: skip


def inputs() -> st.SearchStrategy[Any]:
    """Schemas that say something, schemas that are damaged, and other values."""
    said = st.recursive(_leaves(), _larger, max_leaves=8)
    return st.one_of(
        said, said, said, said, st.builds(_with_keys, said, st.dictionaries(_keywords(), hostile.json_values(most=3),
        max_size=2)),
        st.sampled_from(_HARD), hostile.json_values(), hostile.texts().map(lambda text: text),
    )  # fmt: skip


def _leaves() -> st.SearchStrategy[Any]:
    limits = st.fixed_dictionaries(
        {"type": st.sampled_from(("integer", "number"))},
        optional={
            "minimum": st.integers(-20, 20), "maximum": st.integers(-20, 120), "exclusiveMinimum": st.integers(-9, 9),
            "exclusiveMaximum": st.floats(-5, 50).map(lambda x: round(x, 2)), "multipleOf": st.sampled_from((1, 2, 5,
            0.5, 10)),
        },
    )  # fmt: skip
    words = st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": _SMALL, "maxLength": st.integers(0, 9), "pattern": st.sampled_from(("^a+$", "b",
            r"^\d{2}-\w$", "^[あ-ん]{1,3}$", "(")),
            "format": st.sampled_from(("date", "date-time", "email", "uuid", "ipv4", "ipv6", "uri", "time",
            "duration", "hostname", "x")),
        },
    )  # fmt: skip
    fixed = hostile.json_values(most=3)
    return st.one_of(
        limits, words, words, st.sampled_from(({"type": "boolean"}, {"type": "null"}, True, False, {},
        {"type": ["string", "null"]})),
        fixed.map(lambda value: {"const": value}), st.lists(fixed, max_size=4).map(lambda some: {"enum": some}),
        st.sampled_from(({"$ref": "#"}, {"$ref": "#/$defs/a"})),
    )  # fmt: skip


def _larger(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    listed = st.lists(part, min_size=1, max_size=3)
    things = st.fixed_dictionaries(
        {"type": st.just("object")},
        optional={
            "properties": st.dictionaries(_NAMES, part, max_size=4), "required": st.lists(_NAMES, max_size=3,
            unique=True),
            "additionalProperties": part | st.booleans(), "minProperties": _SMALL, "maxProperties": _SMALL,
            "patternProperties": st.dictionaries(st.sampled_from(("^a", "b$", "(")), part, max_size=1),
            "propertyNames": part, "dependentRequired": st.just({"a": ["b"]}), "unevaluatedProperties": st.booleans(),
        },
    )  # fmt: skip
    lists = st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={
            "items": part, "prefixItems": listed, "minItems": _SMALL, "maxItems": _SMALL, "uniqueItems": st.booleans(),
            "contains": part,
        },
    )  # fmt: skip
    choices = st.builds(lambda word, some: {word: some}, st.sampled_from(("anyOf", "oneOf", "allOf")), listed)
    conditions = st.builds(lambda a, b: {"if": a, "then": b}, part, part) | part.map(lambda a: {"not": a})
    named = st.builds(lambda body, inner: _with_keys(body, {"$defs": {"a": inner}}), part, part)
    return st.one_of(things, things, lists, choices, named, conditions)


def _keywords() -> st.SearchStrategy[str]:
    return st.sampled_from((
        "type", "enum", "const", "$ref", "$defs", "items", "properties", "required", "pattern", "format", "minLength",
        "maximum", "multipleOf",
        "additionalProperties", "anyOf", "oneOf", "allOf", "not", "$schema", "$id", "title", "default", "x-guidance",
        "nullable", "$anchor",
    ))  # fmt: skip


def _with_keys(schema: Any, more: dict[str, Any]) -> Any:
    return {**schema, **more} if isinstance(schema, dict) else schema


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:
    """Walk along what the schema allows, and ask `jsonschema`."""
    with walker(options) as walk:

        def go(given: Any) -> None:
            made = Settings(json_schema=given)
            reply = walk(made)
            if reply is None or made.json_schema is None:
                return
            try:
                value = json.loads(reply)
            except ValueError as error:
                raise LostError(f"the reply {reply!r} was complete and is no JSON: {error}") from None
            _held(value, json.loads(made.json_schema))

        yield go


def _held(value: Any, schema: Any) -> None:
    judge = jsonschema.Draft202012Validator(schema)
    try:
        error = next(judge.iter_errors(value), None)
    except Exception:  # a schema that the other side cannot judge; nothing was found
        return
    if error is not None:
        raise LostError(f"the reply {value!r} was complete and is not what the schema says: {error.message}")
