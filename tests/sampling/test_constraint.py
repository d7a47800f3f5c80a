"""The constraint stage: which tokens may come, held against llama.cpp's own grammars and against other judges."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any, Final

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.support.masks import LlamaGrammar, allowed, differences, read

from tsumami.errors import GrammarError
from tsumami.model import Model
from tsumami.native import Vocab
from tsumami.sampling import Chain
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.constraint import ConstraintStage, constraint_stage
from tsumami.settings import Settings

JSON_GRAMMAR: Final = r"""
root   ::= ws value ws
value  ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (string ws ":" ws value ws ("," ws string ws ":" ws value ws)*)? "}"
array  ::= "[" ws (value ws ("," ws value ws)*)? "]"
string ::= "\"" ([^"\\\x00-\x1f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [-+]? [0-9]+)?
ws     ::= [ \n\t]*
"""
#: Grammars with a text that each of them accepts.
GRAMMARS: Final = {
    "json": (JSON_GRAMMAR, '{"name": "猫", "legs": [4, 3.5e-2, true, null], "very": {"deep": "a\\u00e9 \\"b\\""}}'),
    "yes or no": ('root ::= "yes" | "no"', "yes"),
    "a list": ('root ::= ("- " [^\\n]+ "\\n")+', "- bread\n- milk and honey\n"),
    "greedy and then more": ('root ::= [a-z]* "b" [a-z]*', "abcb"),
    "a literal that begins another": ('root ::= "a" "bcd" | "ab" "d" | "abc"', "abcd"),
    "arithmetic": (
        'root ::= term ([-+] term)*\nterm ::= factor ([*/] factor)*\nfactor ::= [0-9]+ | "(" root ")"',
        "12+(3*45-6)/7",
    ),
    "palindromes": ('root ::= "a" root "a" | "b" root "b" | "c"', "abbacabba"),
    "Japanese": ("root ::= [ぁ-ん]+ (kanji | [ァ-ヴー]+)*\nkanji ::= [一-龯]", "むかし東京タワー"),
    "beyond the BMP": ('root ::= ("😀" | "𠮷野" | [\\U0001F600-\\U0001F64F])+', "😀𠮷野😢"),
    "escapes": ('root ::= "\\x41\\u0042\\n\\t\\r\\"\\\\\\[\\]" [\\x00-\\x1f\\]\\\\-]', 'AB\n\t\r"\\[]\n'),
    "negated": (r'root ::= [^a-m"]+ "a"', "xyz!あa"),
    "anything": ('root ::= . . "x" .*', "añx\nrest"),
    "counted": ('root ::= "ab"{2} "c"{1,} ("d" | "e"){0,3} "f"{0,0} "g"', "ababccdedg"),
    "empty": ('root ::= "" | ("x" "z"?)* "y"?', "xzxy"),
    "optional": ("root ::= " + '"a"? ' * 40, "a" * 17),
    "nested": ("root ::= " + "(" * 50 + '"a" | "b"' + ")" * 50 + "+", "abba"),
    "comments and lines": ('# a grammar\nroot ::= (\n  "a" # one\n  | "b"\n)+ "c"\n\n', "abc"),
    "repeated groups": ('root ::= ("ab" "c"?)* (("x" | "yz") [0-9]){2,3}', "abcabx1yz2"),
    "C": (
        'root ::= (decl)*\ndecl ::= type " " name "(" (type " " name ("," type " " name)*)? ")" "{" stmt* "}"\n'
        'type ::= "int" | "float" | "char"\nname ::= [a-zA-Z_] [a-zA-Z_0-9]*\n'
        'stmt ::= type " " name "=" expr ";" | "return " expr ";"\nexpr ::= term (("+" | "-") term)*\n'
        'term ::= name | [0-9]+ | "(" expr ")"',
        "int add(int a,int b){int c=a+b;return (c-0);}",
    ),
}


@pytest.fixture(scope="module")
def stage(model: Model) -> Callable[..., ConstraintStage]:
    """A constraint of the bundled model's vocabulary."""

    def make(knob: str, text: str) -> ConstraintStage:
        return constraint_stage(model.vocab, knob, text)

    return make


# --- grammars, mask by mask


@pytest.mark.parametrize("name", GRAMMARS)
def test_the_allowed_tokens_are_llama_cpps_at_every_place(name: str, model: Model, stage: Any) -> None:
    grammar, text = GRAMMARS[name]
    theirs = LlamaGrammar(model.vocab, grammar)
    ours = stage("grammar", grammar)
    try:
        assert list(differences(ours, theirs, model.vocab, text.encode())) == []
        assert ours.complete, "the text is one of the grammar's"
    finally:
        theirs.close()


_ATOMS: Final = st.sampled_from(
    ['"a"', '"ab"', '"abc"', '"b"', "[a-c]", "[^a]", "[b-d]", '"あ"', "[あ-う]", '" "', ".", '""', "x", "y"]
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}"])
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' | '.join(parts)})"),
        st.builds(lambda part, times: f"({part}){times}", inner, repeats),
    )


