"""`tsumami compare`, `explain` and `audit`: the report for people, the JSON for programs, and bad input."""

from __future__ import annotations

import json
import math
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from tests.cli.terminal import read_until

import tsumami
from tsumami.app.api import looking_answers

PROMPT = "Once upon a time"
COMMON = ("--max-tokens", "8", "--seed", "0", "--threads", "1")


@pytest.fixture(scope="module")
def saved(model: tsumami.Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    made = {"a": {}, "hot": {"temperature": 3.0}, "again": {}, "none": {}}
    for name, knobs in made.items():
        model.run(PROMPT, seed=0, max_tokens=8, **knobs).save(folder / f"{name}.json")
    form = json.loads((folder / "none.json").read_text("utf-8"))
    form.update(steps=[], text="")
    (folder / "none.json").write_text(json.dumps(form), "utf-8")
    return {name: folder / f"{name}.json" for name in made}


def edited(file: Path, target: Path, change: Any) -> str:
    form = json.loads(file.read_text("utf-8"))
    change(form)
    target.write_text(json.dumps(form), "utf-8")
    return str(target)


# --- compare ---


def test_compare_prints_json_with_runs_and_why_each_parts_from_the_first(invoke: Any) -> None:
    called = invoke("compare", PROMPT, "--vary", "temperature=0.8,3", *COMMON, "--json")
    assert called.code == 0
    found = json.loads(called.out)
    assert [lane["differs"] for lane in found["lanes"]] == [{"temperature": 0.8}, {"temperature": 3.0}]
    first, second = found["runs"]
    assert first["divergence"] is None
    parted = second["divergence"]
    assert {"step", "cause", "stage", "tokens", "ja", "en"} <= parted.keys()
    assert parted["cause"] == "shifted_mass"
    assert parted["stage"] == "temperature"
    step = parted["step"]
    assert first["steps"][:step] == second["steps"][:step] or step > 0
    assert (parted["at_a"]["token"], parted["at_b"]["token"]) == (
        first["steps"][step]["id"],
        second["steps"][step]["id"],
    )
    assert "temperature is 0.8 in A and 3 in B" in parted["en"]
    assert second["metrics"]["shared_prefix"] == step
    tsumami.Run.from_json(json.dumps({k: v for k, v in first.items() if k not in ("metrics", "divergence")}))


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_compare_shows_texts_measures_and_sentences_in_80_columns(
    invoke: Any, lang: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = tmp_path / "lanes.html"
    called = invoke("compare", PROMPT, "--vary", "temperature=0.8,3", *COMMON, "-o", str(page), lang=lang)
    assert called.code == 0
    assert "A  temperature=0.8" in called.out
    assert ("パープレキシティ" if lang == "ja" else "perplexity") in called.out
    assert ("確かめました" if lang == "ja" else "Checked:") in called.out
    assert max(map(cell_len, called.out.splitlines())) <= 80
    written = page.read_text("utf-8")
    assert f'<html lang="{lang}">' in written
    assert "temperature=0.8" in written
    assert 'class="other"' in written, "what differs is marked"
    assert written.count("<svg") == 4, "each measure over the tokens"
    assert "u = 0." in written, "the roll at which they part"
    for word in ("トークン" if lang == "ja" else "token", "パープレキシティ" if lang == "ja" else "perplexity"):
        assert word in written
    assert not re.search(r"<script|src=|@import|url\(|href=", written)


def test_a_number_of_seeds_is_so_many_from_the_base_seed_on(invoke: Any) -> None:
    called = invoke("compare", PROMPT, "--seeds", "3", "--max-tokens", "2", "--seed", "5", "--json")
    lanes = json.loads(called.out)["lanes"]
    assert [lane["differs"]["seed"] for lane in lanes] == [5, 6, 7]


def test_what_a_prompt_holds_is_text_on_the_page(invoke: Any, tmp_path: Path) -> None:
    page = tmp_path / "lanes.html"
    called = invoke("compare", "<script>alert(1)</script>", "--seeds", "0,1", *COMMON[:2], "-o", str(page))
    assert called.code == 0
    assert "&lt;script&gt;" in page.read_text("utf-8")
    assert "<script" not in page.read_text("utf-8")


def test_a_prompt_that_is_too_long_does_not_take_the_other_with_it(invoke: Any) -> None:
    called = invoke("compare", "--prompt", "word " * 600, "--prompt", PROMPT, *COMMON, "--n-ctx", "512")
    assert called.code == 2
    assert "the prompt has" in called.err
    assert "B  prompt=Once upon a time" in called.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vary", "top_k"], "needs KNOB=A,B"),
        (["--vary", "top_k=1,2", "--vary", "top_k=3,4"], "given twice"),
        (["--vary", "topk=1,2"], "no knob is called 'topk'"),
        (["--vary", "top_p=0.5,7"], "top_p = 7"),
        (["--seeds", ",".join(map(str, range(20)))], "20 lanes: a comparison has 2 to 8"),
        (["--seeds", "1,x"], "seed = 'x'"),
        ([], "1 lane: a comparison has 2 to 8"),
    ],
)
def test_what_cannot_be_compared_is_one_line(refused: Any, arguments: list[str], message: str) -> None:
    assert message in refused("compare", PROMPT, *arguments, *COMMON[:2])


