"""Downloads through the real huggingface_hub, from a hub on loopback that behaves and misbehaves on request."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.gguf_writer import MiB, model
from tests.support.hub_server import COMMIT, TOKEN, Hub, run, serve

BODY = model(data=12 * MiB)

DOWNLOAD = """
from tsumami.models.hub import download
from tsumami.errors import HubError
seen = []
try:
    path = download({repository!r}, {filename!r}, progress=lambda done, total: seen.append([done, total]))
    answer = {{"path": str(path), "seen": seen, "error": None}}
except HubError as error:
    answer = {{"path": None, "seen": seen, "error": str(error)}}
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    repositories = ("good", "cut", "broken", "private", "gated", "busy", "odd")
    with serve({f"owner/{name}/model.gguf": BODY for name in repositories}) as server:
        yield server


def fetch(environment: dict[str, str], repository: str, filename: str = "model.gguf") -> dict[str, Any]:
    answer = run(DOWNLOAD.format(repository=repository, filename=filename), environment)
    assert isinstance(answer, dict)
    return answer


def blobs(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() and path.stat().st_size > MiB]


def test_a_download_lands_in_the_cache_and_reports_its_progress(hub: Hub, tmp_path: Path) -> None:
    answer = fetch(hub.environment(tmp_path), "owner/good")
    path = Path(answer["path"])
    assert path.read_bytes() == BODY
    assert path.is_relative_to(tmp_path)
    assert COMMIT in path.parts
    done = [entry[0] for entry in answer["seen"]]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, len(BODY))
    assert {entry[1] for entry in answer["seen"]} == {len(BODY)}


def test_a_file_in_the_cache_is_used_without_the_network(hub: Hub, tmp_path: Path) -> None:
    first = fetch(hub.environment(tmp_path), "owner/good")
    hub.asked.clear()
    assert fetch(hub.environment(tmp_path), "owner/good")["path"] == first["path"]
    assert fetch(hub.environment(tmp_path, HF_HUB_OFFLINE="1"), "owner/good")["path"] == first["path"]
    assert hub.asked == []


def test_a_cut_connection_is_resumed_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    hub.asked.clear()
    answer = fetch(hub.environment(tmp_path), "owner/cut")
    assert Path(answer["path"]).read_bytes() == BODY
    assert any("bytes=" in line for line in hub.asked)
    assert answer["seen"][-1] == [len(BODY), len(BODY)]


def test_a_broken_download_is_an_error_and_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    answer = fetch(hub.environment(tmp_path), "owner/broken")
    assert "owner/broken:model.gguf" in answer["error"]
    assert "500" in answer["error"]
    assert blobs(tmp_path) == []


def test_the_token_opens_a_private_repository(hub: Hub, tmp_path: Path) -> None:
    assert "HF_TOKEN" in fetch(hub.environment(tmp_path), "owner/private")["error"]
    assert fetch(hub.environment(tmp_path, HF_TOKEN=TOKEN), "owner/private")["error"] is None


@pytest.mark.parametrize(
    ("repository", "filename", "reason"),
    [
        ("owner/none", "model.gguf", "no such repository"),
        ("owner/good", "none.gguf", "no such file"),
        ("owner/gated", "model.gguf", "gated; accept its terms"),
        ("owner/busy", "model.gguf", "the error 503; try again later"),
        ("owner/odd", "model.gguf", "check the network connection and HF_ENDPOINT"),
        ("..bad../--name", "model.gguf", "not a name that the hub can have"),
        ("owner/good", "../../model.gguf", "owner/good:../../model.gguf"),
    ],
)
def test_every_refusal_names_the_file_and_the_remedy(
    hub: Hub, tmp_path: Path, repository: str, filename: str, reason: str
) -> None:
    error = fetch(hub.environment(tmp_path), repository, filename)["error"]
    assert reason in error
    assert f"{repository}:{filename}" in error
    assert "\n" not in error


def test_offline_says_which_variable_forbids_the_network(hub: Hub, tmp_path: Path) -> None:
    error = fetch(hub.environment(tmp_path, HF_HUB_OFFLINE="1"), "owner/good")["error"]
    assert "HF_HUB_OFFLINE" in error


def test_a_refused_connection_fails_at_once_and_names_the_endpoint(hub: Hub, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        answer = fetch(hub.environment(tmp_path, HF_ENDPOINT=endpoint), "owner/good")
    assert f"cannot be reached ({endpoint}" in answer["error"]
    assert answer["seen"] == []


def test_what_progress_raises_passes_through_and_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    code = """
from tsumami.models.hub import download
def stop(done, total):
    if done:
        raise TimeoutError("enough")
try:
    download("owner/good", "model.gguf", progress=stop)
except TimeoutError as error:
    answer = str(error)
"""
    assert run(code, hub.environment(tmp_path)) == "enough"
    assert blobs(tmp_path) == []


def test_the_cache_lists_the_files_that_names_lead_to(hub: Hub, tmp_path: Path) -> None:
    code = """
from tsumami.models.hub import cached
from tsumami.models.hub import cached_ggufs
from tsumami.models.hub import download
answer = [cached_ggufs(), cached("owner/good", "model.gguf")]
path = download("owner/good", "model.gguf")
[file] = cached_ggufs()
answer += [file.repository, file.filename, file.size, file.path == path == cached("owner/good", "model.gguf")]
"""
    assert run(code, hub.environment(tmp_path)) == [[], None, "owner/good", "model.gguf", len(BODY), True]