EXPRESSIONS: Final = st.recursive(_ATOMS, _combined, max_leaves=8)


@given(
    root=EXPRESSIONS,
    x=EXPRESSIONS.filter(lambda text: not re.search(r"\b[xy]\b", text)),
    tail=st.sampled_from(["", ' | "(" root ")"', ' | "[" x "]" y']),
    walk=st.lists(st.integers(0, 10**6), max_size=6),
)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_grammars_allow_what_llama_cpp_allows(
    root: str, x: str, tail: str, walk: list[int], model: Model, stage: Any
) -> None:
    grammar = f'root ::= "<" {root}{tail} ">"\nx ::= {x}\ny ::= "y" | "c" x\n'
    try:
        ours = stage("grammar", grammar)
    except GrammarError as error:
        assume("left recursion" not in str(error))
        raise
    try:
        pointer = LlamaGrammar(model.vocab, grammar)
    except ValueError:  # such as ("")*: empty again and again is a left recursion there
        assume(False)
        raise
    marks = np.array([model.vocab.is_control(token) for token in range(model.vocab.n_tokens)])
    try:
        for number in walk:
            mine, theirs = allowed(ours, model.vocab.n_tokens), pointer.allowed()
            assert not ((mine != theirs) & ~marks).any(), grammar
            next_ones = np.flatnonzero(mine & ~marks)
            if not len(next_ones):
                return
            token = int(next_ones[number % len(next_ones)])
            ours.accept(token)
            pointer.accept(token)
    finally:
        pointer.close()


def test_a_control_token_is_no_text(model: Model, stage: Any) -> None:
    marks = [token for token in range(20) if model.vocab.is_control(token) and not model.vocab.is_eog(token)]
    assert not allowed(stage("grammar", "root ::= .*"), model.vocab.n_tokens)[marks].any()


@pytest.mark.parametrize("form", ["<[1]>", "<|im_start|>"])
def test_a_grammar_can_ask_for_a_token(form: str, model: Model, stage: Any) -> None:
    made = stage("grammar", f'root ::= {form} "a"')
    assert np.flatnonzero(allowed(made, model.vocab.n_tokens)).tolist() == [1]
    made.accept(1)
    assert read(made, model.vocab, "a")


def test_a_grammar_can_ask_for_any_token_but_one(model: Model, stage: Any) -> None:
    mask = allowed(stage("grammar", 'root ::= !<|im_start|> "a"'), model.vocab.n_tokens)
    assert not mask[1]
    assert mask[100:200].all()


def test_a_name_that_is_no_token_is_refused(stage: Any) -> None:
    with pytest.raises(GrammarError, match="not one token"):
        stage("grammar", "root ::= <no such token>")


# --- what is hostile


