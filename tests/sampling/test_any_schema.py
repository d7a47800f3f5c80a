"""What holds of every JSON schema, whatever it is: the kinds of which test_constraint.py has the cases."""

from __future__ import annotations

import difflib
import json
import random
import re
from fractions import Fraction
from typing import Any, Final
from urllib.parse import quote

import jsonschema
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.support.constrained import EXPRESSIONS, SAID, TEXTS, examples, has_tokens, made, refusal
from tests.support.masks import read, wander

from tsumami.errors import GrammarError
from tsumami.model import Model
from tsumami.native import Vocab
from tsumami.settings import Settings


@pytest.fixture(scope="module")
def vocab(model: Model) -> Vocab:
    return model.vocab


# --- values, names and characters


@given(text=TEXTS, seed=st.integers(0, 99))
@example(text="C:\\temp", seed=0)
@example(text="\U0001f600", seed=0)
@example(text="#", seed=0)
@examples(50)
def test_any_text_can_be_a_value_a_choice_and_a_name(text: str, seed: int, vocab: Vocab) -> None:
    """The reply, whichever way it goes, is read by `json` as the very value."""
    assume(has_tokens(vocab, text))
    named = {"type": "object", "properties": {text: {"const": 1}}, "required": [text], "additionalProperties": False}
    for schema, value in (
        ({"const": text}, text),
        ({"enum": [text]}, text),
        ({"const": {text: [text]}}, {text: [text]}),
        (named, {text: 1}),
    ):
        reply = wander(made(vocab, "json_schema", schema), vocab, random.Random(seed))
        assert reply is not None
        assert json.loads(reply.decode()) == value


ONLY: Final = {"type": "object", "required": ["a"], "additionalProperties": False}
NUMBERS: Final = st.one_of(
    st.integers(-20, 20),
    st.integers(),
    st.integers(0, 70).map(lambda power: 2**power + 1),
    st.floats(-1e20, 1e20, allow_subnormal=False).filter(lambda x: not 0 < abs(x) < 1e-20),
)


@given(number=NUMBERS, word=st.sampled_from(["const", "enum", "nested"]), seed=st.integers(0, 9))
@example(number=2**53 + 1, word="const", seed=0)
@example(number=1234567890123456789, word="enum", seed=0)
@examples(60)
def test_a_number_is_that_number_or_refused_by_its_place(number: float, word: str, seed: int, vocab: Vocab) -> None:
    schema = {"const": {"const": number}, "enum": {"enum": [number]}, "nested": {"const": {"id": [number]}}}[word]
    whole = {"properties": {"a": schema}, **ONLY}
    refused = refusal("json_schema", whole)
    assert bool(refused) is (abs(number) > 2**53)
    if refused:
        assert re.search(r"'(const|enum)' at #/properties/a/\1 has a number beyond", refused)
        return
    reply = wander(made(vocab, "json_schema", whole), vocab, random.Random(seed))
    assert reply is not None
    (found,) = json.loads(reply, parse_int=Fraction, parse_float=Fraction).values()
    found = found["id"][0] if word == "nested" else found
    assert found == Fraction(repr(number))


@given(low=NUMBERS, span=st.integers(0, 40), word=st.sampled_from(["integer", "number"]), seed=st.integers(0, 99))
@example(low=10**20, span=5, word="integer", seed=0)
@example(low=2**53 + 1, span=0, word="integer", seed=0)
@examples(60)
def test_bounds_hold_however_large_they_are(low: float, span: int, word: str, seed: int, vocab: Vocab) -> None:
    schema = {"type": word, "minimum": low, "maximum": low + span}
    refused = refusal("json_schema", schema)
    if refused:
        assert abs(low) + span > 2**53 or "nsatisfiable" in refused or "range" in refused
        return
    reply = wander(made(vocab, "json_schema", schema), vocab, random.Random(seed), 40)
    assert reply is None or Fraction(repr(low)) <= Fraction(reply.decode()) <= Fraction(repr(low + span))


# --- patterns


