"""Knobs between the page and Settings: what is shown reads back, whatever is in it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.strategies import settings_strategy

from tsumami.app.parts import chain_view, knob_panel, knob_rows, settings_notes
from tsumami.app.views.import_report import import_report
from tsumami.app.words.texts import Texts
from tsumami.app.work.knob_values import contents_of, read, settings_of, shown
from tsumami.errors import SettingsError
from tsumami.exchange import recommended
from tsumami.knobs import KNOBS, STAGES, Knob
from tsumami.presets import PRESETS
from tsumami.settings import Settings

EN, JA = Texts("en"), Texts("ja")
patient = settings(deadline=None)  # for examples on a machine that is busy with other tests


@pytest.mark.parametrize("n_ctx", [64, 512, 4096])
def test_no_slider_begins_beyond_its_end_however_small_the_context_is(n_ctx: int) -> None:
    pattern = r'type="range" min="([^"]+)" max="([^"]+)" step="[^"]+" value="([^"]+)"'
    sliders = re.findall(pattern, knob_rows.markup(EN, n_ctx))
    assert len(sliders) > 20
    assert all(float(low) <= float(value) <= float(high) for low, high, value in sliders)


@pytest.mark.parametrize("texts", [EN, JA])
def test_every_knob_stands_in_the_panel_once_and_every_input_has_a_name(texts: Texts) -> None:
    made = knob_rows.markup(texts, 2048)
    assert sorted(re.findall(r'data-knob="(\w+)"', made)) == sorted(set(KNOBS) - {"samplers"})
    assert made.count('class="chain"') == 1
    ids = re.findall(r' id="([^"]+)"', made)
    assert len(ids) == len(set(ids))
    outside = re.sub(r"<label[ >].*?</label>", "", made)  # what stands in a label has its name
    named = set(re.findall(r'<label for="([^"]+)"', made))
    for tag in re.findall(r"<(?:input|textarea|select)[^>]*>", outside):
        own = re.search(r' id="([^"]+)"', tag)
        assert "aria-label=" in tag or (own is not None and own[1] in named), tag


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.booleans().flatmap(lambda handy: settings_strategy(handy=handy, grammar=True, contrastive=not handy)))
def test_what_the_panel_shows_reads_back_to_the_same_settings(made: Settings) -> None:
    assert knob_panel.read(json.loads(json.dumps(knob_panel.contents(made)))) == made  # as through the browser


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@patient
@given(st.dictionaries(st.sampled_from([*KNOBS, "other"]), JSON) | JSON)
def test_whatever_a_browser_sends_is_settings_or_a_settings_error(sent: object) -> None:
    notes = knob_panel.said(EN, sent)
    assert (knob_panel.readable(sent) is None) == bool(notes["problem"])


def test_a_page_that_is_older_than_its_server_sends_what_it_knows() -> None:
    assert knob_panel.read({"temperature": 0.3, "a knob of before": 1}) == Settings(seed=0, temperature=0.3)


def test_a_slider_of_tokens_reaches_as_far_as_the_models_context() -> None:
    assert knob_panel.said(EN, {}, n_ctx=1024)["reach"] == {"max_tokens": 768}
    assert knob_panel.said(EN, {})["reach"] == {}


@patient
@given(st.lists(st.text(min_size=1)))
def test_typed_lists_read_back(values: list[str]) -> None:
    assert read(KNOBS["stop"], shown(KNOBS["stop"], values)) == values


@pytest.mark.parametrize("name", sorted(KNOBS))
def test_an_emptied_box_is_a_message_or_means_none(name: str) -> None:
    contents = contents_of(Settings())
    contents[name] = None
    if KNOBS[name].kind in ("texts", "tokens", "bias", "text_bias", "grammar", "schema", "object", "regex", "text"):
        assert settings_of(contents) == Settings.from_mapping({name: read(KNOBS[name], "")})
    elif name != "samplers":
        with pytest.raises(SettingsError, match=name):
            settings_of(contents)


@pytest.mark.parametrize("line", ["nonsense", "=", "1=", "=1", "a=1", "1=b", "1.5=2"])
def test_a_bias_that_means_nothing_is_named(line: str) -> None:
    with pytest.raises(SettingsError, match="logit_bias"):
        read(KNOBS["logit_bias"], line)


@pytest.mark.parametrize("texts", [EN, JA])
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_fills_greys_and_reads_back(texts: Texts, name: str) -> None:
    made = PRESETS[name].apply(Settings())
    applied = {**knob_panel.BEGINNING_CONTENTS, **knob_panel.changed(made)}
    assert knob_panel.read(applied) == made
    notes = knob_panel.said(texts, applied)
    assert (notes["wrong"], notes["problem"]) == ({}, "")
    assert set(notes["idle"]) == set(made.idle_knobs())


@pytest.mark.parametrize(("texts", "said"), [(EN, "top_p = 5.0: "), (JA, "top_p は 5.0 ですが")])
def test_what_cannot_work_is_said_beside_its_knob(texts: Texts, said: str) -> None:
    notes = knob_panel.said(texts, {**knob_panel.BEGINNING_CONTENTS, "top_p": 5.0})
    assert list(notes["wrong"]) == ["top_p"]
    assert said in notes["wrong"]["top_p"]
    assert said in notes["problem"]
    assert "idle" not in notes, "of the others nothing can be known"


@pytest.mark.parametrize("texts", [EN, JA])
def test_with_a_model_that_does_not_think_the_knobs_of_thinking_are_greyed_and_say_why(texts: Texts) -> None:
    def greyed(*, thinks: bool, asks: bool) -> dict[str, str]:
        notes = knob_panel.said(texts, knob_panel.BEGINNING_CONTENTS, thinks=thinks, asks=asks)
        return {name: why for name, why in notes["idle"].items() if "think" in name}

    assert greyed(thinks=True, asks=True) == {}
    none = greyed(thinks=False, asks=False)
    assert set(none) == {"thinking", "thinking_budget", "thinking_settings"}
    assert ("印がない" if texts is JA else "marks any thinking") in none["thinking_budget"]
    assert "enable_thinking" in none["thinking"]
    assert set(greyed(thinks=True, asks=False)) == {"thinking"}, "it always thinks"
    assert set(greyed(thinks=False, asks=True)) == {"thinking_budget", "thinking_settings"}


@patient
@given(st.lists(st.sampled_from(STAGES), unique=True).map(tuple) | st.sampled_from([("classic"), ("llama.cpp")]))
def test_the_chain_reads_back(order: str | tuple[str, ...]) -> None:
    made = Settings.from_mapping({"samplers": order})
    again = Settings.from_mapping({"samplers": chain_view.read(chain_view.shown(made))})
    assert again.chain_order == made.chain_order


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_saved_run_is_loaded_with_the_seed_that_it_had_whatever_saved_the_file(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "run.json"
    made = Settings(temperature=0.3, stop=["終"])
    file.write_bytes(json.dumps({"receipt": {"settings": made.to_dict(), "seed": 77}}).encode(encoding))
    assert knob_panel.from_file(str(file)).settings == made.replace(seed=77)


def test_another_programs_settings_are_read_and_what_is_lost_is_said(tmp_path: Path) -> None:
    file = tmp_path / "Modelfile"
    file.write_text("FROM llama3\nPARAMETER temperature 0.3\nPARAMETER mirostat 2\n", "utf-8")
    loaded = knob_panel.from_file(str(file))
    assert loaded.settings.temperature == 0.3
    assert loaded.foreign is not None
    for language, word in (("ja", "設定を読み込みました"), ("en", "were read")):
        told = import_report(Texts(language), loaded.foreign)
        assert word in told
        assert "mirostat" in told.partition("<details>")[0], "what was lost is in sight"
        assert told.count("<li>") == len(loaded.foreign.notes)


def test_a_report_shows_what_a_file_says_as_text(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text('{"temp": 1, "rep_pen": 1.1, "min_p": 0.1, "top_k": 3, "<b>x</b>": "<i>"}', "utf-8")
    loaded = knob_panel.from_file(str(file))
    assert loaded.foreign is not None
    told = import_report(Texts("en"), loaded.foreign)
    assert "<b>" not in told
    assert "<i>" not in told
    assert "&lt;b&gt;x" in told


def test_what_the_models_file_recommends_is_offered_until_the_knobs_are_that() -> None:
    found = recommended({"general.architecture": "llama", "general.sampling.temp": 0.5, "general.sampling.top_k": 20})
    assert "temperature 0.5、top_k 20" in settings_notes.offer(Texts("ja"), found, Settings())
    assert settings_notes.offer(Texts("en"), found, None)
    assert settings_notes.offer(Texts("en"), found, Settings(temperature=0.5, top_k=20)) == ""
    assert settings_notes.offer(Texts("en"), None, Settings()) == ""


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{", "設定".encode("cp932"), b"[" * 100_000, b"[1]"])
def test_what_is_no_settings_file_is_refused_by_its_name_and_not_by_its_path(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "s.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^s\.json is not a settings file: "):
        knob_panel.from_file(str(file))


@pytest.mark.parametrize("knob", [one for one in KNOBS.values() if one.formula], ids=lambda knob: knob.name)
def test_a_formula_is_drawn_and_nothing_of_its_source_is_left(knob: Knob) -> None:
    shown = re.sub(r"<[^>]*>", "", knob_rows.explanation(EN, knob).partition("<math")[2].partition("</math>")[0])
    assert shown
    assert "\\" not in html.unescape(shown)


@pytest.mark.parametrize("texts", [EN, JA])
def test_what_a_model_elsewhere_lacks_is_greyed_with_the_reason_and_marked_where_it_is_turned(texts: Texts) -> None:
    lacks = {
        "grammar": ("理由", "a reason"),
        "guidance_scale": ("理由", "a reason"),
        "penalty_alpha": ("理由", "a reason"),
    }
    why = texts.pick("理由", "a reason")
    contents = {**knob_panel.BEGINNING_CONTENTS, "guidance_scale": 3.0, "negative_prompt": "no"}
    notes = knob_panel.said(texts, contents, lacks=lacks)
    assert (notes["idle"]["grammar"], notes["idle"]["penalty_alpha"]) == (why, why)
    assert notes["wrong"] == {"guidance_scale": f"⚠️ {why}"}
    assert "guidance_scale" not in notes["idle"]
    assert notes["problem"] == ""
    assert knob_panel.said(texts, knob_panel.BEGINNING_CONTENTS, lacks=lacks)["wrong"] == {}
