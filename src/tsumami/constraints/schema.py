"""JSON schemas: what can be kept to is kept to exactly, and what cannot is refused by name and place.

Guarantee: a keyword that llguidance does not implement (`not`, `uniqueItems`, `if`, `contains`, …) is an error that
names it and the JSON pointer of where it stands; none is ignored, nor is one that was mistyped, or a number that
llguidance would round. A schema cannot switch that off. What is an annotation to JSON Schema is one here.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, unquote

from tsumami.constraints.llg import HEADER, complaint, refuse_long
from tsumami.constraints.patterns import kept_to
from tsumami.errors import GrammarError, japanese
from tsumami.quoting import theirs

__all__ = ["check", "to_lark"]

#: Between the parts of a value, as much white space as a neat writer uses: without a bound, a model that likes white
#: space goes on with it for ever.
_OPTIONS: Final = {"whitespace_pattern": r"[ \n\t]{0,20}", "lenient": False, "coerce_one_of": False}
_MOST_DEPTH: Final = 64
#: Of the numbers after `multipleOf`, zeros at the end not counted: an automaton has a state for each remainder.
_MOST_REMAINDERS: Final = 100_000
#: Beyond it a number is another to llguidance, which holds all of them in 64 bits with a fraction. (One bound comes out
#: right: the largest whole number of 64 bits.)
_MOST_EXACT: Final = 1 << 53
_MOST_OF_64_BITS: Final = (1 << 63) - 1
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_ONE: Final = (
    "items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties", "contains",
    "propertyNames", "not", "if", "then", "else",
)  # fmt: skip
_NAMED: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED: Final = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
#: The keywords of drafts 4 to 2020-12 that say what a value may be, and those that say something about it.
_SAYING: Final = frozenset(
    (
        *_ONE, *_NAMED, *_LISTED, *_BOUNDS, "$ref", "$dynamicRef", "$recursiveRef", "type", "enum", "const", "format",
        "multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "minContains",
        "maxContains", "required", "minProperties", "maxProperties", "dependentRequired", "dependencies",
    )
)  # fmt: skip
_ANNOTATING: Final = frozenset(
    (
        "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$comment", "$vocabulary", "title",
        "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "nullable",
        "contentEncoding", "contentMediaType", "contentSchema", "discriminator", "xml", "externalDocs",
    )
)  # fmt: skip
_KNOWN: Final = _SAYING | _ANNOTATING
_ALIKE: Final = (
    0.86  # from so much on, a word is a keyword mistyped: `item` is `items` by 0.89, `note` is `not` by 0.857
)
_PLACE_SHOWN: Final = 200  # characters of a place in a message


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
    _encode_references(schema)
    _refuse_mistyped(schema)
    _refuse_inexact_numbers(schema)
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
            f"json_schema が使えません: {theirs(_reason(said, json.loads(text)))}"
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
    return f"#{places[0][:_PLACE_SHOWN]}{more}" if places else "some place"


def _nodes(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema inside a schema, with its JSON pointer (RFC 6901); also one to which only a reference leads."""
    waiting, seen = [("", schema)], set()
    while waiting:
        for place, node in _inside(*waiting.pop()):
            if id(node) not in seen:
                seen.add(id(node))
                yield place, node
                waiting.extend(_referred(schema, node.get("$ref")))


def _inside(place: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A schema and those that its keywords hold."""
    yield place, schema
    for key, value in schema.items():
        if key in _ONE and isinstance(value, Mapping):
            yield from _inside(f"{place}/{key}", value)
        elif key in _NAMED and isinstance(value, Mapping):
            for name, inner in value.items():
                if isinstance(inner, Mapping):
                    escaped = name.replace("~", "~0").replace("/", "~1")
                    yield from _inside(f"{place}/{key}/{escaped}", inner)
        elif key in _LISTED and isinstance(value, list):
            for number, inner in enumerate(value):
                if isinstance(inner, Mapping):
                    yield from _inside(f"{place}/{key}/{number}", inner)


def _referred(schema: Mapping[str, Any], reference: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The schema that a reference into this document leads to, if there is one."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return
    pointer = unquote(reference[1:])
    found: Any = schema
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(key)] if re.fullmatch("[0-9]{1,9}", key) and int(key) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping):
        yield pointer, found


# --- what is rewritten or refused before llguidance reads it ---


def _encode_references(schema: Any) -> None:
    """In place: pydantic writes `#/$defs/住所`, which is no URI; llguidance takes only URIs."""
    node: Any
    for _, node in _nodes(schema):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith("#"):
            escaped = re.sub(r"%(?![0-9a-fA-F]{2})", "%25", reference[1:])
            node["$ref"] = "#" + quote(escaped, safe="%/?:@!$&'()*+,;=-._~")


def _refuse_mistyped(schema: Mapping[str, Any]) -> None:
    """JSON Schema lets any word stand in a schema and mean nothing; nobody means nothing by `maxlength`."""
    if schema and not _SAYING & schema.keys() and schema.keys() - _ANNOTATING:
        words = ", ".join(repr(word[:40]) for word in list(schema)[:5])
        raise GrammarError(
            f"json_schema: none of its words says what a value may be: {words}; is the schema inside?"
        ).in_japanese(f"json_schema: 値を決めるキーワードがありません: {words}。スキーマはその中にありませんか")
    for place, node in _nodes(schema):
        for word in (one for one in node if one not in _KNOWN):
            alike = [one for one in _SAYING if one.casefold() == word.casefold()]
            if alike or (alike := difflib.get_close_matches(word, _SAYING, 1, _ALIKE)):
                at = _pointer([f"{place}/{word}"])
                raise GrammarError(f"json_schema: {word!r} at {at} is no keyword; {alike[0]!r} is").in_japanese(
                    f"json_schema: {at} の {word!r} はキーワードではありません。{alike[0]!r} ならあります"
                )


def _refuse_inexact_numbers(schema: Mapping[str, Any]) -> None:
    """Identifiers of 64 bits, above all; between quotation marks they are kept to."""
    for place, node in _nodes(schema):
        held = [(key, number) for key in ("const", "enum") for number in _numbers(node.get(key))]
        wrong = [key for key, number in held if abs(number) > _MOST_EXACT]
        bounds = [(key, number) for key in _BOUNDS for number in _numbers(node.get(key))]
        exact = ("maximum", _MOST_OF_64_BITS)
        wrong += [key for key, number in bounds if abs(number) > _MOST_EXACT and (key, number) != exact]
        if wrong:
            at = _pointer([f"{place}/{wrong[0]}"])
            raise GrammarError(
                f"json_schema: {wrong[0]!r} at {at} has a number beyond {_MOST_EXACT:,}, which would be rounded;"
                " a text of its digits can be kept to"
            ).in_japanese(
                f"json_schema: {at} の {wrong[0]!r} に {_MOST_EXACT:,} を超える数があり、丸められてしまいます。"
                "数字を並べた文字列なら守れます"
            )


def _numbers(value: object) -> Iterator[float]:
    """The numbers of a JSON value, however deep; its depth is bounded."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)


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
