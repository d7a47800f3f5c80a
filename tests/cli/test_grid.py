"""`tsumami grid`: tables on stdout, files, pictures, both languages, bad input, and Ctrl-C keeps what there is."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke
from tests.cli.terminal import read_until

import tsumami
from tsumami.explore.grids.grid import Grid
from tsumami.sweep.cluster import cluster

PROMPT = "The sky above the city looked calm, but"
VARY = ("--vary", "temperature=0.5:1.5:0.5", "--vary", "top_p=0.8,0.95", "--max-tokens", "6")


def test_the_tables_say_texts_spread_and_what_holds(invoke: Invoke) -> None:
    called = invoke("grid", PROMPT, *VARY, "--seeds", "3")
    assert called.code == 0
    lines = called.out.splitlines()
    assert lines[0].split()[:2] == ["temperature", "top_p"]
    assert [line.split()[:2] for line in lines[1:7]] == [[t, p] for t in ("0.5", "1", "1.5") for p in ("0.8", "0.95")]
    assert any(line.startswith("temperature 0.5 → 1.5") and "/ 6" in line for line in lines)
    assert "18 of 18 cells" in called.err
    assert "exact" in called.err


def test_in_japanese(invoke: Invoke) -> None:
    called = invoke("grid", PROMPT, "--vary", "top_k=1,2", "--max-tokens", "3", "--seed", "0", lang="ja")
    assert "パープレキシティ" in called.out
    assert "2 / 2 セル" in called.err


def test_json_and_csv_are_the_grid_and_nothing_else(invoke: Invoke, model: tsumami.Model, tmp_path: Path) -> None:
    made = Grid.from_json(invoke("grid", PROMPT, *VARY, "--seeds", "1,4", "--json").out)
    assert made.plan.seeds == (1, 4)
    assert (
        made.cells
        == model.grid(
            PROMPT, vary={"temperature": [0.5, 1.0, 1.5], "top_p": [0.8, 0.95]}, seeds=[1, 4], max_tokens=6
        ).cells
    )
    rows = list(csv.DictReader(io.StringIO(invoke("grid", PROMPT, *VARY, "--seeds", "1,4", "--csv").out)))
    assert [row["text"] for row in rows] == [cell.text for cell in made.cells]
    file = tmp_path / "grid.json"
    assert "perplexity" in invoke("grid", PROMPT, *VARY, "--seeds", "1,4", "-o", str(file)).out
    assert Grid.load(file).cells == made.cells


def test_several_prompts_are_an_axis(invoke: Invoke) -> None:
    called = invoke("grid", "--prompt", "The sky", "--prompt", "The sea", "--vary", "top_k=1,2", "--max-tokens", "2",
                    "--json")  # fmt: skip
    values = json.loads(called.out)
    assert [prompt["text"] for prompt in values["prompts"]] == ["The sky", "The sea"]
    assert len(values["cells"]) == 4


def test_the_pictures_are_drawn(invoke: Invoke, tmp_path: Path) -> None:
    files = {form: tmp_path / f"grid.{form}" for form in ("png", "svg", "html")}
    options = [part for form, path in files.items() for part in ("-o", str(path))]
    assert invoke("grid", PROMPT, *VARY, "--seeds", "2", *options).code == 0
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert "temperature" in files["svg"].read_text("utf-8")
    assert "http" not in files["html"].read_text("utf-8").split("<script")[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vary", "temprature=1,2"), "temperature"),
        (("--vary", "temperature=0:2:0"), "step of 0"),
        (("--vary", "temperature=2:0:0.2"), "negative"),
        (("--vary", "temperature=-1,1"), "temperature = -1"),
        (("--vary", "seed=1,2"), "--seeds"),
        (("--seeds", "0"), "seeds = 0"),
        (("--seeds", ","), "at least one seed"),
        (("--seeds", "many"), "--seeds many"),
        (("--seeds", "1,-2"), "seed = -2"),
        (("--vary", "top_k=1:1000:1", "--seeds", "20"), "20,000 cells"),
        (("-o", "nowhere/at/all.json"), "nowhere/at/all.json"),
        (("--prompt", "another"), "twice"),
        (("--workers", "2"), "--ray"),
        (("--ray", "nowhere"), "no Ray cluster answers at nowhere"),
    ],
)
def test_bad_input_is_one_line(refused: Callable[..., str], arguments: tuple[str, ...], words: str) -> None:
    assert words in refused("grid", PROMPT, *arguments)


@pytest.mark.parametrize("command", ["run", "map"])
def test_commands_of_one_prompt_refuse_two(refused: Callable[..., str], command: str) -> None:
    more = ("--knob", "top_k", "--range", "1:2") if command == "map" else ()
    assert "takes one prompt" in refused(command, "--prompt", "a", "--prompt", "b", *more)


def test_over_ray_it_is_the_same_table(invoke: Invoke) -> None:
    arguments = ("grid", PROMPT, *VARY, "--seeds", "2", "--csv")
    with cluster("local", 2):
        assert invoke(*arguments, "--ray", "auto", "--workers", "2").out == invoke(*arguments).out


def test_ctrl_c_keeps_what_there_is(tmp_path: Path) -> None:
    file = tmp_path / "grid.json"
    asked = ["grid", PROMPT, "--vary", "max_tokens=2,4000", "--vary", "top_k=1:40:1", "--temperature", "3"]
    asked += ["-o", str(file), "--lang", "en"]
    terminal, their_end = pty.openpty()
    with subprocess.Popen([Path(sys.executable).with_name("tsumami"), *asked], stderr=their_end) as process:
        os.close(their_end)
        said = read_until(terminal, rb"of 80 cells.* [1-9]\d* tokens")  # it is generating
        process.send_signal(signal.SIGINT)
        said += read_until(terminal, rb"of 80 cells .* decoded")
    os.close(terminal)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    found = Grid.load(file)
    assert any(not cell.finished for cell in found.cells)
    assert found.nodes > 0
