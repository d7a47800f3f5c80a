"""A sweep whose workers ask engines elsewhere: they share the addresses, and the grid is that of one process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.llama_server_process import LlamaServerProcess
from tests.support.scripted_server import ScriptedServer
from tests.support.worlds import noise

import tsumami
from tsumami.engine import EngineOptions
from tsumami.explore.design import Design
from tsumami.settings import Settings
from tsumami.sweep import Sweep
from tsumami.sweep.cluster import Cluster, cluster

DESIGN = Design(Settings(max_tokens=6), {"temperature": [0.5, 1.5], "top_k": [5, 40]}, seeds=3)


@pytest.fixture(scope="module")
def two() -> Iterator[Cluster]:
    with cluster("local", 2) as found:
        yield found


def test_workers_share_the_addresses_and_the_grid_is_that_of_one_process(two: Cluster) -> None:
    with ScriptedServer(noise) as a, ScriptedServer(noise) as b:
        name = f"{a.name},http://127.0.0.1:{b.port}"
        with Sweep(["abc", "xyz"], DESIGN, model=name, options=EngineOptions(n_probs=100), workers=2) as sweep:
            found = sweep.grid
            workers = sweep.pids
            asked = [sum(tokens[1:4] in ([*b"abc"], [*b"xyz"]) for tokens in server.rows) for server in (a, b)]
        with tsumami.load(name, n_probs=100) as model:
            single = model.grid(["abc", "xyz"], vary=DESIGN.vary, base=DESIGN.base, seeds=3, max_tokens=6)
    assert len(workers) == 2
    assert list(found.rows()) == list(single.rows())
    assert found.receipt.model == single.receipt.model
    assert all(count > 0 for count in asked), asked
    assert "127.0.0.1" not in found.to_json()


def test_a_worker_that_is_lost_is_replaced_and_asks_again(two: Cluster) -> None:
    with ScriptedServer(noise) as server:
        with Sweep(["abc"], DESIGN, model=server.name, workers=2) as sweep:
            next(iter(sweep))
            os.kill(sweep.pids[0], signal.SIGKILL)
            found = sweep.grid
        with tsumami.load(server.name) as model:
            single = model.grid("abc", vary=DESIGN.vary, base=DESIGN.base, seeds=3, max_tokens=6)
    assert sweep.lost == 1
    assert found.cells == single.cells


def test_of_a_server_that_is_not_there_a_worker_says_so_without_its_address(two: Cluster) -> None:
    with ScriptedServer() as server:
        name = server.name
    with (
        pytest.raises(tsumami.errors.RemoteError, match="cannot be reached") as caught,
        Sweep(["abc"], DESIGN, model=name, workers=1),
    ):
        pass
    assert str(server.port) not in str(caught.value)


def test_a_real_llama_server_gives_every_cell(two: Cluster) -> None:
    knobs: dict[str, Any] = {"repeat_penalty": 1.0, "max_tokens": 5}
    with LlamaServerProcess(slots=4, cells=4 * 256) as server:
        design = Design(Settings(**knobs), {"temperature": [0.0, 1.2]}, seeds=2)
        with Sweep(["Once upon a time"], design, model=server.name, workers=2) as sweep:
            found = sweep.grid
    assert all(cell.finished and len(cell.tokens) == 5 for cell in found.cells)
    greedy = {found.at(temperature=0.0, seed=seed).text for seed in found.plan.seeds}
    assert len(greedy) == 1
    assert found.receipt.model.elsewhere
