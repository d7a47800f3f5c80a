"""What holds of every grammar and expression, and of the size of any constraint: the kinds of which test_constraint.py
has the cases.
"""

from __future__ import annotations

import random
import re
from typing import Any, Final

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.support.constrained import CHARACTERS, EXPRESSIONS, SAID, examples, has_tokens, made, said
from tests.support.masks import read, wander

from tsumami.errors import GrammarError
from tsumami.model import Model
from tsumami.native import Vocab
from tsumami.settings import Settings


@pytest.fixture(scope="module")
def vocab(model: Model) -> Vocab:
    return model.vocab


# --- characters and expressions


@given(point=st.characters(codec="utf-8").map(ord) | CHARACTERS.map(ord) | st.integers(0x80, 0x2FFF))
@examples(50)
def test_any_character_of_a_grammar_is_itself_however_it_is_written(point: int, vocab: Vocab) -> None:
    character = chr(point)
    assume(has_tokens(vocab, character))
    assume(point)  # no token of a reply begins with a null character
    written = [f"\\U{point:08x}"]
    written += [f"\\u{point:04X}"] if point < 0x10000 else []
    written += [f"\\x{point:02x}"] if point < 0x100 else []
    written += [f"\\{character}" if character in '\\"[]' else character]
    for one in written:
        for grammar in (f'root ::= "{one}"', f"root ::= [{one}]", f"root ::= [{one}-{one}]+", f"root ::= [^{one}]"):
            other = grammar.startswith("root ::= [^")
            assert read(made(vocab, "grammar", grammar), vocab, character) is not other, grammar
            assert read(made(vocab, "grammar", grammar), vocab, "q" if point != ord("q") else "z") is other, grammar


@given(
    point=st.integers(0xD800, 0xDFFF) | st.integers(0x110000, 0xFFFFFFFF),
    shape=st.sampled_from(['"a{}"', "[{}]", "[a-{}]", "[^{}b]"]),
)
def test_what_is_no_character_is_refused_wherever_a_grammar_names_it(point: int, shape: str) -> None:
    escape = f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
    with pytest.raises(GrammarError, match="is no character"):
        Settings(grammar=f'x ::= "x"\nroot ::= x {shape.format(escape)}')


@given(expression=EXPRESSIONS, said=st.lists(SAID, max_size=4), seed=st.integers(0, 99))
@examples(120)
def test_an_expression_means_what_it_means_to_python(expression: str, said: list[str], seed: int, vocab: Vocab) -> None:
    judge = re.compile(expression)
    for text in said:
        fits = read(made(vocab, "regex", expression), vocab, text)
        assert fits == (judge.fullmatch(text) is not None), text
    reply = wander(made(vocab, "regex", expression), vocab, random.Random(seed), 20)
    assert reply is None or judge.fullmatch(reply.decode())


# --- size

#: How much of something, as people and attackers write it.
COUNTS: Final = st.integers(0, 40).map(lambda power: round(1.9**power)) | st.sampled_from([0, 2**31, 2**63, 10**30])
LIMITED: Final[dict[str, tuple[str, str]]] = {
    "maxLength": ("json_schema", '{"type":"string","maxLength":%d}'),
    "minLength": ("json_schema", '{"type":"string","minLength":%d}'),
    "pattern and maxLength": ("json_schema", '{"type":"string","pattern":"^a+$","maxLength":%d}'),
    "maxItems": ("json_schema", '{"type":"array","items":{"type":"integer"},"maxItems":%d}'),
    "minItems": ("json_schema", '{"type":"array","items":{"type":"string","maxLength":9},"minItems":%d}'),
    "maxProperties": ("json_schema", '{"type":"object","maxProperties":%d}'),
    "minProperties": ("json_schema", '{"type":"object","minProperties":%d}'),
    "minimum": ("json_schema", '{"type":"integer","minimum":%d}'),
    "multipleOf": ("json_schema", '{"type":"integer","multipleOf":%d}'),
    "repeats in a pattern": ("json_schema", '{"type":"string","pattern":"^(ab){%d}$"}'),
    "repeats in an expression": ("regex", "(?:ab|c){%d}"),
    "repeats at most": ("regex", "a(?:b?c){0,%d}d"),
    "repeats in a grammar": ("grammar", 'root ::= ("a" | x){0,%d} "b"\nx ::= "c" x | "d"'),
    "repeats of repeats": ("grammar", 'root ::= ("a"{2,%d} "b"?){3}'),
    "a token": ("grammar", "root ::= <[%d]>"),
}