#: After every letter it may be in any of its rules, and in each of them anew.
RECURSIVE: Final = (
    "root ::= "
    + " | ".join(f"r{i}" for i in range(2_000))
    + "\n"
    + "".join(f'r{i} ::= [a-z]* "{i}" root?\n' for i in range(2_000))
)
HOSTILE: Final = {
    "20,000 parentheses": ("grammar", "root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000),
    "200,000 parentheses": ("grammar", "root ::= " + "(" * 200_000 + '"a"' + ")" * 200_000),
    "a chain of 200,000 rules": (
        "grammar",
        "root ::= r0\n" + "".join(f"r{i} ::= r{i + 1}\n" for i in range(200_000)) + 'r200000 ::= "a"',
    ),
    "ten million characters": ("grammar", "root ::= " + '"a" ' * 2_500_000),
    "60,000 parentheses": ("grammar", "root ::= " + "(" * 60_000 + '"a"' + ")" * 60_000),
    "groups in groups": ("grammar", "root ::= " + '("a" | ' * 20_000 + '"b"' + ")" * 20_000),
    "groups that count": ("grammar", "root ::= " + '("a" "b"? ' * 4_000 + '"b"' + "){2}" * 4_000),
    "a chain of rules": ("grammar", "root ::= r0\n" + "".join(f"r{i} ::= r{i + 1}\n" for i in range(20_000))),
    "a chain of 4,000 rules": (
        "grammar",
        "root ::= r0\n" + "".join(f'r{i} ::= "a" r{i + 1} | "b" root\n' for i in range(4_000)) + 'r4000 ::= "a"',
    ),
    "an open literal": ("grammar", '"' + '\\"' * 90_000),
    "open classes": ("grammar", "[" * 190_000),
    "2,000 optional items": ("grammar", "root ::= " + '"a"? ' * 2_000),
    "2,000 different optional items": ("grammar", "root ::= " + '"a"? "b"? ' * 1_000),
    "counted thrice": ("grammar", 'root ::= ((("a" | "b"){1000} "c"){1000}){1000}'),
    "a million": ("grammar", 'root ::= "a"{1000000}'),
    "nothing for ever": ("grammar", 'root ::= ("")* (""*)* ("a"*)* ("a"?)*'),
    "too large a number": ("grammar", 'root ::= "a"{100000000000000000000}'),
    "too large a token": ("grammar", "root ::= <[99999999999999999999]>"),
    "half a surrogate": ("grammar", 'root ::= "\\ud83d\\ude00"'),
    "beyond Unicode": ("grammar", 'root ::= "\\U00110000"'),
    "maxLength 20000": ("json_schema", '{"type":"string","maxLength":20000}'),
    "maxLength 1000000": ("json_schema", '{"type":"string","maxLength":1000000}'),
    "maxItems 30000": ("json_schema", '{"type":"array","items":{"type":"integer"},"maxItems":30000}'),
    "minLength 300000000": ("json_schema", '{"type":"string","minLength":300000000}'),
    "doubling references": (
        "json_schema",
        json.dumps(
            {
                "$defs": {
                    f"A_{i}": {"type": "array", "prefixItems": [{"$ref": f"#/$defs/A_{i + 1}"}] * 2} for i in range(30)
                }
                | {"A_30": {"type": "integer"}},
                "$ref": "#/$defs/A_0",
            }
        ),
    ),
    "20,000 values": ("json_schema", json.dumps({"enum": [f"value {i}" for i in range(10_000)]})),
    "a large multiple": ("json_schema", '{"type":"integer","multipleOf":9999991}'),
    "multiples of each other": ("json_schema", '{"allOf":[{"multipleOf":9973},{"type":"integer","multipleOf":9967}]}'),
    "many multiples": (
        "json_schema",
        json.dumps({"properties": {f"a{i}": {"type": "integer", "multipleOf": 99_991} for i in range(30)}}),
    ),
    "2,000 rules at once": ("grammar", RECURSIVE),
    "deep items": ("json_schema", '{"items":' * 5_000 + "{}" + "}" * 5_000),
    "a million a's": ("regex", "(a{1000}){1000}"),
    "stars of stars": ("regex", "(((((a*)*)*)*)*)*b"),
    "deep parentheses": ("regex", "(" * 20_000 + "a" + ")" * 20_000),
    "a wide gap": ("regex", ".{0,100000}x.{0,100000}"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_the_process_down_or_holds_it_up(name: str, model: Model) -> None:
    knob, text = HOSTILE[name]
    try:
        said = model.run("x", Settings.from_mapping({knob: text, "max_tokens": 3, "seed": 0})).text
    except GrammarError as error:
        said = str(error)
    assert len(said) < 600, "a message does not quote what is long"


def per_token(stage: ConstraintStage, vocab: Vocab, text: str) -> list[float]:
    """Seconds that each token of a text takes."""
    took = []
    for token in vocab.tokenize(text.encode(), add_special=False, parse_special=False):
        began = time.perf_counter()
        stage.apply(Candidates.from_row(np.zeros(vocab.n_tokens, np.float32)))
        took.append(time.perf_counter() - began)
        stage.accept(token)
    return took


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        ('root ::= s\ns ::= "a" s "b" | "a" s "c" | ""', "a" * 64 + "b" * 32),
        ("root ::= " + '"a"? ' * 200, "a" * 64),
    ],
    ids=["ambiguous", "200 optional items"],
)
def test_many_readings_cost_no_more_than_one(grammar: str, text: str, model: Model, stage: Any) -> None:
    plain = per_token(stage("grammar", "root ::= [a-c]*"), model.vocab, text)
    many = per_token(stage("grammar", grammar), model.vocab, text)
    # llama.cpp's own takes 2^n of them: after 14 tokens seconds, against some ten microseconds
    assert float(np.median(many)) < 50 * float(np.median(plain)) + 0.005
    assert max(many[-8:]) < 100 * float(np.median(plain)) + 0.02, "nor does it grow with the text"


def test_what_takes_long_to_follow_is_refused_before_it_has_taken_long(model: Model, stage: Any) -> None:
    made = stage("grammar", RECURSIVE)
    began = time.thread_time()
    with pytest.raises(GrammarError, match="too much to follow"):
        allowed(made, model.vocab.n_tokens)
    assert time.thread_time() - began < 0.3, "of the processor's time it took 0.7 s"


@pytest.mark.parametrize("step", [2, 7, 1000, 86_400, 99_991, 0.01, 12.5, 3_000_000])
def test_multiples_that_fit_into_memory_are_kept_to(step: float, model: Model, stage: Any) -> None:
    made = stage("json_schema", json.dumps({"type": "number", "multipleOf": step}))
    assert read(made, model.vocab, json.dumps(3 * step))
    made = stage("json_schema", json.dumps({"type": "number", "multipleOf": step}))
    assert not read(made, model.vocab, json.dumps(2.5 * step))


# --- schemas

VALUES: Final = [
    None, True, False, 0, 1, -1, 5, 7, 2.5, 1e10, "", "a", "ab", "abc", "aaaa", "x", "y", "q", "😀", "東京", "C:\\temp",
    'say "hi"', "a\nb", "tab\there", "\\", "\u001f", "é", "a/b", "053-2184", [], [1], [1, 2], ["a", "b"], [[]], {},
    {"a": 1}, {"a": "x"}, {"a": 10}, {"b": 1}, {"a": 1, "b": 2}, {"o": {}, "a": 1}, {"o": {}, "a": "q"}, {"x": "any"},
    {"c": []}, {"c": [{"c": []}]}, {"😀": True}, {"e": "x"}, {"e": {}}, {"*": 1}, "2026-11-29", "a@b.example",
]  # fmt: skip
SCHEMAS: Final[dict[str, Any]] = {
    "string of at most 3": {"allOf": [{"type": "string"}, {"maxLength": 3}]},
    "enum in allOf": {"allOf": [{"enum": ["x", "y"]}]},
    "a field with a default": {
        "$defs": {"E": {"enum": ["x", "y"]}},
        "type": "object",
        "properties": {"e": {"allOf": [{"$ref": "#/$defs/E"}], "default": "x"}},
        "required": ["e"],
    },
    "type list and length": {"type": ["string", "null"], "maxLength": 5},
    "type list and enum": {"type": ["integer", "null"], "enum": [1, 2, None]},
    "reference and length": {"$defs": {"s": {"type": "string"}}, "$ref": "#/$defs/s", "maxLength": 2},
    "allOf and properties": {
        "type": "object", "properties": {"a": {"type": "integer"}}, "allOf": [{"required": ["b"]}],
    },
    "minimum and maximum": {"type": "integer", "minimum": 1, "maximum": 5},
    "exclusive minimum": {"type": "number", "exclusiveMinimum": 1},
    "multiples": {"type": "integer", "multipleOf": 5},
    "digits": {"type": "string", "pattern": r"^\d{3}-\d{4}$"},
    "a or b": {"type": "string", "pattern": "^(a|b)$"},
    "any text": {"type": "string", "pattern": "^.+$"},
    "a backslash": {"type": "string", "pattern": r"^\\$"},
    "pattern and length": {"type": "string", "pattern": "^a+$", "maxLength": 3},
    "a path": {"const": "C:\\temp"},
    "quotes": {"const": 'say "hi"'},
    "line break": {"const": "a\nb"},
    "one backslash": {"enum": ["\\"]},
    "a control character": {"const": "\u001f"},
    "emoji": {"enum": ["😀", "東京"]},
    "emoji as a name": {"type": "object", "properties": {"😀": {"const": True}}, "required": ["😀"]},
    "a tree": {
        "$defs": {"tree_node": {"type": "object", "properties": {
            "c": {"type": "array", "items": {"$ref": "#/$defs/tree_node"}}}, "required": ["c"],
            "additionalProperties": False}},
        "$ref": "#/$defs/tree_node",
    },
    "itself": {"type": "object", "properties": {"c": {"type": "array", "items": {"$ref": "#"}}}},
    "a name that is a rule's elsewhere": {
        "$defs": {"value": {"enum": ["q"]}}, "type": "object",
        "properties": {"o": {"type": "object"}, "a": {"$ref": "#/$defs/value"}}, "required": ["o", "a"],
    },
    "a property of any kind": {"type": "object", "properties": {"x": {"description": "any"}}},
    "items of any kind": {"type": "array", "items": {}},
    "true": {"type": "object", "properties": {"a": True}},
    "only a title": {"title": "T"},
    "only a length": {"maxLength": 3},
    "only required": {"type": "object", "required": ["b"]},
    "additional properties": {
        "type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "string"},
    },
    "a property called *": {"type": "object", "properties": {"*": {"type": "integer"}}, "required": ["*"]},
    "a date": {"type": "string", "format": "date"},
    "counted items": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 1},
    "counted without items": {"type": "array", "minItems": 1},
    "not": {"not": {}},
    "unique items": {"type": "array", "uniqueItems": True},
    "contains": {"type": "array", "contains": {"type": "integer"}},
    "if": {"if": {"type": "string"}, "then": {"minLength": 2}},
    "one of two that overlap": {"oneOf": [{"type": "integer"}, {"type": "number"}]},
    "dependent": {"dependentRequired": {"a": ["b"]}},
    "names": {"propertyNames": {"pattern": "^a"}},
    "nothing": {"enum": []},
    "min over max": {"type": "string", "minLength": 5, "maxLength": 3},
    "number of properties": {"type": "object", "minProperties": 1},
    "min items over max items": {"type": "array", "minItems": 3, "maxItems": 1},
    "items that are any": {"type": "array", "items": True},
    "two names that are alike": {
        "$defs": {"A_b": {"const": 1}, "A-b": {"const": 5}},
        "type": "object", "properties": {"a": {"$ref": "#/$defs/A-b"}, "b": {"$ref": "#/$defs/A_b"}},
        "required": ["a", "b"],
    },
    "a name of a definition and of a property": {
        "$defs": {"a": {"const": 2}},
        "type": "object", "properties": {"a": {"enum": [1]}, "b": {"$ref": "#/$defs/a"}}, "required": ["a", "b"],
    },
    "an unknown format": {"type": "string", "format": "klingon"},
}  # fmt: skip


def refusal_of(schema: Any) -> str:
    """Why a schema is refused; nothing if it is not."""
    try:
        Settings(json_schema=json.dumps(schema))
    except GrammarError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_kept_to_or_refused_by_name(name: str, model: Model, stage: Any) -> None:
    schema = SCHEMAS[name]
    refused = refusal_of(schema)
    if refused:
        assert re.search(r"'\w+'|Unsatisfiable", refused), "the refusal names what cannot be kept to"
        return
    judge = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for value in VALUES:
        text = json.dumps(value, ensure_ascii=False)
        if read(stage("json_schema", json.dumps(schema)), model.vocab, text):
            assert judge.is_valid(value), f"{text} was accepted"


PATTERNS: Final = [
    "^a|b$", "^(a|b)$", "^.+$", "^[^a]+$", '^[^"]+$', r"^a\\b$", '^"a"$',
    r"^\t$", r"^a\nb$", r"^[^\n]*$", r"^\w+$", r"^\S+$",
    r"^(a|b)\/c$", r"^\d{3}-\d{4}$",
    "^[0-9]{3}-[0-9]{4}$", "^[a-z]+-[0-9]{2}$", r"^a\.b$", r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$",
    r"^[^\\]$", r"^[^x\"y]{2}$", r"^[^-\"]+$", r"^[^]\"]+$", r"^\[^\\]$",
    r"^[\x00-!]$", r"^\p{Cc}$", r"^\P{L}$", r"^\\0$",
    r"^[\d]+$", r"^[\w-]+$", r"^\$\d+$", "^(?:ab)+$", r"^\bword\b$", "ab", "^a", "b$",
]  # fmt: skip
SAID: Final = [
    "", "a", "b", "ab", "abab", "ba", "bab", "xb", "a\nb", "\t", "a\\b", '"a"', 'a"b', "a/c", "b/c", "053-2184",
    "053-21845",
    "invalid-32", "a.b", "axb", "127.0.0.1", "12", "w-1", "$5", "word", "東京", "a b", "\n",
]  # fmt: skip


