"""A Ray cluster: found or started, always without its dashboard and its usage reports.

Guarantee: a cluster that is started here listens on the loopback interface alone and ends with us; one that was running
is left running.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tsumami.engine import usable_cores
from tsumami.errors import EngineError, MissingDependencyError, SettingsError
from tsumami.quoting import theirs
from tsumami.wording import counted

__all__ = ["Cluster", "cluster"]

#: Where Ray remembers the cluster that `ray start` has started on this machine.
_RUNNING: Final = Path("/tmp/ray/ray_current_cluster")  # noqa: S108  (Ray's own place)
_KNOCKING: Final = 5.0  # seconds
_STORE: Final = 100 * 2**20  # bytes of shared memory: texts are small


@dataclass(frozen=True, slots=True)
class Cluster:
    """`ray`: the module; so many `workers`, each with so many `cores`."""

    ray: Any
    workers: int
    cores: int


@contextlib.contextmanager
def cluster(address: str, workers: int | None = None) -> Iterator[Cluster]:
    """Connect, and disconnect at the end; a program that is connected already stays where it is.

    Args:
        address: `auto` (one that runs on this machine or that RAY_ADDRESS names, else a new one here), `local` (a new
            one here), or the address of one.
        workers: how many (default: one for each machine of the cluster, two on a new one).

    Raises:
        MissingDependencyError: Ray is not installed.
        EngineError: no cluster answers there.
        SettingsError: more workers than the cluster has cores.
    """
    if workers is not None and workers < 1:
        raise SettingsError(f"workers = {workers}: a sweep needs 1 or more").in_japanese(
            f"workers = {workers}: 1 以上にしてください"
        )
    if importlib.util.find_spec("ray") is None:
        raise MissingDependencyError("a sweep over several machines needs Ray: pip install 'tsumami[ray]'").in_japanese(
            "複数のマシンに分けるには Ray が要ります: pip install 'tsumami[ray]'"
        )
    known = sys.modules.get("ray")
    if known is not None and known.is_initialized():
        yield _sized(known, workers)
        return
    place = _running() if address == "auto" else address
    here = place in (None, "local")
    if not here:
        _knock(str(place))
    ray = _module(here=here)
    wishes: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    if here:
        wishes |= {"num_cpus": max(usable_cores(), workers or 2), "object_store_memory": _STORE}
        wishes |= {"address": "local", "include_dashboard": False}
    else:
        wishes["address"] = place
    try:
        ray.init(**wishes)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _nobody(str(place), error) from error
    try:
        yield _sized(ray, workers if workers is not None or not here else 2)
    finally:
        ray.shutdown()


def _running() -> str | None:
    """The address of the cluster that RAY_ADDRESS names, or that runs on this machine."""
    named = os.environ.get("RAY_ADDRESS")
    return named or (_RUNNING.read_text("utf-8").strip() if _RUNNING.exists() else None)


def _knock(place: str) -> None:
    """Find out in seconds that nobody is there; Ray itself tries for minutes.

    Raises:
        EngineError: nobody is, or it is no address.
    """
    host, _, port = place.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _KNOCKING):
            pass
    except (OSError, ValueError) as error:
        raise _nobody(place, error) from error


def _nobody(place: str, error: Exception) -> EngineError:
    return EngineError(
        f"no Ray cluster answers at {place} ({error}); give HOST:PORT of one (`ray start --head` starts it and says"
        " where), or local"
    ).in_japanese(
        f"{place} で Ray のクラスタが応答しません（{theirs(error)}）。動いている "
        "HOST:PORT（`ray start --head` で始めると場所が出ます）か、local "
        "にしてください"
    )


def _module(*, here: bool) -> Any:
    """Ray, told what it reads when it is imported: no usage reports, and for a cluster of ours 127.0.0.1 alone."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if here:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    return importlib.import_module("ray")


def _sized(ray: Any, workers: int | None) -> Cluster:
    """How many workers with how many cores each: no more than the smallest machine has."""
    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    cores = [count for count in machines if count]
    asked = len(cores) if workers is None else workers
    if not cores or asked > sum(cores):
        raise SettingsError(
            f"workers = {asked}: this Ray cluster has {counted(sum(cores), 'core')}; give fewer workers"
        ).in_japanese(f"workers = {asked}: この Ray クラスタのコアは {sum(cores)} です。ワーカーを減らしてください")
    return Cluster(ray, asked, max(1, min(min(cores), sum(cores) // asked)))
