"""The knob table is complete, consistent and strict."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.strategies import knob_values

from tsumami.errors import GrammarError, SettingsError, UnknownKnobError
from tsumami.knobs import (
    ALIASES,
    CLASSIC,
    CLASSIC_KNOBS,
    GROUPS,
    KNOBS,
    LLAMA_CPP,
    Knob,
    default,
    en,
    get,
    ja,
    named,
)
from tsumami.knobs.stages import ROWS
from tsumami.knobs.values import FLOAT32_MAX, INT32_MAX

ALL = [pytest.param(knob, id=name) for name, knob in KNOBS.items()]
NUMBERS = [pytest.param(knob, id=name) for name, knob in KNOBS.items() if knob.kind in ("int", "float", "choice")]
STAGE_NAMES = {*ROWS, "draw", "order", "loop", "prompt"}


def test_the_classic_fourteen_come_first_in_the_order_of_the_field() -> None:
    expected = (
        "max_tokens temperature top_p min_p typical_p frequency_penalty presence_penalty repeat_penalty top_k seed"
        " tfs_z mirostat_mode mirostat_tau mirostat_eta"
    )
    assert tuple(expected.split()) == CLASSIC_KNOBS == tuple(KNOBS)[:14]


def test_the_words_have_the_keys_of_the_table_in_its_order() -> None:
    assert list(ja.WORDS) == list(en.WORDS) == list(KNOBS)


@pytest.mark.parametrize("knob", ALL)
def test_every_text_is_there_and_in_its_language(knob: Knob) -> None:
    for text in (knob.label_ja, knob.line_ja, knob.paragraph_ja, knob.label_en, knob.line_en, knob.paragraph_en):
        assert text == text.strip() != ""
    assert re.search(r"[ぁ-ん一-龥]", knob.line_ja)
    assert len(knob.line_ja) < 60
    assert len(knob.line_en) < 120
    assert len(knob.paragraph_ja) > 100
    assert len(knob.paragraph_en) > 200
    assert not re.search(r"[ぁ-ん]", knob.line_en + knob.label_en)


@pytest.mark.parametrize("knob", ALL)
def test_every_knob_has_a_known_group_and_stage(knob: Knob) -> None:
    assert knob.group in GROUPS
    assert knob.stage in STAGE_NAMES or (knob.stage is None and knob.name in ("min_keep", "thinking_settings"))


def test_every_group_is_used_and_titled() -> None:
    assert {knob.group for knob in KNOBS.values()} == set(GROUPS)
    assert all(title for group in GROUPS.values() for title in group)


def test_every_stage_of_the_chain_has_a_formula_and_a_paper() -> None:
    for stage in (*ROWS, "draw"):
        knobs = [knob for knob in KNOBS.values() if knob.stage == stage]
        assert any(knob.formula for knob in knobs), stage
        assert any(knob.paper for knob in knobs), stage


@pytest.mark.parametrize("knob", ALL)
def test_default_and_neutral_are_valid_and_in_the_form_that_is_kept(knob: Knob) -> None:
    for value in (knob.default, knob.neutral):
        if value is not None:
            checked = knob.validate(value)
            assert checked == value
            assert type(checked) is type(value)


@pytest.mark.parametrize("knob", NUMBERS)
def test_a_slider_stays_inside_the_valid_range(knob: Knob) -> None:
    slider = knob.slider_for(4096)
    if slider is None:
        assert knob.choices
        return
    assert slider.high is not None
    assert slider.low < slider.high
    assert 0 < slider.step <= slider.high - slider.low
    for value in (slider.low, slider.high, slider.low + slider.step):
        knob.validate(value)
    assert slider.low <= knob.default <= slider.high


def test_the_slider_of_max_tokens_leaves_room_for_a_prompt() -> None:
    slider = get("max_tokens").slider_for(4096)
    assert slider is not None
    assert slider.high == 4096 - 256


@pytest.mark.parametrize("knob", ALL)
@given(data=st.data())
def test_what_the_strategies_call_valid_is_valid_and_checks_to_itself(knob: Knob, data: st.DataObject) -> None:
    value = knob.validate(data.draw(knob_values(knob.name, handy=False)))
    assert knob.validate(value) == value
    hash(value)


@pytest.mark.parametrize("knob", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, False, "1", None, [1], 1j, 10**400])
def test_no_number_knob_takes_what_is_no_number(knob: Knob, value: object) -> None:
    with pytest.raises(SettingsError, match=knob.name):
        knob.validate(value)


@pytest.mark.parametrize("knob", NUMBERS)
def test_just_outside_the_range_is_refused_with_name_value_and_range(knob: Knob) -> None:
    outside = []
    if knob.low is not None:
        outside.append(knob.low if knob.low_open else math.nextafter(knob.low, -math.inf))
    if knob.high is not None:
        outside.append(math.nextafter(knob.high, math.inf))
    for bound in outside:
        value = bound if knob.kind == "float" else math.floor(bound) if bound < 0 else math.ceil(bound)
        with pytest.raises(SettingsError) as caught:
            knob.validate(value)
        message = str(caught.value)
        assert knob.name in message
        assert repr(value) in message or repr(float(value)) in message
        assert knob.allowed in message
        assert knob.reason in message


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("repeat_penalty", 0, "divided by it"),
        ("temperature", -0.5, "greedy"),
        ("temperature", 1e-40, "float32"),
        ("seed", 0xFFFFFFFF, "random"),
        ("top_k", -1, "0 already keeps every token"),
        ("top_n_sigma", -1, "0 already switches it off"),
        ("top_k", 2.5, "whole number"),
        ("mirostat_mode", 3, "one of 0, 1, 2"),
        ("penalize_prompt", 1, "true or false"),
        ("mirostat_tau", FLOAT32_MAX * 2, "float32"),
        ("stop", [""], "empty text"),
        ("stop", ["ok", 3], "3 is a int"),
        ("stop", ["\ud800"], "Unicode"),
        ("dry_sequence_breakers", ["。" * 14], "42 bytes"),
        ("dry_sequence_breakers", ["a\0b"], "null"),
        ("logit_bias", {1: math.inf}, "-inf to ban"),
        ("logit_bias", {1: math.nan}, "not a number"),
        ("logit_bias", {-1: 0.0}, "0 to 2147483647"),
        ("logit_bias", {"x": 0.0}, "token id"),
        ("logit_bias", [(1, 0.0), (1, 2.0)], "twice"),
        ("logit_bias", [7], "not a pair"),
        ("logit_bias", 7, "mapping"),
        ("samplers", ["typical_p"], "nearest: typ_p"),
        ("samplers", ["top_k", "top_k"], "twice"),
        ("samplers", "", "no stage"),
        ("samplers", 3, "'classic', 'llama.cpp'"),
        ("grammar", 3, "GBNF"),
    ],
)
def test_a_message_says_what_is_wrong(name: str, value: object, words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(name)) as caught:
        get(name).validate(value)
    assert words in str(caught.value)


@pytest.mark.parametrize("value", ["{", "[1]", "true", '{"a": NaN}', {"a": math.nan}, {"a": {1, 2}}, 3])
def test_a_schema_that_is_no_json_object_is_a_grammar_error(value: object) -> None:
    with pytest.raises(GrammarError, match="json_schema"):
        get("json_schema").validate(value)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("top_k", 40.0, 40),
        ("temperature", 1, 1.0),
        ("temperature", Fraction(1, 2), 0.5),
        ("frequency_penalty", -0.0, 0.0),
        ("top_k", INT32_MAX, INT32_MAX),
        ("seed", 2**32 - 2, 2**32 - 2),
        ("stop", "\n", ("\n",)),
        ("stop", ["a", "b"], ("a", "b")),
        ("dry_sequence_breakers", [], ()),
        ("logit_bias", {"12": "-inf", 3: 1}, ((3, 1.0), (12, -math.inf))),
        ("logit_bias", [[5, 2]], ((5, 2.0),)),
        ("grammar", "  \n", None),
        ("json_schema", "", None),
        ("json_schema", {"b": 1, "a": "つまみ"}, '{"b":1,"a":"つまみ"}'),
        ("json_schema", ' { "type" : "object" } ', '{"type":"object"}'),
        ("samplers", list(CLASSIC), "classic"),
        ("samplers", LLAMA_CPP, "llama.cpp"),
        ("samplers", "top_k; temperature", ("top_k", "temperature")),
        ("samplers", "none", ()),
        ("samplers", [], ()),
    ],
)
def test_other_spellings_of_a_value_are_kept_in_one_form(name: str, value: object, kept: Any) -> None:
    checked = get(name).validate(value)
    assert checked == kept
    assert type(checked) is type(kept)
    assert str(checked) == str(kept)


@pytest.mark.parametrize(
    ("wrong", "near"), [("temprature", "temperature"), ("topk", "top_k"), ("rep_penalty", "repeat_penalty")]
)
def test_an_unknown_knob_names_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UnknownKnobError, match=rf"'{wrong}'.*{near}"):
        get(wrong)


@pytest.mark.parametrize("wrong", [3, None, b"top_k", ("top_k",), 1.5, "x" * 100_000, ["top_k"]])
def test_what_is_no_name_is_no_knob_either(wrong: Any) -> None:
    with pytest.raises(UnknownKnobError) as refused:
        get(wrong)
    assert len(str(refused.value)) < 1000


def test_an_unknown_knob_without_neighbours_names_them_all() -> None:
    with pytest.raises(UnknownKnobError, match=r"max_tokens.*samplers"):
        default("zzzzzz")


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        KNOBS["top_k"] = KNOBS["top_p"]  # type: ignore[index]  # the point of the test
    with pytest.raises(AttributeError):
        KNOBS["top_k"].default = 1  # type: ignore[misc]  # the point of the test
    assert hash(KNOBS["top_k"]) == hash(get("top_k"))


def test_the_table_loads_without_the_heavy_packages() -> None:
    code = "import sys, tsumami.settings, tsumami.presets; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"numpy", "pydantic", "llama_cpp", "gradio"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("n_predict", "max_tokens"), ("num_predict", "max_tokens"), ("max_new_tokens", "max_tokens"),
        ("temp", "temperature"), ("repetition_penalty", "repeat_penalty"), ("typical", "typical_p"),
        ("tfs", "tfs_z"), ("mirostat", "mirostat_mode"), ("mirostat_ent", "mirostat_tau"),
        ("last_n_tokens_size", "repeat_last_n"), ("dynatemp_exp", "dynatemp_exponent"),
        ("dry_sequence_breaker", "dry_sequence_breakers"), ("reverse_prompt", "stop"),
        ("min_tokens_to_keep", "min_keep"), ("stop_strings", "stop"), ("max_completion_tokens", "max_tokens"),
    ],
)  # fmt: skip
def test_a_knob_answers_to_its_name_in_other_programs(alias: str, name: str) -> None:
    assert get(alias).name == name


def test_no_alias_is_ambiguous_and_none_means_other_values() -> None:
    for alias, name in ALIASES.items():
        owners = {
            knob.name
            for knob in KNOBS.values()
            for text in knob.aliases.values()
            if alias in re.split(r"[^a-z_]+", text.replace("-", "_").replace("__", ""))
        }
        assert owners == {name}, alias
        assert alias not in KNOBS
    assert not {"response_format", "format", "until", "removed", "ignored", "structured_outputs"} & set(ALIASES)


def test_all_names_that_are_no_knobs_are_in_one_message() -> None:
    with pytest.raises(UnknownKnobError) as refused:
        named({"temp": 1, "rep_pen": 1.1, "topp": 0.9, "do_sample": True, "top_k": 4})
    said = str(refused.value)
    assert all(repr(name) in said for name in ("rep_pen", "topp", "do_sample"))
    assert "'topp' (nearest: top_p)" in said
    assert "'temp'" not in said


@given(
    names=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), min_size=1, max_size=5, unique=True),
    known=st.lists(st.sampled_from(["temp", "top_k", "n_predict", "repeat_penalty"]), unique=True),
)
def test_whatever_is_no_knob_is_named_the_first_time(names: list[str], known: list[str]) -> None:
    unknown = [name for name in names if not is_known(name)]
    assume(unknown)
    with pytest.raises(UnknownKnobError) as refused:
        named(dict.fromkeys([*unknown, *known], 1))
    for name in unknown:
        assert repr(name) in str(refused.value)


def test_a_file_of_strange_names_is_refused_in_few_words_and_soon() -> None:
    began = time.thread_time()
    with pytest.raises(UnknownKnobError, match=r"'temperatur0' .nearest: temperature.*and 49,980 more") as refused:
        named({f"temperatur{number}": 1 for number in range(50_000)})
    assert time.thread_time() - began < 1.0, "of the processor's time it took 15 s"
    assert len(str(refused.value)) < 1500


def is_known(name: str) -> bool:
    """Whether a name is a knob's, here or in another program."""
    try:
        named({name: 1})
    except UnknownKnobError:
        return False
    return True


def test_one_knob_under_two_names_is_refused() -> None:
    with pytest.raises(SettingsError, match="temperature and temp are both temperature"):
        named({"temperature": 1, "temp": 0.5})
