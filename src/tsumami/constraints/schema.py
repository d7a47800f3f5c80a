"""JSON schemas: what can be kept to is kept to exactly, and what cannot is refused by name and place.

Guarantee: a keyword that llguidance does not implement (`not`, `uniqueItems`, `if`, `contains`, …) is an error that
names it and the JSON pointer of where it stands; none is ignored. A schema cannot switch that off.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from tsumami.constraints.llg import HEADER, complaint, refuse_long
from tsumami.constraints.patterns import kept_to
from tsumami.errors import GrammarError, japanese

__all__ = ["check", "to_lark"]

#: Between the parts of a value, as much white space as a neat writer uses: without a bound, a model that likes white
#: space goes on with it for ever.
_OPTIONS: Final = {"whitespace_pattern": r"[ \n\t]{0,20}", "lenient": False, "coerce_one_of": False}
_MOST_DEPTH: Final = 64
#: Of the numbers after `multipleOf`, zeros at the end not counted: an automaton has a state for each remainder.
_MOST_REMAINDERS: Final = 100_000
_ONE: Final = (
    "items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties", "contains",
    "propertyNames", "not", "if", "then", "else",
)  # fmt: skip
_NAMED: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED: Final = ("allOf", "anyOf", "oneOf", "prefixItems", "items")


def to_lark(text: str) -> str:
    """The schema as a grammar.

    Raises:
        GrammarError: it is too long, nested too deep, or would take too much memory.
    """
    refuse_long("JSON schema", text)
    schema = json.loads(text)
    if _depth(schema) > _MOST_DEPTH:
        raise GrammarError(f"json_schema: it is nested deeper than {_MOST_DEPTH} levels").in_japanese(
            f"json_schema: 入れ子が {_MOST_DEPTH} 段より深すぎます"
        )
    _refuse_large_multiples(schema)
    _rewrite_patterns(schema)
    return f"{HEADER}start: %json {json.dumps({**schema, 'x-guidance': _OPTIONS}, ensure_ascii=False)}\n"


def check(text: str) -> None:
    """Refuse a schema that cannot be kept to.

    Raises:
        GrammarError: with keyword and place.
    """
    said = complaint(to_lark(text))
    if said:
        raise GrammarError(f"json_schema: {_reason(said, json.loads(text))}").in_japanese(
            f"json_schema が使えません: {_reason(said, json.loads(text))}"
        )


def _reason(said: str, schema: Mapping[str, Any]) -> str:
    """llguidance's reason, and where in the schema it is about."""
    unknown = re.search(r"Unimplemented keys: \[(.*?)\]", said)
    if unknown is not None:
        keys = re.findall(r'"((?:[^"\\]|\\.)*)"', unknown[1])
        return f"{_named(keys, schema)} cannot be kept to; leave it out, or say it otherwise"
    if "oneOf constraints" in said:
        return f"{_named(['oneOf'], schema)} cannot be kept to where two branches overlap; anyOf can"
    form = re.search(r"Unknown format: (.+)", said)
    if form is not None:
        places = [place for place, node in _nodes(schema) if node.get("format") == form[1].strip()]
        return f"format {form[1].strip()!r} at {_pointer(places)} is not known"
    wrong = re.search(r"^error: (.+)$", said, re.MULTILINE) if "regex parse error" in said else None
    wrong = wrong or re.search(r"JSON schema: (.+) in regex /", said)
    if wrong is not None:
        places = [f"{place}/pattern" for place, node in _nodes(schema) if "pattern" in node]
        return f"the pattern at {_pointer(places)} cannot be used: {wrong[1]}"
    return " ".join(re.sub(r"^at \d+\(\d+\): ", "", said.strip()).split("\n", 1)[0].split())[:300]


def _named(keys: list[str], schema: Mapping[str, Any]) -> str:
    """Keywords, each with the first place where it stands."""
    places = {key: [f"{place}/{key}" for place, node in _nodes(schema) if key in node] for key in keys}
    return ", ".join(f"{key!r} at {_pointer(places[key])}" for key in keys)


def _pointer(places: list[str]) -> str:
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return f"#{places[0]}{more}" if places else "some place"


def _nodes(schema: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema inside a schema, with its JSON pointer (RFC 6901)."""
    yield place, schema
    for key, value in schema.items():
        if key in _ONE and isinstance(value, Mapping):
            yield from _nodes(value, f"{place}/{key}")
        elif key in _NAMED and isinstance(value, Mapping):
            for name, inner in value.items():
                if isinstance(inner, Mapping):
                    escaped = name.replace("~", "~0").replace("/", "~1")
                    yield from _nodes(inner, f"{place}/{key}/{escaped}")
        elif key in _LISTED and isinstance(value, list):
            for number, inner in enumerate(value):
                if isinstance(inner, Mapping):
                    yield from _nodes(inner, f"{place}/{key}/{number}")


def _refuse_large_multiples(schema: Mapping[str, Any]) -> None:
    """Where there is an allOf or a reference, several may have to divide one number."""
    found = {f"{place}/multipleOf": node["multipleOf"] for place, node in _nodes(schema) if "multipleOf" in node}
    steps = [_digits(step) for step in found.values() if isinstance(step, int | float) and math.isfinite(step)]
    together = any("allOf" in node or "$ref" in node for _, node in _nodes(schema))
    if max(sum(steps), math.lcm(*steps) if together else 0) > _MOST_REMAINDERS:
        raise GrammarError(
            f"json_schema: 'multipleOf' at {_pointer([*found])} would take too much memory; smaller numbers can be kept"
            " to, and those with zeros at the end"
        ).in_japanese(
            f"json_schema: {_pointer([*found])} の 'multipleOf' はメモリーを使いすぎます。"
            "小さい数か、終わりに 0 の続く数なら守れます"
        )


def _rewrite_patterns(schema: Any) -> None:
    """In place: patterns, and those of names."""
    node: Any
    for place, node in _nodes(schema):
        at = f"{place}/pattern"
        try:
            if isinstance(node.get("pattern"), str):
                node["pattern"] = kept_to(node["pattern"])
            at = f"{place}/patternProperties"
            if isinstance(node.get("patternProperties"), dict):
                node["patternProperties"] = {kept_to(key): one for key, one in node["patternProperties"].items()}
        except GrammarError as error:
            raise GrammarError(f"json_schema: the pattern at {_pointer([at])} cannot be used: {error}").in_japanese(
                f"json_schema: {_pointer([at])} のパターンが使えません: {japanese(error)}"
            ) from error


def _digits(step: float) -> int:
    """What an automaton has to count to: 125 for 12500 as for 0.0125."""
    return int("".join(map(str, Decimal(repr(step)).normalize().as_tuple().digits)))


def _depth(value: object) -> int:
    """How deep lists and objects are nested; without recursion."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth
