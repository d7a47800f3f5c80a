"""`tsumami app`, and `tsumami` alone: a page that is really served, and ends when it is told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

TSUMAMI = str(Path(sys.executable).with_name("tsumami"))


def test_the_page_opens_in_the_readers_language_and_ctrl_c_ends_it() -> None:
    with subprocess.Popen(
        [TSUMAMI, "app", "--port", "0", "--threads", "1", "--lang", "en"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        found = None
        while found is None:
            line = process.stderr.readline()
            assert line, "it ended before it was ready"
            found = re.search(r"ready at (http://127\.0\.0\.1:\d+)", line)
        asked = urllib.request.Request(found[1], headers={"Accept-Language": "ja-JP,ja;q=0.9"})  # noqa: S310  (loopback)
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310  (loopback)
            assert answer.url == f"{found[1]}/ja/"
            assert "つまみ" in answer.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) in (0, 130, -signal.SIGINT)


def test_a_port_in_use_is_known_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [TSUMAMI, "app", "--port", str(taken.getsockname()[1]), "--lang", "en"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"LANG": "C.UTF-8"},
        )
    assert done.returncode == 2
    assert "choose another --port" in done.stderr
    assert done.stdout == ""


def test_tsumami_alone_is_the_page(monkeypatch: pytest.MonkeyPatch, invoke: Callable[..., object]) -> None:
    from tsumami.app.serving import server

    asked: list[object] = []

    def serve(choice: object, options: object, **_: object) -> None:
        asked.append((choice, options))

    monkeypatch.setattr(server, "serve", serve)
    invoke()
    invoke("app")
    assert len(asked) == 2
    assert asked[0] == asked[1]


@pytest.mark.parametrize("auth", ["nobody", ":secret", "user:"])
def test_a_login_without_both_parts_is_refused(auth: str, refused: Callable[..., str]) -> None:
    assert "user:password" in refused("app", "--auth", auth)


def test_a_root_path_begins_with_a_slash(refused: Callable[..., str]) -> None:
    assert "slash" in refused("app", "--root-path", "tsumami")
