"""The options of the knobs: the table and nothing but the table, and how a text becomes a value."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from tsumami.cli.front import build
from tsumami.cli.knobs import _REPEATED, KnobOptions, flag, parse, read_settings, show
from tsumami.errors import SettingsError, UnknownKnobError
from tsumami.knobs import GROUPS, KNOBS
from tsumami.knobs.typed import unescape
from tsumami.presets import PRESETS
from tsumami.settings import Settings

NAMES = [
    "--max-tokens",
    "--temperature",
    "--top-p",
    "--min-p",
    "--typical-p",
    "--frequency-penalty",
    "--presence-penalty",
    "--repeat-penalty",
    "--top-k",
    "--seed",
    "--tfs-z",
    "--mirostat-mode",
    "--mirostat-tau",
    "--mirostat-eta",
    "--repeat-last-n",
    "--penalize-prompt",
    "--dynatemp-range",
    "--dynatemp-exponent",
    "--xtc-probability",
    "--xtc-threshold",
    "--top-n-sigma",
    "--dry-multiplier",
    "--dry-base",
    "--dry-allowed-length",
    "--dry-penalty-last-n",
    "--dry-sequence-breakers",
    "--penalty-alpha",
    "--min-keep",
    "--adaptive-target",
    "--adaptive-decay",
    "--no-repeat-ngram-size",
    "--min-tokens",
    "--ignore-eos",
    "--heal-tokens",
    "--penalize-except",
    "--text-bias",
    "--top-a",
    "--top-h",
    "--epsilon-cutoff",
    "--eta-cutoff",
    "--smoothing-factor",
    "--smoothing-curve",
    "--guidance-scale",
    "--negative-prompt",
    "--logit-bias",
    "--grammar",
    "--json-schema",
    "--regex",
    "--stop",
    "--thinking",
    "--chat-template-kwargs",
    "--thinking-budget",
    "--thinking-settings",
    "--banned-texts",
    "--samplers",
]


def options_of(command: str) -> dict[str, Any]:
    front: Any = get_command(build("en"))
    made = front.commands[command]
    return {name: param for param in made.get_params(typer.Context(made)) for name in param.opts}


def test_the_options_have_these_names() -> None:
    assert [flag(name) for name in KNOBS] == NAMES


@pytest.mark.parametrize("command", ["run", "chat"])
def test_every_knob_is_an_option_in_its_group_and_no_other_option_is_a_knob(command: str) -> None:
    options = options_of(command)
    assert set(NAMES) <= set(options)
    titles = {group.title_en for group in GROUPS.values()}
    assert {name for name, param in options.items() if getattr(param, "rich_help_panel", None) in titles} == set(NAMES)
    for name, knob in KNOBS.items():
        assert options[flag(name)].rich_help_panel == GROUPS[knob.group].title_en
        assert options[flag(name)].help.startswith(knob.line_en)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0.3", 0.3),
        ("temperature", "0", 0.0),
        ("top_k", "40", 40),
        ("top_k", "40.0", 40),
        ("seed", "-1", -1),
        ("mirostat_mode", "2", 2),
        ("penalize_prompt", "off", False),
        ("penalize_prompt", "True", True),
        ("stop", r"a\nb", ("a\nb",)),
        ("stop", ["a", "b,c"], ("a", "b,c")),
        ("stop", r"\\n\u3042\q", ("\\nあ\\q",)),
        ("stop", "", ()),
        ("dry_sequence_breakers", [r"\n", "。"], ("\n", "。")),
        ("logit_bias", ["12=-5", "7=-inf"], ((7, -math.inf), (12, -5.0))),
        ("logit_bias", "12=-5, 7 = 1e2", ((7, 100.0), (12, -5.0))),
        ("grammar", 'root ::= "a"', 'root ::= "a"'),
        ("grammar", "", None),
        ("json_schema", '{"type": "object"}', '{"type":"object"}'),
        ("samplers", "top_k;temperature", ("top_k", "temperature")),
        ("samplers", "llama.cpp", "llama.cpp"),
    ],
)
def test_a_text_becomes_a_value(name: str, text: str | list[str], value: object) -> None:
    assert parse(KNOBS[name], text) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("temperature", "warm", "temperature = 'warm': needs a number"),
        ("temperature", "nan", "temperature = nan: not a number"),
        ("temperature", "inf", "needs a finite number"),
        ("temperature", "-1", "temperature = -1.*0, or 1e-15 or more"),
        ("top_k", "1.5", "needs a whole number"),
        ("top_k", "", "top_k = '': needs a whole number"),
        ("repeat_penalty", "0", "repeat_penalty = 0.*1e-10 or more; .* 1 does nothing"),
        ("mirostat_mode", "3", "needs one of 0, 1, 2"),
        ("penalize_prompt", "maybe", "needs true or false"),
        ("logit_bias", "12", "needs TOKEN=BIAS"),
        ("logit_bias", "12=x", "needs a number"),
        ("logit_bias", "a=1", "token id"),
        ("logit_bias", ["1=1", "1=2"], "named twice"),
        ("grammar", "@nowhere.gbnf", "nowhere.gbnf cannot be read"),
        ("json_schema", "{", "not JSON"),
        ("samplers", "top_k;topp", "no stage is called 'topp' .nearest: top_p"),
    ],
)
def test_a_text_that_cannot_work_is_refused_with_knob_value_and_remedy(name: str, text: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(KNOBS[name], text)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: "\\" not in text))
def test_a_text_without_a_backslash_stays_as_it_is(text: str) -> None:
    assert unescape(text) == text


@pytest.mark.parametrize(
    "name", [n for n, k in KNOBS.items() if k.kind not in (*_REPEATED, "grammar", "schema", "object", "regex", "text")]
)
def test_what_is_shown_can_be_typed(name: str) -> None:
    knob = KNOBS[name]
    assert parse(knob, show(name, knob.default)) == knob.default


def test_a_value_from_a_file_is_read_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "g.gbnf"
    path.write_text('root ::= "はい" | "いいえ"', "utf-8")
    assert parse(KNOBS["grammar"], f"@{path}") == 'root ::= "はい" | "いいえ"'
    path.write_bytes(b"root ::= \xff")
    with pytest.raises(SettingsError, match="not valid UTF-8 at byte 9"):
        parse(KNOBS["grammar"], f"@{path}")


# --- precedence and files ---


def test_later_words_win_over_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"temperature": 0.5, "top_p": 0.5}', "utf-8")
    made = KnobOptions("precise", str(path), None, {"top_p": "0.7"}).settings()
    assert (made.top_k, made.temperature, made.top_p, made.typical_p) == (20, 0.5, 0.7, 1.0)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_what_the_table_says(name: str) -> None:
    assert KnobOptions(name).settings() == PRESETS[name].apply()


def test_saved_settings_read_back_to_the_same_settings(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    said = {"logit_bias": ["7=-inf"], "stop": [r"\n"], "json_schema": '{"type":"object"}', "penalize_prompt": False}
    made = KnobOptions("creative", None, path, said).settings()
    assert KnobOptions(None, str(path)).settings() == made
    assert set(json.loads(path.read_text("utf-8"))) == set(KNOBS)


def test_a_saved_run_gives_its_settings_and_its_effective_seed(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    settings = Settings(temperature=0.3, seed=-1)
    path.write_text(json.dumps({"version": 1, "receipt": {"settings": settings.to_dict(), "seed": 77}}), "utf-8")
    assert KnobOptions(None, str(path)).settings() == settings.replace(seed=77)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b'{"temprature": 1}', UnknownKnobError, "s.json: no knob is called 'temprature'; nearest: temperature"),
        (b'{"temperature": 9e99}', SettingsError, "s.json: temperature = 9e"),
        (b'{"temperature": NaN}', SettingsError, "s.json: temperature = nan"),
        (b"[1]", SettingsError, "s.json: settings must be an object"),
        (b'{"receipt": {"settings": 3}}', SettingsError, "s.json: not the settings of a run"),
        (b"{", SettingsError, "s.json is not JSON: .* line 1 column 2"),
        (b'{"a": "\xff"}', SettingsError, "s.json is not valid UTF-8 at byte 7"),
    ],
)
def test_a_file_that_cannot_work_is_refused_by_name(
    tmp_path: Path, content: bytes, kind: type[Exception], message: str
) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(content)
    with pytest.raises(kind, match=message):
        read_settings(str(path))


def test_a_file_of_llama_cpp_is_read_by_its_own_names(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"n_predict": 7, "temp": 0.3, "repeat_last_n": 9, "mirostat": 2}', "utf-8")
    made = KnobOptions(None, str(path)).settings()
    assert (made.max_tokens, made.temperature, made.repeat_last_n, made.mirostat_mode) == (7, 0.3, 9, 2)


def test_an_unknown_option_is_refused_with_the_nearest_names(refused: Callable[..., str]) -> None:
    assert "--temperature" in refused("run", "x", "--temprature", "1")
    assert "--top-k" in refused("chat", "--topk", "1")


def test_an_unknown_preset_is_refused_with_those_there_are(refused: Callable[..., str]) -> None:
    assert "balanced" in refused("run", "x", "--preset", "balancd")
