"""The site as a real server: files that need not be asked for again, answers that do not wait, a quiet end."""

from __future__ import annotations

import contextlib
import gzip
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import gradio
import httpx
import pytest
from tests.support.scripted_server import ScriptedServer

from tsumami.app.serving.assets import asset
from tsumami.web.listening import listen

_FOLDER: Final = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
_TOLD: Final = ("en", "ja", "en/config", "en/gradio_api/info", "v1/models", "props")
_LOGIN: Final = {"username": "anna", "password": "geheim"}


@contextlib.contextmanager
def serving(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`tsumami app`: its address, and the process, whose last words are in stderr."""
    command = [str(Path(sys.executable).with_name("tsumami")), "app", "--port", "0", "--lang", "en"]
    own = [] if "-m" in options else ["--threads", "1"]  # a model elsewhere has its own
    with subprocess.Popen([*command, *own, *options], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            while not (found := re.search(r"ready at (\S+)", line := process.stderr.readline())):
                assert line, "it ended before it was ready"
            yield found[1], process
        finally:
            process.kill()


# --- files


def test_an_asset_is_the_file_itself_compressed_and_kept_for_good() -> None:
    path = max(_FOLDER.glob("*.js"), key=lambda file: file.stat().st_size)
    answer = asset(path.name, "gzip, br")
    assert answer is not None
    assert gzip.decompress(answer.body) == path.read_bytes()
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    plain = asset(path.name, "identity")
    assert plain is not None
    assert plain.body == path.read_bytes()
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("name", ["", ".", "..", "../index.html", "../../../blocks.py", "/etc/passwd", "nothing.js"])
def test_nothing_but_an_asset_is_given_out(name: str) -> None:
    assert asset(name, "gzip") is None


def test_small_answers_do_not_wait_for_the_other_side() -> None:
    # asyncio switches Nagle's algorithm off for sockets whose protocol it sees, and accepted ones inherit it
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


# --- a login, and the end


def test_one_login_opens_both_languages_and_one_logout_closes_both() -> None:
    with serving("--auth", "anna:geheim") as (url, _), httpx.Client(base_url=url, timeout=30) as browser:
        for language in ("en", "ja"):
            assert browser.get(f"/{language}/config").status_code == 401
        assert browser.post("/completion", json={"prompt": "x"}).status_code == 404  # a key would open it
        assert browser.post("/ja/login", data=_LOGIN | {"password": "falsch"}).status_code == 400
        assert browser.post("/ja/login", data=_LOGIN).json() == {"success": True}
        for language in ("en", "ja"):
            assert browser.get(f"/{language}/config").json()["components"], language
        browser.get("/en/logout")
        for language in ("en", "ja"):
            assert browser.get(f"/{language}/config").status_code == 401


def test_ctrl_c_with_a_page_open_and_a_text_under_way_says_nothing() -> None:
    endless = {"prompt": "x", "stream": True, "ignore_eos": True}
    with (
        serving() as (url, process),
        httpx.stream("GET", f"{url}/en/gradio_api/heartbeat/open") as heartbeat,
        httpx.stream("POST", f"{url}/completion", json=endless, timeout=30) as text,
    ):
        lines, words = heartbeat.iter_lines(), text.iter_lines()  # kept: a reader that is let go of closes
        assert next(lines) is not None
        assert next(words).startswith("data: ")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        list(lines)  # comes to its end; a stream that is torn off raises
        list(words)
    assert process.returncode in (0, 130, -signal.SIGINT)
    assert said.strip() == ""


def test_where_an_engine_elsewhere_is_stands_in_nothing_that_is_served() -> None:
    with ScriptedServer() as server, serving("-m", server.name) as (address, process), httpx.Client() as client:
        pages = [client.get(f"{address}/{path}", follow_redirects=True) for path in _TOLD]
        assert all(page.status_code == 200 for page in pages)
        assert any("llama-server" in page.text for page in pages)
        assert not any(f":{server.port}" in page.text for page in pages)
        process.send_signal(signal.SIGTERM)
        assert f":{server.port}" not in process.communicate(timeout=60)[1]