@pytest.mark.parametrize("name", LIMITED)
@examples(15)
@given(count=COUNTS)
def test_any_number_works_or_is_refused_in_few_words(name: str, count: int, model: Model) -> None:
    knob, text = LIMITED[name]
    assert len(said(model, knob, text % count)) < 400


#: What can stand in itself: before and behind what it holds.
HOLDERS: Final[dict[str, list[tuple[str, str]]]] = {
    "grammar": [("(", ")"), ('("a" ', ")"), ('("a" | ', ")"), ("(", ")*"), ("(", ')? "b"'), ("((", "))+")],
    "regex": [("(", ")"), ("(?:a", ")"), ("(?:", "|b)"), ("(?:", ")*"), ("(", "b)?"), ("(?i:", ")")],
    "json_schema": [
        ('{"items":', "}"), ('{"anyOf":[', "]}"), ('{"allOf":[', ',{"type":"string"}]}'), ('{"properties":{"a":', "}}"),
        ('{"not":', "}"), ('{"prefixItems":[', "]}"), ('{"additionalProperties":', "}"), ('{"$defs":{"a":', "}}"),
        ('{"const":[', "]}"),
    ],
}  # fmt: skip
CORES: Final = {"grammar": '"a"', "regex": "a", "json_schema": "{}"}


NESTED: Final = st.sampled_from(sorted(HOLDERS)).flatmap(
    lambda knob: st.tuples(st.just(knob), st.lists(st.sampled_from(HOLDERS[knob]), min_size=1, max_size=3))
)


@given(nested=NESTED, depth=st.sampled_from([3, 40, 300, 1500, 4000, 9000, 30_000, 90_000]), whole=st.booleans())
@example(nested=("grammar", [("(", ")*")]), depth=4_000, whole=True)
@example(nested=("grammar", [("(", ")*")]), depth=60_000, whole=True)
@example(nested=("grammar", [("(", ")")]), depth=90_000, whole=True)
@example(nested=("json_schema", [('{"items":', "}")]), depth=1500, whole=True)
@examples(75)
def test_no_depth_takes_the_process_down(
    nested: tuple[str, list[tuple[str, str]]], depth: int, whole: bool, model: Model
) -> None:
    """Nested in each other in turn; `whole`: or broken off in the middle."""
    knob, holders = nested
    turns = [holders[at % len(holders)] for at in range(depth)]
    text = "".join(before for before, _ in turns) + CORES[knob]
    text += "".join(behind for _, behind in reversed(turns)) if whole else ""
    text = f"root ::= {text}" if knob == "grammar" else text
    assert len(said(model, knob, text)) < 400


# --- the end

WORDS: Final = st.lists(st.text("abcぁ", min_size=1, max_size=4), min_size=1, max_size=4, unique=True)


@given(
    words=WORDS,
    knobs=st.sampled_from([{}, {"temperature": 0}, {"mirostat_mode": 1}, {"mirostat_mode": 2}, {"top_k": 0},
                           {"adaptive_target": 0.5}, {"samplers": ("temperature",)}]),
    seed=st.integers(0, 99),
)  # fmt: skip
@examples(20)
def test_a_finished_grammar_whose_ends_are_all_banned_is_a_complete_dead_end(
    words: list[str], knobs: dict[str, Any], seed: int, model: Model
) -> None:
    ends = [token for token in range(model.vocab.n_tokens) if model.vocab.is_eog(token)]
    grammar = "root ::= " + " | ".join(f'"{word}"' for word in words)
    bans = {str(token): "-inf" for token in ends}
    run = model.run("x", Settings.from_mapping({"grammar": grammar, "logit_bias": bans, "seed": seed, **knobs}))
    assert run.text in words
    assert run.stop_reason == "dead_end"
    assert run.completeness is not None
    assert run.completeness.complete
