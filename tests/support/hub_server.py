"""A hub on loopback: what huggingface_hub asks for when it downloads a file, and the ways in which a hub refuses."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_test"


@dataclass
class Hub:
    """What the hub holds ("owner/repo/file" to bytes), how repositories misbehave, and what it was asked."""

    files: dict[str, bytes]
    endpoint: str = ""
    asked: list[str] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """The environment of a user of this hub whose huggingface_hub lives in `home`."""
        kept = {key: value for key, value in os.environ.items() if "proxy" not in key.lower() and key[:3] != "HF_"}
        ours = {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home), "TSUMAMI_CACHE": str(home / "tsumami")}
        return kept | ours | {"HF_HUB_DISABLE_TELEMETRY": "1"} | more


@contextlib.contextmanager
def serve(files: dict[str, bytes]) -> Iterator[Hub]:
    hub = Hub(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(code: str, environment: dict[str, str]) -> Any:
    """What `code` leaves in `answer`, run by a fresh interpreter: huggingface_hub reads its environment on import."""
    script = f"import json\n{code}\nprint('ANSWER' + json.dumps(answer))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "ANSWER" in done.stdout, done.stderr
    return json.loads(done.stdout.rpartition("ANSWER")[2])


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, *args: object) -> None:
            """Tests read `asked` instead."""

        def _answer(self, *, body: bool) -> None:
            hub.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
            repository, _, filename = self.path.strip("/").partition("/resolve/main/")
            name = repository.rpartition("/")[2]
            data = hub.files.get(f"{repository}/{filename}")
            if name == "gated":
                return self._refuse(403, "GatedRepo")
            if name == "busy":
                return self._refuse(503)
            if name == "private" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._refuse(401, "RepoNotFound")
            if not any(path.startswith(f"{repository}/") for path in hub.files):
                return self._refuse(404, "RepoNotFound")
            if data is None:
                return self._refuse(404, "EntryNotFound")
            return self._send(name, data, body=body)

        def _refuse(self, status: int, code: str | None = None) -> None:
            self.send_response(status)
            if code is not None:
                self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, name: str, data: bytes, *, body: bool) -> None:
            if body and name == "broken" and self.path in hub.cut:
                return self._refuse(500)
            wanted = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-")
            part = data[int(wanted) :]
            self.send_response(206 if "Range" in self.headers else 200)
            if name != "odd":
                self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("Accept-Ranges", "bytes")
            if "Range" in self.headers:
                self.send_header("Content-Range", f"bytes {wanted}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if not body:
                return None
            if name in ("cut", "broken") and self.path not in hub.cut:
                hub.cut.add(self.path)
                part = part[: len(part) * 19 // 20]
                self.close_connection = True
            with contextlib.suppress(ConnectionError):  # a client may hang up
                self.wfile.write(part)
            return None

    return Handler
