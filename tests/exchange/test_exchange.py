"""Settings from other programs and to them: a file means here what it means there, and what cannot be is said."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.strategies import settings_strategy

from tsumami.errors import SettingsError
from tsumami.exchange import DIALECTS, FATES, Imported, Note, dialect_for, read_settings, recommended, write_settings
from tsumami.exchange.dialect import ALL
from tsumami.knobs import KNOBS
from tsumami.knobs.orders import STAGES, resolve
from tsumami.settings import Settings


def fates(notes: tuple[Note, ...], name: str) -> set[str]:
    """What became of a name."""
    return {note.fate for note in notes if name in (note.foreign, note.knob)}


def acting(settings: Settings) -> tuple[str, ...]:
    """The stages that are not neutral, in their order."""
    return tuple(stage for stage in resolve(settings.samplers) if acts(settings, stage))


def acts(settings: Settings, stage: str | None) -> bool:
    if stage in STAGES and stage not in resolve(settings.samplers):
        return False
    switches = [k for k in KNOBS.values() if k.stage == stage and k.neutral is not None and "last_n" not in k.name]
    return any(getattr(settings, knob.name) != knob.neutral for knob in switches)


# --- there and back ---


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=20)
@given(data=st.data())
def test_what_comes_back_is_what_went_but_for_what_the_report_names(dialect: str, data: st.DataObject) -> None:
    made = data.draw(settings_strategy(grammar=True, contrastive=True))
    out = write_settings(made, dialect)
    back = read_settings(out.text, dialect)
    named = {note.knob for note in (*out.notes, *back.notes) if note.fate not in ("taken", "order", "assumed")}
    for name, knob in KNOBS.items():
        before, after = getattr(made, name), getattr(back.settings, name)
        if name == "samplers" or name in named or before == after:
            continue
        idle = knob.stage in STAGES and not acts(made, knob.stage)
        assert idle or name in made.idle_knobs(), (name, before, after, out.text)
    if "samplers" not in named and not named & {knob.name for knob in KNOBS.values() if knob.stage in STAGES}:
        assert acting(back.settings) == acting(made)


@given(settings_strategy(grammar=True))
def test_our_own_files_come_back_whole(made: Settings) -> None:
    assert read_settings(write_settings(made, "tsumami").text, "tsumami").settings == made


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_written_is_recognised(dialect: str) -> None:
    made = Settings(temperature=0.7, top_k=20, seed=5, stop=("###",), repeat_penalty=1.2)
    found = read_settings(write_settings(made, dialect).text)
    assert dialect in (found.dialect, *found.possible)


def test_every_note_says_something_in_both_languages() -> None:
    for dialect in DIALECTS:
        made = Settings(temperature=5, top_p=0.5, xtc_probability=0.5, dynatemp_range=1, presence_penalty=5, min_keep=3)
        out = write_settings(made, dialect)
        for note in (*out.notes, *read_settings(out.text, dialect).notes):
            assert note.fate in FATES
            assert note.told("ja")
            assert note.told("en")
            assert bool(note.words.ja) == bool(note.words.en)
            json.dumps(note.to_dict())


# --- the traps ---


def settings_of(values: Any, dialect: str) -> Imported:
    return read_settings(json.dumps(values), dialect)


def test_transformers_without_do_sample_is_greedy() -> None:
    found = settings_of({"temperature": 0.3, "top_p": 0.95, "transformers_version": "4.31.0"}, "transformers")
    assert found.settings.mode == "greedy"
    assert fates(found.notes, "do_sample") == {"converted"}
    assert settings_of({"temperature": 0.3, "do_sample": True}, "transformers").settings.temperature == 0.3
    assert settings_of({"penalty_alpha": 0.6, "top_k": 4}, "transformers").settings.mode == "contrastive"
    assert settings_of({"penalty_alpha": 0.6, "do_sample": True}, "transformers").settings.mode == "sample"
    written = json.loads(write_settings(Settings(temperature=0), "transformers").text)
    assert written["do_sample"] is False
    assert "temperature" not in written


def test_what_a_file_leaves_out_holds_as_its_program_has_it() -> None:
    found = settings_of({"do_sample": True}, "transformers")
    assert (found.settings.top_k, found.settings.min_p, found.settings.repeat_penalty) == (50, 0.0, 1.0)
    assert fates(found.notes, "top_k") == {"assumed"}
    found = read_settings("FROM llama3\nPARAMETER temperature 0.7\n")
    assert (found.settings.top_p, found.settings.repeat_penalty, found.settings.max_tokens) == (0.9, 1.0, 0)


def test_sillytavern_gives_epsilon_and_eta_in_ten_thousandths_and_breakers_as_json_in_a_text() -> None:
    values = {"temp": 1, "epsilon_cutoff": 3, "dry_sequence_breakers": '["\\n", "###"]', "rep_pen": 1.2}
    found = settings_of(values, "sillytavern")
    assert found.settings.dry_sequence_breakers == ("\n", "###")
    if "epsilon_cutoff" in KNOBS:
        assert found.settings.epsilon_cutoff == pytest.approx(3e-4)  # type: ignore[attr-defined]
    else:
        assert fates(found.notes, "epsilon_cutoff") == {"lost"}


def test_sillytaverns_order_is_sampler_priority_with_temperature_last() -> None:
    values = {
        "temp": 1,
        "rep_pen": 1.2,
        "temperature_last": True,
        "sampler_priority": ["temperature", "top_k", "min_p"],
    }
    order = settings_of(values, "sillytavern").settings.samplers
    assert order == ("penalties", *order[1:])
    assert order[-3:] == ("top_k", "min_p", "temperature")
    values["temperature_last"] = False
    assert settings_of(values, "sillytavern").settings.samplers[-3:] == ("temperature", "top_k", "min_p")


def test_koboldcpps_order_is_numbers_dry_stands_first_and_xtc_last() -> None:
    order = settings_of({"sampler_order": [6, 0, 1, 3, 4, 2, 5]}, "koboldcpp").settings.samplers
    assert [stage for stage in order if stage != "top_a"] == [
        "dry", "penalties", "top_k", "tfs_z", "typ_p", "top_p", "min_p", "temperature", "xtc",
    ]  # fmt: skip
    assert settings_of({"rep_pen": 1.1, "rep_pen_range": 0}, "koboldcpp").settings.repeat_last_n == 1
    assert fates(settings_of({"rep_pen": 1.1, "rep_pen_slope": 0.7}, "koboldcpp").notes, "rep_pen_slope") >= {"lost"}


def test_llama_server_refuses_a_window_of_minus_one_and_limits_top_p() -> None:
    found = settings_of({"n_predict": -1, "repeat_last_n": -1, "top_p": 1.5, "top_n_sigma": -1}, "llama-server")
    assert fates(found.notes, "repeat_last_n") == {"refused"}
    assert found.settings.repeat_last_n == 64
    assert fates(found.notes, "top_p") == {"limited"}
    assert (found.settings.top_p, found.settings.top_n_sigma, found.settings.max_tokens) == (1.0, 0.0, 0)
    assert found.settings.dry_penalty_last_n == ALL


def test_llama_servers_orders_are_names_letters_or_a_list() -> None:
    for written in ("top_k;temperature", "kt", ["top_k", "temperature"]):
        assert settings_of({"samplers": written}, "llama-server").settings.samplers == ("top_k", "temperature")


def test_props_and_generation_settings_are_unwrapped() -> None:
    inner = {"temperature": 0.3, "top_k": 7, "n_predict": 5, "cache_prompt": True}
    for form in (inner, {"generation_settings": inner}, {"default_generation_settings": {"params": inner}}):
        assert settings_of(form, "llama-server").settings.top_k == 7


def test_lm_studios_unchecked_values_are_off() -> None:
    fields = [
        {"key": "llm.prediction.topPSampling", "value": {"checked": False, "value": 0.5}},
        {"key": "llm.prediction.minPSampling", "value": {"checked": True, "value": 0.2}},
        {"key": "llm.prediction.temperature", "value": 0.4},
        {"key": "llm.prediction.maxPredictedTokens", "value": {"checked": False, "value": 100}},
    ]
    found = read_settings(json.dumps({"name": "x", "operation": {"fields": fields}}))
    assert found.dialect == "lm-studio"
    assert (found.settings.top_p, found.settings.min_p, found.settings.max_tokens) == (1.0, 0.2, 0)


def test_modelfiles_have_texts_in_three_quotation_marks_and_comments() -> None:
    text = '''FROM x
# PARAMETER temperature 9
SYSTEM """
PARAMETER top_k 1
"""
PARAMETER stop "a b"
parameter stop """x
y"""
PARAMETER mirostat 2
PARAMETER temperature 0.2'''
    found = read_settings(text)
    assert found.dialect == "ollama-modelfile"
    assert (found.settings.temperature, found.settings.top_k) == (0.2, 40)
    assert found.settings.stop == ("a b", "x\ny")
    assert found.settings.mirostat_mode == 0
    assert fates(found.notes, "mirostat") == {"ignored"}


def test_an_ini_preset_has_sections_and_a_section_for_all() -> None:
    text = "version = 1\n[*]\ntemp = 0.3\n[a]\ntop-k = 7\nmodel = x.gguf\n[b]\ntop_k = 9\n"
    with pytest.raises(SettingsError, match="several presets: name one of a, b"):
        read_settings(text)
    for name, k in (("a", 7), ("b", 9)):
        found = read_settings(text, preset=name)
        assert (found.dialect, found.settings.temperature, found.settings.top_k) == ("llama-ini", 0.3, k)
    with pytest.raises(SettingsError, match="no preset 'c'"):
        read_settings(text, preset="c")


def test_a_command_line_is_read_and_not_run() -> None:
    text = "llama-cli -m x.gguf --temp 0.5 --top-k=7 \
 --logit-bias 15043+1.5 -r '###' -r END"
    text += " --samplers 'top_k;temperature'"
    found = read_settings(text)
    assert found.dialect == "llama-cli"
    assert (found.settings.temperature, found.settings.top_k) == (0.5, 7)
    assert found.settings.logit_bias == ((15043, 1.5),)
    assert found.settings.stop == ("###", "END")
    assert found.settings.samplers == ("top_k", "temperature")


def test_openai_counts_what_was_generated_and_takes_schemas() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    body = {
        "messages": [],
        "presence_penalty": 1,
        "response_format": {"type": "json_schema", "json_schema": {"schema": schema}},
    }
    found = read_settings(json.dumps(body))
    assert found.dialect == "openai"
    assert found.settings.penalize_prompt is False
    assert found.settings.repeat_last_n == ALL
    assert json.loads(found.settings.json_schema or "") == schema
    assert (
        settings_of({"structured_outputs": {"choice": ["a", "b"]}}, "vllm").settings.json_schema == '{"enum":["a","b"]}'
    )
    assert settings_of({"structured_outputs": {"regex": "a+"}}, "vllm").settings.regex == "a+"


def test_a_ggufs_own_settings_are_found_among_its_metadata() -> None:
    metadata = {"general.architecture": "llama", "general.sampling.temp": 0.6, "general.sampling.top_k": 20}
    found = read_settings(json.dumps(metadata))
    assert (found.dialect, found.settings.temperature, found.settings.top_k) == ("gguf", 0.6, 20)


def test_what_a_model_recommends_is_what_its_file_names() -> None:
    found = recommended({"general.architecture": "llama", "general.sampling.temp": 0.5, "general.sampling.top_k": 20})
    assert found is not None
    assert found.named == {"temperature": 0.5, "top_k": 20}
    assert recommended({"general.architecture": "llama"}) is None


# --- nothing without a word ---


def test_every_name_of_a_file_has_its_note() -> None:
    for dialect, one in DIALECTS.items():
        if one.form != "json":
            continue
        values = {"temperature": 0.5, "temp": 0.5, "nonsense": 3, "model": "x"}
        wrapped = one.wrap(values) if one.name in ("ollama", "gguf") else values
        if one.unwrap(wrapped) is None:
            continue
        told = {note.foreign for note in read_settings(json.dumps(wrapped), dialect).notes}
        assert set(values) <= told, dialect


def test_what_is_equally_likely_is_said_and_a_value_that_cannot_be_is_refused() -> None:
    found = read_settings('{"temperature": 0.5, "top_p": 0.9}')
    assert found.dialect == "tsumami"
    assert {"llama-server", "openai", "transformers", "vllm", "ollama"} <= set(found.possible)
    found = settings_of({"temperature": "warm", "top_k": 5}, "ollama")
    assert fates(found.notes, "temperature") == {"refused"}
    assert (found.settings.temperature, found.settings.top_k) == (0.8, 5)


@pytest.mark.parametrize("text", ["", "hello", "[1, 2]", "{", '{"a": 1}', "- 1\n- 2", "{" * 100_000, "a: &a [*a]"])
def test_what_is_no_settings_is_said(text: str) -> None:
    with pytest.raises(SettingsError):
        read_settings(text)


@settings(max_examples=40)
@given(st.text(max_size=300))
def test_any_text_is_settings_or_an_error(text: str) -> None:
    try:
        found = read_settings(text)
    except SettingsError:
        return
    assert isinstance(found.settings, Settings)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("dialect", [name for name, one in DIALECTS.items() if one.form == "json"])
@settings(max_examples=40)
@given(data=st.data())
def test_whatever_stands_in_a_field_is_taken_or_refused(dialect: str, data: st.DataObject) -> None:
    one = DIALECTS[dialect]
    names = [field.name for field in one.fields] + list(one.elsewhere) + ([one.order.name] if one.order else [])
    values = data.draw(st.dictionaries(st.sampled_from(names), _JSON, max_size=6))
    try:
        found = read_settings(json.dumps(one.wrap(values)), dialect)
    except SettingsError:
        return
    assert isinstance(found.settings, Settings)


def test_files_are_written_in_the_dialect_of_their_name() -> None:
    assert dialect_for("my.yaml") == "text-generation-webui"
    assert dialect_for("Modelfile") == "ollama-modelfile"
    assert dialect_for("preset.ini") == "llama-ini"
    assert dialect_for("a.json") == "tsumami"
    with pytest.raises(SettingsError, match="no dialect"):
        write_settings(Settings(), "nonsense")


# --- thinking ---


@pytest.mark.parametrize("dialect", ["llama-server", "vllm"])
@pytest.mark.parametrize("thinking", ["auto", "on", "off"])
@pytest.mark.parametrize("told", [None, '{"effort":"low"}'])
def test_thinking_is_told_to_the_template_there(dialect: str, thinking: str, told: str | None) -> None:
    made = Settings(thinking=thinking, chat_template_kwargs=told, thinking_budget=64)
    form = json.loads(write_settings(made, dialect).text)
    assert (form.get("chat_template_kwargs") or {}) == made.template_values
    assert form[{"llama-server": "reasoning_budget", "vllm": "thinking_token_budget"}[dialect]] == 64
    back = read_settings(json.dumps(form), dialect).settings
    assert (back.thinking, back.chat_template_kwargs, back.thinking_budget) == (thinking, told, 64)


@pytest.mark.parametrize(("dialect", "name"), [("ollama", "think"), ("text-generation-webui", "enable_thinking")])
@pytest.mark.parametrize(("thinking", "there"), [("on", True), ("off", False)])
def test_where_thinking_is_a_switch(dialect: str, name: str, thinking: str, there: bool) -> None:
    out = write_settings(Settings(thinking=thinking), dialect).text
    assert re.search(rf'{name}"?: {str(there).lower()}', out)
    assert read_settings(out, dialect).settings.thinking == thinking


def test_flags_of_thinking() -> None:
    text = "llama-server -m a.gguf --reasoning-budget 0 --chat-template-kwargs '{\"enable_thinking\": false}'"
    found = read_settings(text).settings
    assert (found.thinking_budget, found.template_values) == (0, {"enable_thinking": False})


# --- banned texts ---


def test_banned_texts_are_read_where_others_have_them() -> None:
    silly = '{"temp": 1, "rep_pen": 1, "banned_tokens": "\\"a testament to\\"\\n\\"shivers down\\""}'
    assert read_settings(silly, "sillytavern").settings.banned_texts == ("a testament to", "shivers down")
    kobold = read_settings('{"banned_tokens": ["a testament"], "sampler_seed": 1}', "koboldcpp")
    assert kobold.settings.banned_texts == ("a testament",)
    tabby = read_settings('{"banned_strings": ["a testament"], "sampler_seed": 1}', "koboldcpp")
    assert tabby.settings.banned_texts == ("a testament",)
    words = read_settings('{"bad_words": ["x"], "min_tokens": 0}', "vllm")
    assert words.settings.banned_texts == ("x",)
    assert fates(words.notes, "bad_words") == {"converted"}


def test_a_ban_of_tokens_is_not_taken_for_a_text() -> None:
    found = read_settings('{"temp": 1, "rep_pen": 1, "banned_tokens": "[1, 2]"}', "sillytavern")
    assert found.settings.banned_texts == ()
    assert fates(found.notes, "banned_tokens") == {"refused"}


def test_banned_texts_are_written_in_quotation_marks() -> None:
    out = write_settings(Settings(banned_texts=('say "no"', "once more")), "sillytavern")
    assert json.loads(out.text)["banned_tokens"] == '"say "no""\n"once more"'
    assert read_settings(out.text, "sillytavern").settings.banned_texts == ('say "no"', "once more")


# --- guidance ---


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("sillytavern", '{"temp": 1, "rep_pen": 1, "guidance_scale": 1.5, "negative_prompt": "A dull list:"}'),
        ("text-generation-webui", "temperature: 1\nguidance_scale: 1.5\nnegative_prompt: 'A dull list:'\n"),
    ],
)
def test_guidance_is_read_where_others_have_it(dialect: str, text: str) -> None:
    found = read_settings(text, dialect).settings
    assert (found.guidance_scale, found.negative_prompt) == (1.5, "A dull list:")
    back = read_settings(write_settings(found, dialect).text, dialect).settings
    assert (back.guidance_scale, back.negative_prompt) == (1.5, "A dull list:")
    assert (
        read_settings('{"temp": 1, "rep_pen": 1, "negative_prompt": ""}', "sillytavern").settings.negative_prompt
        is None
    )
