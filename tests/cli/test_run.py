"""`tsumami run` on the real bundled model: what goes where, and that it is the library's own run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tsumami
from tsumami import Run
from tsumami.runs import STOP_REASONS

PROMPT = "The sky above the city looked calm, but"
SHORT = ("--max-tokens", "8", "--seed", "0", "--threads", "1")
TSUMAMI = (sys.executable, "-c", "from tsumami.cli import main; main()")


@pytest.fixture(scope="module")
def expected(model: tsumami.Model) -> Run:
    return model.run(PROMPT, max_tokens=8, seed=0)


def test_stdout_holds_the_text_and_stderr_the_facts(invoke: Any, expected: Run) -> None:
    called = invoke("run", PROMPT, *SHORT)
    assert called.code == 0
    assert called.out == expected.text + "\n"
    assert re.fullmatch(r"max_tokens was reached · 8 tokens · [\d.]+ tok/s · prompt 9 · seed 0 · exact\n", called.err)


def test_the_facts_come_in_japanese(invoke: Any) -> None:
    assert "max_tokens に達した · 8 トークン" in invoke("run", PROMPT, *SHORT, lang="ja").err


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["--prompt", PROMPT], None),
        (["--file", "{file}"], None),
        ([], PROMPT),
        ([], PROMPT + "\n"),
        (["-"], PROMPT + "\r\n"),
        (["--file", "-"], PROMPT),
    ],
)
def test_a_prompt_may_come_from_everywhere(
    invoke: Any, expected: Run, tmp_path: Path, arguments: list[str], stdin: str | None
) -> None:
    file = tmp_path / "p.txt"
    file.write_text(PROMPT + "\n", "utf-8")
    called = invoke("run", "-q", *(word.format(file=file) for word in arguments), *SHORT, stdin=stdin)
    assert (called.out, called.err) == (expected.text + "\n", "")


def test_json_is_the_run_and_nothing_else_and_the_file_holds_the_same(
    invoke: Any, expected: Run, tmp_path: Path
) -> None:
    file = tmp_path / "run.json"
    called = invoke("run", PROMPT, "--json", "-o", str(file), *SHORT)
    run = Run.from_json(called.out)
    assert run == Run.load(file)
    assert run.steps == expected.steps
    assert set(json.loads(called.out)) >= {"version", "receipt", "steps", "stop_reason", "timings"}


def test_knobs_reach_the_run_and_a_random_seed_is_shown(invoke: Any, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    said = ("--temperature", "0.3", "--top-k", "5", "--no-penalize-prompt", "--stop", r"\n", "--logit-bias", "7=-inf")
    called = invoke("run", PROMPT, "--max-tokens", "3", "-o", str(file), *said)
    run = Run.load(file)
    assert run.settings == tsumami.Settings(
        temperature=0.3, top_k=5, penalize_prompt=False, stop=("\n",), logit_bias={7: "-inf"}, max_tokens=3
    )
    assert f"seed {run.receipt.seed} (random)" in called.err
    again = invoke("run", PROMPT, "--settings", str(file))
    assert again.out == called.out


def test_a_grammar_and_a_schema_hold(invoke: Any) -> None:
    assert invoke("run", PROMPT, "-q", "--grammar", 'root ::= " yes" | " no"').out in (" yes\n", " no\n")
    schema = {
        "type": "object",
        "properties": {"a": {"type": "boolean"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    found = json.loads(invoke("run", PROMPT, "-q", "--json-schema", json.dumps(schema)).out)
    assert found in ({"a": True}, {"a": False})


def test_a_template_dresses_the_prompt(invoke: Any, model: tsumami.Model) -> None:
    called = invoke("run", "Hi", "--template", "model", "--system", "Be brief.", "--show-prompt", *SHORT)
    prompt = model.prompt([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    assert called.out == model.run(prompt, max_tokens=8, seed=0).text + "\n"
    assert f"Prompt: {len(prompt.tokens)} tokens, template model" in called.err
    assert prompt.text in called.err


@pytest.mark.parametrize(
    ("switches", "read"),
    [([], True), (["--no-parse-special"], False), (["-t", "model"], False), (["-t", "model", "--parse-special"], True)],
    ids=["raw", "raw without", "chat", "chat with"],
)
def test_a_switch_says_whether_special_tokens_in_the_prompt_are_read(
    invoke: Any, tmp_path: Path, switches: list[str], read: bool
) -> None:
    saved = tmp_path / "run.json"
    called = invoke("run", "a<|endoftext|>b", *switches, "--max-tokens", "1", "--seed", "1", "-o", str(saved))
    assert called.code == 0
    run = Run.load(saved)
    assert (0 in run.receipt.prompt_tokens) is read
    assert run.receipt.parse_special is read


def test_show_prompt_shows_every_token(invoke: Any, model: tsumami.Model) -> None:
    called = invoke("run", "空 sky", "--show-prompt", *SHORT)
    shown = called.err.replace("\n", " ")
    assert all(f"{token} " in shown for token in model.tokenize("空 sky"))
    assert "' sky'" in shown


@pytest.mark.parametrize("width", [40, 80])
def test_the_ledger_accounts_for_every_token(
    invoke: Any, monkeypatch: pytest.MonkeyPatch, expected: Run, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    called = invoke("run", PROMPT, "--ledger", *SHORT)
    assert called.out == expected.text + "\n"
    table = called.err
    for index, step in enumerate(expected.steps):
        assert f"#{index + 1} " in table
        assert f"id {step.id} " in table.replace("\n", " ")
    rolls = re.findall(r"roll u = ([\d.]+) fell into \[([\d.]+), ([\d.]+)\)", re.sub(r"\s+", " ", table))
    assert len(rolls) == len(expected.steps)
    for (u, low, high), step in zip(rolls, expected.steps, strict=True):
        assert float(low) <= float(u) <= float(high)
        assert float(high) - float(low) == pytest.approx(step.p_final, abs=1e-5)
    assert max(map(len, table.splitlines()[:-1])) <= width


def test_the_ledger_says_how_many_tokens_a_constraint_removed_and_the_best_of_them(
    invoke: Any, monkeypatch: pytest.MonkeyPatch, model: tsumami.Model
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    said = ("--regex", "yes|no", "--max-tokens", "1", "--seed", "0", "--threads", "1")
    table = invoke("run", PROMPT, "--ledger", *said).err
    ledger = model.run(PROMPT, regex="yes|no", max_tokens=1, seed=0).ledger(0)
    removed = ledger.removed()[0]
    (line,) = (line for line in table.splitlines() if line.startswith("grammar"))
    assert f"{removed.count:,}" in line
    assert removed.best is not None
    assert repr(model.detokenize([removed.best])) in line


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (("--temperature", "0"), "the largest logit wins"),
        (("--preset", "contrastive"), "the best score wins"),
        (("--preset", "mirostat"), "fell into"),
        (("--fast",), "fell into"),
    ],
)
def test_the_ledger_knows_every_way_to_choose(invoke: Any, said: tuple[str, ...], words: str) -> None:
    called = invoke("run", PROMPT, "--ledger", *said, "--max-tokens", "3", "--seed", "3")
    assert called.err.count(words) == 3


def test_every_stop_reason_can_be_said_in_both_languages() -> None:
    assert all(ja and en for ja, en in STOP_REASONS.values())


def test_an_inexact_run_says_why(invoke: Any) -> None:
    assert "not exact · fast mode" in invoke("run", PROMPT, "--fast", *SHORT).err


# --- real processes ---


def test_ctrl_c_stops_and_prints_what_there_is(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    arguments = ["run", PROMPT, "--seed", "0", "--max-tokens", "0", "--threads", "1", "-o", str(file)]
    with subprocess.Popen([*TSUMAMI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        begun = process.stdout.read(20)  # it is generating
        process.send_signal(signal.SIGINT)
        rest, facts = process.communicate(timeout=60)
    assert process.returncode == 130
    run = Run.load(file)
    assert run.stop_reason == "cancelled"
    assert (begun + rest).decode() == run.text + "\n"
    assert b"it was stopped" in facts
    assert b"Traceback" not in facts


@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.6, 0.7, 0.9])
def test_ctrl_c_while_starting_is_quiet(seconds: float) -> None:
    with subprocess.Popen((*TSUMAMI, "chat"), stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    # -SIGINT: Python itself was still starting; 0: it was ready already, and the end of its input ended it
    assert process.returncode in (130, -signal.SIGINT, 0)
    assert process.returncode == -signal.SIGINT or b"Traceback" not in said


def test_a_closed_pipe_is_quiet() -> None:
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen([*TSUMAMI, "run", PROMPT, *SHORT], stdout=write, stderr=subprocess.PIPE) as process:
        os.close(write)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == b""


def test_a_terminal_that_knows_only_ascii_ends_nothing() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [*TSUMAMI, "models", "--lang", "ja"], capture_output=True, check=True, env=environment, timeout=60
    )
    assert b"smollm2" in done.stdout
    assert b"\\u" in done.stdout
