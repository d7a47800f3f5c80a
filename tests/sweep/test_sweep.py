"""A sweep over two worker processes is the grid of a single one, row for row, also when one of them is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import tsumami
from tsumami.errors import EngineError, MissingDependencyError, ModelNotFoundError, SettingsError
from tsumami.explore.design import Design
from tsumami.explore.grids.grid import Grid
from tsumami.explore.grids.gridding import GridProgress
from tsumami.settings import Settings
from tsumami.sweep import Sweep
from tsumami.sweep.cluster import Cluster, cluster

PROMPTS = ["The sky above the city looked calm, but", "The sea"]
VARY: dict[str, list[float]] = {"temperature": [0.4, 1.0, 1.6], "top_p": [0.7, 0.95]}
BASE = Settings(max_tokens=12)


@pytest.fixture(scope="module")
def two() -> Iterator[Cluster]:
    with cluster("local", 2) as found:
        yield found


@pytest.fixture(scope="module")
def single(model: tsumami.Model) -> Grid:
    return model.grid(PROMPTS, vary=VARY, seeds=3, max_tokens=12)


@pytest.mark.parametrize(
    ("given", "named"), [("127.0.0.1:1", None), ("auto", "127.0.0.1:1"), ("nowhere", None), ("", None)]
)
def test_where_no_cluster_answers_the_address_is_named(
    given: str, named: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if named is not None:
        monkeypatch.setenv("RAY_ADDRESS", named)
    with pytest.raises(EngineError, match=f"no Ray cluster answers at {named or given}"), cluster(given):
        pass


def test_with_a_worker_killed_in_the_middle_the_grid_is_that_of_one_machine(two: Cluster, single: Grid) -> None:
    seen: list[GridProgress] = []
    with Sweep(PROMPTS, Design(BASE, VARY, seeds=3), workers=2, watch=seen.append) as sweep:
        arrived = [next(iter(sweep))]
        os.kill(sweep.pids[0], signal.SIGKILL)  # it has handed in a part, and was given the next one
        arrived += sweep
        found = sweep.grid
    assert sweep.lost == 1
    assert len(sweep.pids) == 3
    assert list(found.rows()) == list(single.rows())
    assert (found.plan, found.cells, found.exact) == (single.plan, single.cells, single.exact)
    assert replace(found.receipt, engine=single.receipt.engine) == single.receipt
    assert [one.done for one in seen] == sorted({one.done for one in seen})
    assert (seen[-1].done, seen[-1].waiting) == (len(single.cells), 0)
    assert {cell.point for cell in arrived} <= {cell.point for cell in single.cells}


def test_messages_and_a_template_are_made_where_the_model_is(two: Cluster, model: tsumami.Model) -> None:
    messages = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Why is the sky blue?"}]
    with Sweep([messages], Design(BASE, {"top_k": [1, 40]}, seeds=[5]), template="model", workers=1) as sweep:
        found = sweep.grid
    assert found.cells == model.grid(model.prompt(messages), vary={"top_k": [1, 40]}, seeds=[5], max_tokens=12).cells


def test_cancelled_it_keeps_the_parts_that_were_handed_in(two: Cluster, single: Grid) -> None:
    with Sweep(PROMPTS, Design(BASE, VARY, seeds=3), workers=1) as sweep:
        next(iter(sweep))
        sweep.cancel()
        found = sweep.grid
    done = [cell for cell in found.cells if cell.finished]
    assert 0 < len(done) < len(single.cells)
    assert all(cell == single.cells[found.plan.number(cell.point)] for cell in done)
    assert Grid.from_json(found.to_json()) == found


def test_what_a_worker_finds_wrong_is_said_as_it_is(two: Cluster) -> None:
    with pytest.raises(ModelNotFoundError, match="gema"):
        Sweep(PROMPTS, Design(BASE), model="gema", workers=1)


def test_a_cluster_of_ours_listens_on_loopback_alone(two: Cluster) -> None:
    assert {node["NodeManagerAddress"] for node in two.ray.nodes()} == {"127.0.0.1"}
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize(
    ("design", "workers", "words"),
    [
        ({}, 0, "workers = 0"),
        ({}, 10_000, "workers = 10000"),
        ({"vary": {"temprature": [1.0]}}, None, "temperature"),
        ({"seeds": 0}, None, "seeds = 0"),
    ],
)
def test_what_is_no_sweep_is_refused(two: Cluster, design: dict[str, Any], workers: int | None, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Sweep(PROMPTS, Design(BASE, **design), workers=workers)


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tsumami\[ray\]'"), cluster("local"):
        pass