def test_ctrl_c_keeps_the_lanes_as_far_as_they_are() -> None:
    asked = ["compare", PROMPT, "--seeds", "0,1", "--ignore-eos", "--max-tokens", "2000", "--lang", "en"]
    terminal, their_end = pty.openpty()
    command = [Path(sys.executable).with_name("tsumami"), *asked, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=their_end) as process:
        os.close(their_end)
        read_until(terminal, b"9 tokens")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    os.close(terminal)
    assert process.returncode == 130
    assert [run["stop_reason"] for run in json.loads(out)["runs"]] == ["cancelled", "cancelled"]


# --- explain ---


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_explain_says_where_and_why_in_the_language(invoke: Any, saved: dict[str, Path], lang: str) -> None:
    called = invoke("explain", str(saved["a"]), str(saved["hot"]), lang=lang)
    assert called.code == 0
    squeezed = re.sub(r"\s+", " " if lang == "en" else "", called.out)
    assert ("temperatureはAが0.8、Bが3" if lang == "ja" else "temperature is 0.8 in A and 3 in B") in squeezed


def test_explain_as_json_holds_both_languages(invoke: Any, saved: dict[str, Path]) -> None:
    found = json.loads(invoke("explain", str(saved["a"]), str(saved["hot"]), "--json").out)["divergence"]
    assert found["kind"] == "parted"
    assert found["cause"] == "shifted_mass"
    assert "分かれ" in found["ja"]
    assert "part" in found["en"]


def test_runs_that_are_the_same_or_empty_need_no_model(invoke: Any, saved: dict[str, Path]) -> None:
    same = invoke("explain", str(saved["a"]), str(saved["again"]), "--model", "no-such-model")
    assert (same.code, same.out) == (0, "All 8 tokens are the same.\n")
    empty = invoke("explain", str(saved["none"]), str(saved["a"]), "--model", "no-such-model")
    assert empty.code == 0
    assert "A ended without a token" in empty.out


def test_an_edited_file_says_so_and_what_can_be_shown_is_shown(
    invoke: Any, saved: dict[str, Path], tmp_path: Path
) -> None:
    other = edited(saved["hot"], tmp_path / "x.json", lambda form: form["receipt"].update(seed=77))
    called = invoke("explain", str(saved["a"]), other)
    assert called.code == 2
    assert "They part at" in called.out
    assert "does not come out again" in called.err


def test_a_run_of_another_model_says_which_and_shows_the_place(
    invoke: Any, saved: dict[str, Path], tmp_path: Path
) -> None:
    def change(form: Any) -> None:
        form["receipt"]["model"].update(name="smollm2", fingerprint="0" * 64)

    files = [edited(saved[name], tmp_path / f"{name}.json", change) for name in ("a", "hot")]
    called = invoke("explain", *files)
    assert called.code == 2
    assert "They part at" in called.out
    assert "sha256 000000000000" in called.err


def test_another_version_is_refused(refused: Any, saved: dict[str, Path], tmp_path: Path) -> None:
    other = edited(saved["a"], tmp_path / "v.json", lambda form: form.update(version=99))
    assert "format version 99" in refused("explain", str(saved["a"]), other)
    assert "format version 99" in refused("audit", other)


# --- one form for all ---


def test_the_endpoints_answer_what_the_commands_print(
    invoke: Any, model: tsumami.Model, tmp_path: Path, saved: dict[str, Path]
) -> None:
    a = tsumami.Run.load(saved["a"])
    model.run(PROMPT, seed=0, max_tokens=8, logit_bias={a.tokens[1]: -math.inf}).save(tmp_path / "banned.json")
    other = json.loads((tmp_path / "banned.json").read_text("utf-8"))
    audited = json.loads(invoke("audit", str(tmp_path / "banned.json"), "--json").out)
    assert json.loads(json.dumps(looking_answers.audit(model, other), allow_nan=False)) == audited
    parted = json.loads(invoke("explain", str(saved["a"]), str(tmp_path / "banned.json"), "--json").out)["divergence"]
    answered = looking_answers.divergence(model, json.loads(a.to_json()), other)
    assert json.loads(json.dumps(answered, allow_nan=False)) == parted


# --- audit ---


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_audit_counts_every_knob_that_is_not_neutral(invoke: Any, saved: dict[str, Path], lang: str) -> None:
    called = invoke("audit", str(saved["a"]), lang=lang)
    assert called.code == 0
    for knob in ("temperature", "top_p", "min_p", "repeat_penalty", "top_k"):
        assert re.search(rf"^{knob} .*/ 8", called.out, re.MULTILINE)
    assert ("個のうち" if lang == "ja" else "of 8 tokens") in called.out


def test_audit_as_json_names_dead_knobs(invoke: Any, saved: dict[str, Path]) -> None:
    found = json.loads(invoke("audit", str(saved["a"]), "--json").out)
    assert found["tokens"] == 8
    assert {one["knob"] for one in found["knobs"] if one["dead"]} == set(found["dead"])
    assert all(one["ja"] and one["en"] for one in found["knobs"])


def test_an_edited_run_cannot_be_audited(refused: Any, saved: dict[str, Path], tmp_path: Path) -> None:
    other = edited(saved["a"], tmp_path / "x.json", lambda form: form["receipt"].update(seed=77))
    assert "does not come out again" in refused("audit", other)


def test_a_run_without_tokens_is_no_error(invoke: Any, saved: dict[str, Path]) -> None:
    called = invoke("audit", str(saved["none"]))
    assert called.code == 0
    assert "there is no token" in called.out
