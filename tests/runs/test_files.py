"""The fourth law: saved and loaded = original. And what was edited or broken is refused with its place."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.modes import MODES
from tests.support.strategies import settings_strategy

import tsumami
from tsumami.errors import RunFileError
from tsumami.knobs import KNOBS
from tsumami.runs import Alternative, EngineCard, ModelCard, Receipt, Run, Step, Timings
from tsumami.runs.json_files import read_form
from tsumami.runs.values import FORMAT_VERSION, STOP_REASONS
from tsumami.testing import ScriptedModel, saying

_SHARES = st.floats(0, 1)
_COUNTS = st.integers(0, 2**31 - 1)
_POSITIVE = st.integers(1, 2**31 - 1)
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["👩\u200d👩", "\0", "\u2028", "</script>", '"']
)
_SECONDS = st.floats(0, 1e6)

steps = st.builds(
    Step,
    id=_COUNTS,
    piece=st.binary(max_size=6),
    text=_TEXTS,
    p_raw=_SHARES,
    p_final=_SHARES,
    entropy=st.floats(0, 18),
    rank=_POSITIVE,
    u=st.none() | st.floats(0, 1, exclude_max=True),
    n_candidates=_POSITIVE,
    alternatives=st.lists(
        st.builds(Alternative, _COUNTS, st.binary(max_size=6), p_raw=_SHARES, p_final=_SHARES), max_size=3
    ).map(tuple),
)
receipts = st.builds(
    Receipt,
    model=st.builds(
        ModelCard,
        _TEXTS,
        _TEXTS,
        _TEXTS,
        st.none() | _TEXTS,
        n_params=_COUNTS,
        size=_COUNTS,
        source=_TEXTS,
        license=st.none() | _TEXTS,
    ),
    engine=st.builds(
        EngineCard,
        _TEXTS,
        _TEXTS,
        st.lists(_TEXTS, max_size=3).map(tuple),
        processor=_TEXTS,
        mode=st.sampled_from(["exact", "fast"]),
        exact=st.booleans(),
        why_ja=_TEXTS,
        why_en=_TEXTS,
        n_ctx=_COUNTS,
    ),
    prompt=_TEXTS,
    prompt_tokens=st.lists(_COUNTS, max_size=5).map(tuple),
    template=_TEXTS,
    settings=settings_strategy(handy=False, grammar=True, contrastive=True),
    seed=st.integers(0, 2**32 - 2),
    tsumami=_TEXTS,
)
runs = st.builds(
    Run,
    receipts,
    st.lists(steps, max_size=4).map(tuple),
    st.sampled_from(tuple(STOP_REASONS)),
    st.builds(Timings, _COUNTS, _COUNTS, _COUNTS, _SECONDS, _SECONDS),
    st.none() | _TEXTS,
    ledgers=st.just(()),
    replayer=st.none(),
)


@settings(max_examples=150, deadline=None)
@given(runs, st.sampled_from([None, 1]))
def test_saved_and_loaded_is_the_original(run: Run, indent: int | None) -> None:
    text = run.to_json(indent=indent)
    loaded = Run.from_json(text)
    assert loaded == run
    assert loaded.to_json(indent=indent) == text
    assert Run.from_json(text.encode()) == run


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_real_runs_come_back(model: tsumami.Model, knobs: dict[str, Any], tmp_path: Path) -> None:
    run = model.run("発光ダイオードを", tsumami.Settings.from_mapping({"max_tokens": 8, **knobs}), ledger=True)
    assert Run.from_json(run.to_json()) == run
    run.save(tmp_path / "run.json")
    assert Run.load(tmp_path / "run.json") == run


def test_the_object_holds_what_is_promised(model: tsumami.Model) -> None:
    run = model.run("Hello", max_tokens=3, seed=1)
    held = json.loads(run.to_json())
    assert held["version"] == FORMAT_VERSION == 1
    assert set(held) == {"version", "receipt", "text", "steps", "stop_reason", "stop_string", "timings"}
    assert held["receipt"]["prompt_tokens"] == model.tokenize("Hello")
    assert held["receipt"]["settings"] == run.settings.to_dict()
    assert set(held["receipt"]["settings"]) == set(KNOBS)
    assert [(step["id"], step["text"]) for step in held["steps"]] == [(step.id, step.text) for step in run.steps]
    assert bytes.fromhex(held["steps"][0]["piece"]) == run.steps[0].piece
    assert held["receipt"] == run.receipt.to_dict()


# --- what is broken


def good() -> dict[str, Any]:
    run = ScriptedModel(saying("はい。")).run("x", seed=3, max_tokens=4)
    held: dict[str, Any] = json.loads(run.to_json())
    held["timings"] |= {"prompt_seconds": 0.25, "generation_seconds": 0.5}
    return held


def changed(place: str, value: object) -> str:
    held: Any = copy.deepcopy(good())
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    target = held
    for part in path:
        target = target[part]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return json.dumps(held)


BROKEN = [
    ("steps.1.p_raw", float("nan")),
    ("steps.1.p_raw", float("inf")),
    ("steps.1.p_raw", 1.5),
    ("steps.1.p_final", -0.1),
    ("steps.1.id", -1),
    ("steps.1.id", 2**40),
    ("steps.1.id", 2**200),
    ("steps.1.id", "7"),
    ("steps.1.id", 7.5),
    ("steps.1.id", True),
    ("steps.1.id", None),
    ("steps.1.rank", 0),
    ("steps.1.u", 2.0),
    ("steps.1.n_candidates", 0),
    ("steps.1.entropy", -1.0),
    ("steps.1.piece", "xyz"),
    ("steps.1.piece", "abc"),
    ("steps.1.text", 5),
    ("steps.1.new", 5),
    ("steps.1.alternatives.0.p_final", 2.0),
    ("steps.1.alternatives.0.id", -3),
    ("steps.1.alternatives.0", []),
    ("steps.1.alternatives", None),
    ("steps.1", "a"),
    ("steps.1.id", ...),
    ("steps", {}),
    ("steps", ...),
    ("stop_reason", "bored"),
    ("stop_string", 1),
    ("timings.reused", -1),
    ("timings.prompt_seconds", "1"),
    ("timings", ...),
    ("receipt.seed", -1),
    ("receipt.seed", 2**32),
    ("receipt.seed", ...),
    ("receipt.prompt_tokens.0", -1),
    ("receipt.prompt_tokens.0", "1"),
    ("receipt.prompt_tokens", "1"),
    ("receipt.settings", []),
    ("receipt.settings", ...),
    ("receipt.model", {}),
    ("receipt.model.size", "big"),
    ("receipt.engine.mode", "quick"),
    ("receipt.engine.features", "AVX"),
    ("receipt.engine.exact", 1),
    ("receipt", []),
    ("more", 1),
]


@pytest.mark.parametrize(("place", "value"), BROKEN, ids=[f"{place}={value!r}" for place, value in BROKEN])
def test_what_does_not_fit_is_refused_with_its_place(place: str, value: object) -> None:
    with pytest.raises(RunFileError, match=place.replace(".", r"\.")):
        Run.from_json(changed(place, value))


def test_an_edited_text_is_seen() -> None:
    with pytest.raises(RunFileError, match="edited"):
        Run.from_json(changed("text", "いいえ。"))
    with pytest.raises(RunFileError, match="edited"):
        Run.from_json(changed("steps.2.text", "い"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_file_that_an_editor_saved_again_is_the_same_run(encoding: str) -> None:
    text = json.dumps(good(), ensure_ascii=False, indent=1)
    assert Run.from_json(text.encode(encoding)) == Run.from_json(text) == Run.from_json("\ufeff" + text)


@pytest.mark.parametrize("version", [0, 2, "1", 1.0, True, None, [1]])
def test_another_version_is_named(version: object) -> None:
    with pytest.raises(RunFileError, match=r"format version .*; this tsumami reads version 1"):
        Run.from_json(changed("version", version))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "1",
        '"run"',
        "{}",
        '{"receipt": {}}',
        "[" * 100_000,
        '{"version": ' + "1" * 5000 + "}",
        b"\xff\xfe\x00",
        b"GGUF\x03\x00\x00\x00",
        json.dumps(good())[:500],
        json.dumps(good()).encode("utf-16")[:-1],
        '{"text": "実行"}'.encode("cp932"),
    ],
    ids=range(15),
)
def test_what_is_no_run_file_is_refused(text: str | bytes) -> None:
    with pytest.raises(RunFileError, match="run file"):
        Run.from_json(text)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damage_anywhere_is_a_run_file_error_or_harmless(data: st.DataObject) -> None:
    raw = bytearray(json.dumps(good(), ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        run = Run.from_json(bytes(raw))
    except RunFileError:
        return
    assert Run.from_json(run.to_json()) == run


# --- settings of other versions


def test_a_knob_that_the_file_does_not_name_is_neutral_in_it() -> None:
    run = Run.from_json(changed("receipt.settings.repeat_penalty", ...))
    assert run.settings.repeat_penalty == KNOBS["repeat_penalty"].neutral == 1
    assert KNOBS["repeat_penalty"].default != 1


def test_a_knob_without_a_neutral_value_that_the_file_does_not_name_has_its_default() -> None:
    assert KNOBS["mirostat_tau"].neutral is None
    assert Run.from_json(changed("receipt.settings.mirostat_tau", ...)).settings.mirostat_tau == 5.0


def test_an_unknown_knob_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(RunFileError, match=r"receipt\.settings: no knob is called 'top_q'.*top_p"):
        Run.from_json(changed("receipt.settings.top_q", 0.5))


def test_a_value_that_a_knob_cannot_have_is_refused_with_its_range() -> None:
    with pytest.raises(RunFileError, match=r"receipt\.settings: top_p = 7.*0 to 1"):
        Run.from_json(changed("receipt.settings.top_p", 7))
    with pytest.raises(RunFileError, match=r"receipt\.settings: temperature = nan"):
        Run.from_json(changed("receipt.settings.temperature", float("nan")))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match=r"none\.json cannot be read: No such file"):
        Run.load(tmp_path / "none.json")
    with pytest.raises(RunFileError, match="cannot be read"):
        Run.load(tmp_path)


def test_a_run_shows_itself_in_a_notebook_without_trusting_its_text() -> None:
    run = ScriptedModel(saying("<script>alert(1)</script>")).run("x", seed=1, temperature=0)
    shown = run._repr_html_()
    assert "<script" not in shown
    assert "&lt;" in shown
    assert "seed 1" in shown


# --- files of all kinds


def test_a_file_of_one_kind_is_not_read_as_another_and_says_what_is_expected() -> None:
    held = {"version": 3, "kind": "map", "knob": "top_k"}
    assert read_form(json.dumps(held), "map", 3, "map") == {"knob": "top_k"}
    for kind, said in ((None, "no `kind`"), ("grid", "`kind` grid")):
        with pytest.raises(RunFileError, match=f"this is not a thing: .*{said}"):
            read_form(json.dumps(held), "thing", 3, kind)
    for text in ("", "[]", '{"kind": "map"}', "{"):
        with pytest.raises(RunFileError, match="this is not a map"):
            read_form(text, "map", 3, "map")
    with pytest.raises(RunFileError, match="this map has format version 3; this tsumami reads version 4"):
        read_form(json.dumps(held), "map", 4, "map")


def test_a_file_that_does_not_say_who_wrote_what_is_from_when_all_prompts_were_read_alike() -> None:
    run = ScriptedModel(saying("ab")).run("x<|end|>")
    form = json.loads(run.to_json())
    assert "parse_special" not in form["receipt"]
    assert Run.from_json(json.dumps(form)) == run
    form["receipt"]["parse_special"] = False
    plain = Run.from_json(json.dumps(form))
    assert plain.receipt.parse_special is False
    assert Run.from_json(plain.to_json()) == plain != run