def test_patterns_of_names_are_kept_to_as_well(model: Model, stage: Any) -> None:
    schema = json.dumps({"patternProperties": {'^[^"]+$': {"const": 1}}, "additionalProperties": False})
    assert read(stage("json_schema", schema), model.vocab, '{"ab":1}')
    assert not read(stage("json_schema", schema), model.vocab, r'{"a\"":1}')


def test_a_pattern_may_name_a_script(model: Model, stage: Any) -> None:
    schema = json.dumps({"type": "string", "pattern": r"^\p{Han}+$"})
    assert read(stage("json_schema", schema), model.vocab, '"東京"')
    assert not read(stage("json_schema", schema), model.vocab, '"tokyo"')


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_kept_to_as_python_reads_it_or_refused_with_its_place(
    pattern: str, model: Model, stage: Any
) -> None:
    schema = {"type": "string", "pattern": pattern}
    refused = refusal_of(schema)
    if refused:
        assert "the pattern at #/pattern" in refused
        return
    end = pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern  # Python's own $ lets a line end follow
    for text in SAID:
        fits = read(stage("json_schema", json.dumps(schema)), model.vocab, json.dumps(text, ensure_ascii=False))
        assert fits == bool(re.search(end, text, re.ASCII)), text


@pytest.mark.parametrize(
    "text",
    ["C:\\temp", "a\nb", "tab\there", "\\", "\\d+", "a\rb", "\u001f", "\0", 'say "hi"', 'x\\"y',
     '{"a": 1}', "", "a/b", "é", "東京",
     "\u2028", "[a]", "😀", "𠮷野", "*", "not", "A_b", "x~1y"],
)  # fmt: skip
def test_any_text_can_be_a_constant_a_choice_and_a_name(text: str, model: Model, stage: Any) -> None:
    named = {
        "type": "object", "properties": {text: {"const": 1}}, "required": [text], "additionalProperties": False,
    }  # fmt: skip
    for schema, value in (({"const": text}, text), ({"enum": [text, 5]}, text), (named, {text: 1})):
        for ascii_only in (False, True):
            made = stage("json_schema", json.dumps(schema))
            written = json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))
            if read(made, model.vocab, written):
                break
        else:
            pytest.fail(f"{schema} accepts no way to write {value!r}")
        assert not read(stage("json_schema", json.dumps(schema)), model.vocab, json.dumps("another"))