@given(
    begin=st.sampled_from(["", "^"]),
    expression=EXPRESSIONS | st.builds("{}|{}".format, EXPRESSIONS, EXPRESSIONS),
    end=st.sampled_from(["", "$"]),
    said=st.lists(SAID, max_size=4),
    seed=st.integers(0, 99),
)
@examples(120)
def test_a_pattern_means_what_it_means_to_python_and_the_reply_is_json(
    begin: str, expression: str, end: str, said: list[str], seed: int, vocab: Vocab
) -> None:
    """Unlike an expression it may stand anywhere in the text, if it is not anchored; to Python a line end may follow
    a `$`.
    """
    judge = re.compile(begin + expression + (r"\Z" if end else ""), re.ASCII)
    schema = {"type": "string", "pattern": begin + expression + end}
    for text in said:
        ways = [json.dumps(text, ensure_ascii=ascii_only) for ascii_only in (False, True)]
        fits = any(read(made(vocab, "json_schema", schema), vocab, way) for way in ways)
        assert fits == (judge.search(text) is not None), text
    reply = wander(made(vocab, "json_schema", schema), vocab, random.Random(seed), 40)
    assert reply is None or judge.search(json.loads(reply.decode()))


# --- schemas

#: Every keyword that says something of a value, each with what it may say; any of them may stand beside any other.
SMALL: Final = st.integers(0, 3)
KEYS: Final = st.sampled_from(["a", "b", "A_b", "A-b", "*", "x/y", "~", "", "値", "😀", "$ref", "not", "type"])
KINDS: Final = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])


