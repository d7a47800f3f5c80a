"""What a chat template is told may differ from lane to lane: each has the prompt that its own settings make."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke
from tests.support import thinking_model

import tsumami
from tsumami.engine import loading
from tsumami.engine.exactness import EXACT_VERDICT
from tsumami.explore.grids.grid import Grid

COMMON = ("Hi", "-t", "model", "--vary", "thinking=on,off", "--max-tokens", "4", "--seed", "1", "--threads", "1")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = thinking_model.write(tmp_path_factory.mktemp("thinker") / "thinker.gguf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "try_first", lambda *_, **__: None)
        patch.setattr(loading, "remembered_check", lambda *_, **__: EXACT_VERDICT)
        yield made


def alone(path: Path) -> list[tuple[str, list[int]]]:
    """The prompts and the tokens of the lone runs."""
    with tsumami.load(path, threads=1) as model:
        runs = [model.chat("Hi", thinking=one, seed=1, max_tokens=4) for one in ("on", "off")]
        return [(run.receipt.prompt, list(run.tokens)) for run in runs]


def test_compare_makes_a_prompt_for_each_lane(invoke: Invoke, path: Path) -> None:
    called = invoke("compare", *COMMON, "-m", str(path), "--json")
    assert called.code == 0, called.err
    lanes = [lane["run"] for lane in json.loads(called.out)["lanes"]]
    assert [(run["receipt"]["prompt"], [step["id"] for step in run["steps"]]) for run in lanes] == alone(path)
    assert lanes[0]["receipt"]["prompt"].endswith("<think>\n")
    assert lanes[1]["receipt"]["prompt"].endswith("</think>\n\n")
    assert "thinking:" not in called.err


def test_grid_makes_a_prompt_for_each_value(invoke: Invoke, path: Path) -> None:
    called = invoke("grid", *COMMON, "-m", str(path), "--json")
    assert called.code == 0, called.err
    grid = Grid.from_json(called.out)
    assert [(grid.plan.prompt_at(one.point).text, list(one.tokens)) for one in grid.cells] == alone(path)


@pytest.mark.parametrize("command", ["compare", "grid"])
def test_without_a_template_it_is_said_that_nobody_asks(invoke: Invoke, path: Path, command: str) -> None:
    said = invoke(command, *COMMON, "-t", "raw", "-m", str(path)).err
    assert "thinking: No chat template that asks for enable_thinking makes the prompt" in said