def test_a_finished_grammar_with_all_its_ends_banned_is_a_dead_end(model: Model) -> None:
    ends = [token for token in range(model.vocab.n_tokens) if model.vocab.is_eog(token)]
    bans = {str(token): "-inf" for token in ends}
    for knobs in ({}, {"temperature": 0}, {"mirostat_mode": 2}, {"adaptive_target": 0.5}, {"top_k": 0}):
        made = Settings.from_mapping({"grammar": 'root ::= "a"', "logit_bias": bans, "seed": 0, **knobs})
        run = model.run("x", made)
        assert (run.text, run.stop_reason) == ("a", "dead_end")
        assert run.completeness is not None
        assert run.completeness.complete


#: What people have reported, each with what the reply may be like.
ASKED: Final[dict[str, Any]] = {
    "one to five": {"type": "integer", "minimum": 1, "maximum": 5},
    "digits": {"type": "string", "pattern": r"^\d{3}-\d{4}$"},
    "string of at most 3": {"allOf": [{"type": "string"}, {"maxLength": 3}]},
    "a text or null": {"type": ["string", "null"], "maxLength": 5},
    "a path": {"const": "C:\\temp"},
    "quotes": {"const": 'say "hi"'},
    "a tab": {"const": "\t"},
    "nothing": {"const": ""},
    "two faces": {"enum": ["😀", "😢"]},
    "two names": {"enum": ["𠮷野", "吉野"]},
    "a long text": {"type": "string", "maxLength": 65_536},
    "a date": {"type": "string", "format": "date"},
    "a tree of pydantic": {
        "$defs": {
            "Tree": {
                "properties": {
                    "name": {"maxLength": 4, "title": "Name", "type": "string"},
                    "children": {"items": {"$ref": "#/$defs/Tree"}, "title": "Children", "type": "array"},
                },
                "required": ["name", "children"],
                "title": "Tree",
                "type": "object",
            }
        },
        "$ref": "#/$defs/Tree",
    },
    "nothing at all": {"not": {}},
    "all different": {"type": "array", "uniqueItems": True},
    "keys in order": {
        "type": "object",
        "properties": {name: {"enum": [1]} for name in ("z", "a", "m")},
        "required": ["z", "a", "m"],
        "additionalProperties": False,
    },
}


