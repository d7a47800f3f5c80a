"""The forms of results: every command means the same by `--json`, `--csv`, `--html`, `--png`, `-o` and `--seeds`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tsumami.cli.forms import FORMS, Outputs, form_of
from tsumami.cli.front import COMMANDS, build
from tsumami.cli.old_forms import renewed
from tsumami.cli.words import UsageProblem, say, use
from tsumami.wording import LANGUAGES

from .conftest import Invoke

SHORT = ("--max-tokens", "4", "--seed", "0", "--threads", "1", "--no-history")
#: A call of each command that has a result, with the saved runs {a} and {b}.
CALLS: dict[str, tuple[str, ...]] = {
    "run": ("Once", *SHORT),
    "chat": SHORT,
    "compare": ("Once", "--vary", "top_k=1,5", *SHORT),
    "map": ("Once", "--knob", "top_k", "--range", "1:3", *SHORT),
    "grid": ("Once", "--vary", "top_k=1,5", "--seeds", "2", *SHORT),
    "explain": ("{a}", "{b}"),
    "audit": ("{a}",),
    "verify": ("{a}",),
    "history": (),
    "settings": ("dialects",),
    "models": (),
    "doctor": ("--check-length", "40", "--threads", "1"),
}
SLOW = {"lesson"}  # its page takes minutes: test_lesson.py


def options(language: str, name: str) -> dict[str, Any]:
    """The options of a command by their names."""
    front: Any = typer.main.get_command(build(language))  # type: ignore[arg-type]
    return {flag: one for one in front.commands[name].params for flag in one.opts}


def flags(name: str) -> list[str]:
    """The forms that a command prints."""
    given = options("en", name)
    return [form.name for form in FORMS.values() if form.flag in given]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_has_one_flag_and_one_help_in_every_command(language: str, name: str) -> None:
    given = options(language, name)
    used = [form for form in FORMS.values() if form.flag in given]
    for form in used:
        assert given[str(form.flag)].is_flag
        assert given[str(form.flag)].help == say(form.ja, form.en)
    assert ("--output" in given) == bool(used)
    if used:
        assert given["-o"] is given["--output"]
        assert given["-o"].multiple
        assert all(FORMS[form.name].endings[0] in given["-o"].help for form in used)
    use("en")


def test_seeds_mean_the_same_wherever_they_are_taken() -> None:
    found = {options("en", name)["--seeds"].help for name in COMMANDS if "--seeds" in options("en", name)}
    assert len(found) == 1


def test_every_command_with_a_result_is_tried() -> None:
    assert {name for name in COMMANDS if flags(name)} == {*CALLS, *SLOW}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two saved runs."""
    folder = tmp_path_factory.mktemp("runs")
    return {name: str(folder / f"{name}.json") for name in "ab"}


@pytest.fixture
def ready(saved: dict[str, str], invoke: Invoke) -> dict[str, str]:
    for seed, path in enumerate(saved.values()):
        if not Path(path).exists():
            assert invoke("run", "Once", *SHORT[:2], "--seed", str(seed), *SHORT[4:], "-o", path).code == 0
    return saved


@pytest.mark.parametrize(("name", "form"), [(name, form) for name in CALLS for form in flags(name)])
def test_the_flag_prints_what_the_ending_writes_and_the_file_is_named_once(
    invoke: Invoke, ready: dict[str, str], tmp_path: Path, name: str, form: str
) -> None:
    file = tmp_path / f"result{FORMS[form].endings[0]}"
    words = [word.format(**ready) for word in CALLS[name]]
    called = invoke(name, *words, f"--{form}", "-o", str(file), stdin="Hello\n" if name == "chat" else None)
    assert called.code == 0, called
    assert file.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n") == called.out  # as the runner reads it
    assert called.err.count(f"Written: {file}") == 1
    assert called.err.count(str(file)) == 1


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("settings",)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_ending_that_a_command_cannot_make_is_refused_with_those_it_can(
    refused: Callable[..., str], name: str, language: str
) -> None:
    line = refused(name, *(word.format(a="a", b="b") for word in CALLS[name]), "-o", "x.docx", lang=language)
    assert "x.docx" in line
    assert all(FORMS[form].endings[0] in line for form in flags(name))


@pytest.mark.parametrize("end", ["", "/exit\n"])
def test_a_chat_is_written_when_it_ends_and_can_be_gone_on_with(invoke: Invoke, tmp_path: Path, end: str) -> None:
    file = tmp_path / "talk.json"
    called = invoke("chat", *SHORT, "-o", str(file), stdin=f"Hello!\n{end}")
    assert called.code == 0
    assert called.out.strip()
    messages = json.loads(file.read_text("utf-8"))["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant"]
    assert messages[1]["content"].strip() in called.out
    assert invoke("chat", "--go-on", str(file), "--threads", "1", "--no-history", stdin="And?\n").code == 0


def test_two_forms_do_not_share_one_stdout(refused: Callable[..., str]) -> None:
    assert "--csv" in refused("map", *CALLS["map"], "--json", "--csv")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_terminal_gets_no_picture(language: str) -> None:
    terminal, their_end = pty.openpty()
    command = [Path(sys.executable).with_name("tsumami"), "map", *CALLS["map"], "--png", "--lang", language]
    done = subprocess.run(command, stdout=their_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(their_end)
    os.close(terminal)
    assert done.returncode == 2
    assert "-o picture.png" in done.stderr


def test_a_file_without_an_ending_gets_the_first_form() -> None:
    assert form_of(Path("saved"), ("json", "csv")).name == "json"
    assert form_of(Path("A.CSV"), ("json", "csv")).name == "csv"
    with pytest.raises(UsageProblem, match=r"\.json \.csv"):
        form_of(Path("a.png"), ("json", "csv"))


def test_what_nobody_asked_for_is_not_made() -> None:
    made: list[str] = []
    assert not Outputs().put({"json": lambda: made.append("json") or ""})
    assert made == []


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (["--csv", "a.csv", "x"], ["--output", "a.csv", "x"], "--csv FILE is now written -o FILE.csv."),
        (["--csv=a.txt"], ["--output", "a.txt"], "--csv FILE is now written -o FILE.csv."),
        (["--json", "-"], ["--json"], "--json - is now written --json."),
        (["--out", "run.json"], ["--output", "run.json"], "--out FILE is now written -o FILE."),
        (["--json", "Once upon a time"], ["--json", "Once upon a time"], ""),
        (["--csv", "--json"], ["--csv", "--json"], ""),
        (["--", "--csv", "a.csv"], ["--", "--csv", "a.csv"], ""),
    ],
)
def test_old_forms_go_on_working_with_a_word(
    capsys: pytest.CaptureFixture[str], before: list[str], now: list[str], said: str
) -> None:
    use("en")
    assert renewed(before, ["--json", "--csv", "--output", "-o"]) == now
    assert capsys.readouterr().err.strip() == said


def test_a_command_without_results_takes_its_arguments_as_they_are() -> None:
    assert renewed(["--out", "x"], ["--port"]) == ["--out", "x"]


def test_an_old_call_does_what_it_did(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    called = invoke("map", *CALLS["map"], "--csv", str(file))
    assert called.code == 0, called
    assert "-o FILE.csv" in called.err
    assert file.read_text("utf-8").startswith("low,high")