def keywords(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    parts = st.lists(inner, min_size=1, max_size=2)
    return {
        "type": KINDS | st.lists(KINDS, min_size=1, max_size=3, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "minLength": SMALL,
        "maxLength": SMALL,
        "pattern": st.sampled_from(["^a", "b$", "^[a-z]{1,3}$", ".", "😀"]),
        "format": st.sampled_from(["date", "email", "ipv4", "uuid"]),
        "minimum": st.integers(-2, 6),
        "maximum": st.integers(-2, 6),
        "exclusiveMinimum": st.integers(-2, 6),
        "exclusiveMaximum": st.integers(-2, 6),
        "multipleOf": st.sampled_from([1, 2, 3, 0.5]),
        "items": inner | st.booleans(),
        "prefixItems": parts,
        "minItems": SMALL,
        "maxItems": SMALL,
        "uniqueItems": st.just(True),
        "contains": inner,
        "properties": st.dictionaries(KEYS, inner | st.booleans(), max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=1),
        "required": st.lists(KEYS, max_size=2, unique=True),
        "additionalProperties": inner | st.booleans(),
        "minProperties": SMALL,
        "maxProperties": SMALL,
        "propertyNames": inner,
        "dependentRequired": st.just({"a": ["b"]}),
        "allOf": parts,
        "anyOf": parts,
        "oneOf": parts,
        "not": inner,
        "if": inner,
        "then": inner,
        "title": st.just("T"),
        "description": st.just("any"),
        "default": VALUES,
    }


VALUES: Final = st.recursive(
    st.sampled_from([None, True, False, 0, 1, -1, 2, 5, 6.5, 3.0, "", "a", "ab", "bab", "abc", "😀", "aaaa",
                     "2026-11-29", "a@b.example", "\\", '"']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    words = keywords(inner)
    some = st.lists(st.sampled_from(sorted(words)), min_size=1, max_size=4, unique=True)
    return some.flatmap(lambda names: st.fixed_dictionaries({name: words[name] for name in names}))


SCHEMAS: Final = nodes(st.recursive(nodes(st.just({"type": "integer"})), nodes, max_leaves=2))


@given(schema=SCHEMAS, values=st.lists(VALUES, max_size=6), seed=st.integers(0, 99))
@examples(300)
def test_what_a_schema_lets_through_is_valid_or_a_keyword_is_refused_by_its_place(
    schema: dict[str, Any], values: list[Any], seed: int, vocab: Vocab
) -> None:
    refused = refusal("json_schema", schema)
    if refused:
        assert re.search(r"'\w+' at #|the pattern at #|[Uu]nsatisfiable|min\w+|max\w+", refused)
        return
    judge = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for value in values:
        if read(made(vocab, "json_schema", schema), vocab, json.dumps(value, ensure_ascii=False)):
            judge.validate(value)
    reply = wander(made(vocab, "json_schema", schema), vocab, random.Random(seed), 60)
    if reply is not None:
        judge.validate(json.loads(reply.decode()))


@given(
    names=st.lists(TEXTS | st.sampled_from(["value", "string", "object", "root", "A_b", "A-b", "a~1b", "%25", "A[i]"]),
                   min_size=2, max_size=3, unique=True),
    word=st.sampled_from(["$defs", "definitions", "elsewhere"]),
    at_root=st.booleans(),
    encoded=st.booleans(),
)  # fmt: skip
@example(names=["住所", "氏名"], word="$defs", at_root=True, encoded=False)
@examples(50)
def test_a_reference_is_what_it_points_at_whatever_its_name(
    names: list[str], word: str, at_root: bool, encoded: bool, vocab: Vocab
) -> None:
    """RFC 6901, as a URI fragment: `~` and `/` are escaped; what no URI may hold may be encoded, or stand as it is."""
    escaped = {name: name.replace("~", "~0").replace("/", "~1") for name in names}
    places = {name: f"#/{word}/{quote(one, safe='') if encoded else one.replace('%', '%25')}"
              for name, one in escaped.items()}  # fmt: skip
    schema: dict[str, Any] = {word: {name: {"const": at} for at, name in enumerate(names)}}
    if at_root:
        schema["$ref"] = places[names[-1]]
        texts = [json.dumps(at) for at in range(len(names))]
        right = texts[-1]
    else:
        schema |= {"type": "array", "prefixItems": [{"$ref": places[name]} for name in names], "items": False}
        texts = [json.dumps(list(range(len(names)))), json.dumps(list(range(len(names)))[::-1])]
        right = texts[0]
        schema["minItems"] = len(names)
    for text in texts:
        assert read(made(vocab, "json_schema", schema), vocab, text) is (text == right)


@given(
    pointer=st.lists(
        st.sampled_from(["$defs", "a", "0", "1", "-1", "٣", "9" * 5000, "~", "~2", "%", "%zz", "", "#", "..", " ",
                         "\x00"])
    ),
    items=st.sampled_from([{}, [{"const": 1}], {"0": {"const": 1}}]),
)  # fmt: skip
def test_wherever_a_reference_points_it_is_followed_or_refused(pointer: list[str], items: Any) -> None:
    reference = "#/" + "/".join(pointer)
    said = refusal("json_schema", {"$defs": {"a": items}, "anyOf": [{"$ref": reference}, {"const": 1}]})
    assert len(said) < 400


@given(
    name=st.text(max_size=3).map(lambda part: f"name{part}" * 9_000),
    inside=st.sampled_from([{"uniqueItems": True}, {"maxlength": 1}, {"const": 2**60}, {"pattern": "("},
                            {"format": "x"}, {"multipleOf": 9_999_991}]),
)  # fmt: skip
def test_no_refusal_is_as_long_as_a_name_in_the_schema(name: str, inside: dict[str, Any]) -> None:
    for schema in ({"properties": {name: inside}}, {name: inside}, {name: 1, "type": "objekt"}):
        assert len(refusal("json_schema", schema)) < 500


MEANT: Final = sorted(
    {"type", "enum", "const", "maxLength", "minLength", "minimum", "maximum", "items", "required", "pattern", "format",
     "properties", "maxItems", "additionalProperties", "multipleOf", "prefixItems", "anyOf"}
)  # fmt: skip


@given(word=st.sampled_from(MEANT), slip=st.sampled_from(["lower", "upper", "twice", "underscore", "inside"]))
def test_a_mistyped_keyword_is_no_annotation(word: str, slip: str) -> None:
    typed = {
        "lower": word.lower(),
        "upper": word[0].upper() + word[1:],
        "twice": word[:2] + word[1:],
        "underscore": re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", word),
        "inside": word,
    }[slip]
    assume(
        slip == "inside" or difflib.SequenceMatcher(None, typed, word).ratio() > 0.86 or typed.lower() == word.lower()
    )
    assume((typed != word) is (slip != "inside"))
    schema = {"name": "x", "schema": {word: 1}} if slip == "inside" else {"properties": {"a": {"title": "T", typed: 1}}}
    with pytest.raises(GrammarError, match="none of its words" if slip == "inside" else f"'{typed}' at #/properties/a"):
        Settings(json_schema=schema)