@pytest.fixture(scope="module")
def closing(model: Model) -> np.ndarray:
    """What a model that comes to an end likes: marks that close, and the end itself."""
    vocab, liked = model.vocab, np.zeros(model.vocab.n_tokens, np.float32)
    pieces = [(token, vocab.piece(token)) for token in range(vocab.n_tokens)]
    liked[
        [token for token, piece in pieces if piece.strip() in (b'"', b"]", b"}", b'"}', b'"]') or vocab.is_eog(token)]
    ] = 9
    return liked


@pytest.mark.parametrize("name", ASKED)
def test_of_twenty_replies_each_fits_or_the_keyword_is_named(name: str, model: Model, closing: np.ndarray) -> None:
    """The rows are noise: the mask is all that holds a reply to its schema."""
    schema, written = ASKED[name], json.dumps(ASKED[name])
    if name in ("nothing at all", "all different"):
        with pytest.raises(GrammarError, match=r"'(not' at #/not|uniqueItems' at #/uniqueItems)"):
            Settings(json_schema=written)
        return
    judge = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for seed in range(20):
        made = Settings(json_schema=written, min_p=0.0, top_p=1.0)
        chain = Chain.from_settings(made, seed=seed, n_vocab=model.vocab.n_tokens, vocab=model.vocab)
        dice, reply = np.random.default_rng(seed), b""
        for _ in range(300):
            row = dice.normal(0, 2, model.vocab.n_tokens).astype(np.float32) + closing
            token = chain.choose(row).pick.token
            if model.vocab.is_eog(token):
                break
            reply += model.vocab.piece(token)
            chain.accept(token)
        value = json.loads(reply)
        judge.validate(value)
        assert name != "keys in order" or list(value) == ["z", "a", "m"]


@pytest.mark.parametrize("name", ["minimum and maximum", "digits", "a path", "emoji", "type list and enum"])
@pytest.mark.parametrize("seed", range(5))
def test_replies_fit_their_schema(name: str, seed: int, model: Model) -> None:
    run = model.run("Answer:", json_schema=SCHEMAS[name], seed=seed, max_tokens=80, temperature=1.3)
    assert run.stop_reason == "eog"
    jsonschema.validate(json.loads(run.text), SCHEMAS[name])


def test_what_a_schema_says_about_its_own_handling_is_not_heeded() -> None:
    with pytest.raises(GrammarError, match="'not' at #/not"):
        Settings(json_schema='{"type":"string","x-guidance":{"lenient":true},"not":{}}')


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"properties": {"a": {"items": {"uniqueItems": True}}}}, "'uniqueItems' at #/properties/a/items/uniqueItems"),
        ({"properties": {"x/y": {"format": "klingon"}}}, "format 'klingon' at #/properties/x~1y"),
        ({"items": {"pattern": "(?=a)"}}, "pattern at #/items/pattern"),
        ({"properties": {"not": {"not": {}}}}, "'not' at #/properties/not/not"),
        ({"$ref": "https://example.invalid/x"}, "example.invalid"),
        ({"$ref": "#/nowhere"}, "nowhere"),
        ({"type": "objekt"}, "objekt"),
        (
            {"properties": {"a": {"type": "integer", "multipleOf": 9_999_991}}},
            "'multipleOf' at #/properties/a/multiple",
        ),
    ],
)
def test_a_refusal_says_where(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(GrammarError) as caught:
        Settings(json_schema=schema)
    assert said in str(caught.value)


# --- regular expressions


@pytest.mark.parametrize(
    ("expression", "yes", "no"),
    [
        (r"\d{3}-\d{4}", ["053-2184"], ["53-2184", "053-21845"]),
        (r"^\d+$", ["5"], ["", "a"]),
        ("a|b+", ["a", "bbb"], ["ab"]),
        ("a/b", ["a/b"], ["ab"]),
        (r"price: \$", ["price: $"], ["price: "]),
        ("[ぁ-ん]+", ["ひらがな"], ["カナ"]),
        ("(?i)yes|no", ["YES", "No"], ["maybe"]),
        (".", ["x", "猫"], ["\n"]),
        ("one\ntwo/three", ["one\ntwo/three"], ["one two/three"]),
        (r"a\\", ["a\\"], ["a"]),
        ("^$", [""], ["a"]),
    ],
)
def test_the_whole_reply_matches(expression: str, yes: list[str], no: list[str], model: Model, stage: Any) -> None:
    assert [text for text in yes if not read(stage("regex", expression), model.vocab, text)] == []
    assert [text for text in no if read(stage("regex", expression), model.vocab, text)] == []


@pytest.mark.parametrize(
    ("expression", "why"),
    [("(?=a)b", "look-around"), (r"(a)\1", "backreferences"), ("(", "unclosed"), ("a\\", "ends in a backslash")],
)
def test_what_no_automaton_can_follow_is_refused_by_name(expression: str, why: str) -> None:
    with pytest.raises(GrammarError, match=why):
        Settings(regex=expression)


def test_a_run_with_an_expression_matches_it(model: Model) -> None:
    run = model.run("The date is", regex=r"(19|20)\d\d-(0[1-9]|1[0-2])-\d\d", seed=3, max_tokens=40)
    assert re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])-\d\d", run.text)
    assert run.stop_reason == "eog"


# --- the stage itself


def test_a_copy_goes_its_own_way(model: Model, stage: Any) -> None:
    one = stage("grammar", 'root ::= "a" "b" | "c"')
    two = one.clone()
    one.accept(next(token for token in range(1000) if model.vocab.piece(token) == b"c"))
    assert one.complete
    assert not two.complete
    assert read(two, model.vocab, "ab")


def test_completeness_is_known_at_every_token(model: Model, stage: Any) -> None:
    made = stage("grammar", 'root ::= "{}" [ ]*')
    assert not made.complete
    assert read(made, model.vocab, "{}")
    assert made.complete


def test_a_token_that_does_not_fit_leaves_nothing(model: Model, stage: Any) -> None:
    made = stage("grammar", 'root ::= "a"')
    made.accept(next(token for token in range(1000) if model.vocab.piece(token) == b"b"))
    assert not allowed(made, model.vocab.n_tokens).any()


# --- schemas at random

_SCALARS: Final = st.sampled_from(
    [
        {"type": "integer", "minimum": -5, "maximum": 40},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"type": "string", "maxLength": 6},
        {"type": "string", "pattern": "^[a-z]{1,4}$"},
        {"type": "string", "format": "date"},
        {"enum": ["a", 1, None, "猫", "\\", '"']},
        {"const": {"x": ["y\n"]}},
        {"type": ["string", "integer"], "maxLength": 3, "maximum": 9},
        {"not": {"type": "string"}},
        {"type": "integer", "multipleOf": 7},
    ]
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "b", "not", "*", "値", "x/y", "A_b", "A-b"])

    def made(properties: dict[str, Any], required: int, closed: bool) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties)[:required],
            **({"additionalProperties": False} if closed else {}),
        }

    return st.builds(made, st.dictionaries(names, inner, max_size=3), st.integers(0, 3), st.booleans())


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    counted = st.sampled_from([{}, {"minItems": 1, "maxItems": 2}, {"maxItems": 3}, {"uniqueItems": True}])
    return st.one_of(
        _objects(inner),
        st.builds(lambda items, count: {"type": "array", "items": items, **count}, inner, counted),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"allOf": parts}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda part: {"$defs": {"value": part}, "$ref": "#/$defs/value"}, inner),
    )


@given(schema=st.recursive(_SCALARS, _nested, max_leaves=5), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_schema_is_not_refused_by_name_is_kept_to(schema: dict[str, Any], seed: int, model: Model) -> None:
    root = schema if "$ref" in schema or "type" in schema else {"title": "root", **schema}
    try:
        made = Settings(json_schema=json.dumps(root), seed=seed, max_tokens=60, temperature=2, top_k=200)
    except GrammarError as error:
        assume(not re.search(r"'(not|uniqueItems|oneOf)' at #|Unsatisfiable|nowhere|does not exist", str(error)))
        raise
    run = model.run("JSON:", made)
    if run.stop_reason == "eog":
        judge = jsonschema.Draft202012Validator(root, format_checker=jsonschema.FormatChecker())
        judge.validate(json.loads(run.text))
    else:
        assert run.stop_reason in ("length", "dead_end"), "a schema that refers to nothing but itself has no values"
