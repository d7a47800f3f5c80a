"""Servers that speak what Ollama and OpenAI's API document, over a fixed reply, and refuse what is not documented.

Ollama 0.12.11 (docs/api.md), OpenAI's API reference of 2025, vLLM 0.11, SGLang 0.5.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HOT: dict[str, Any] = {"token": "p", "logprob": -1.5, "bytes": [112],
        "top_logprobs": [{"token": "lo", "logprob": -0.5, "bytes": [108, 111]},
                         {"token": "p", "logprob": -1.5, "bytes": [112]}]}  # fmt: skip
TOKENS = (("Hel", -0.1), ("lo", -0.5))


def _entries(count: int, temperature: float = 1.0) -> list[dict[str, Any]]:
    """`temperature`: some servers tell what they draw from."""
    others = [{"token": "Hi", "logprob": -2.5 / max(temperature, 1.0), "bytes": [72, 105]}][:count]
    return [
        {"token": token, "logprob": log, "bytes": list(token.encode()),
         "top_logprobs": [{"token": token, "logprob": log, "bytes": list(token.encode())}, *others]}
        for token, log in TOKENS
    ]  # fmt: skip


def answer(path: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """The documented answer; None for what is not documented."""
    match path:
        case "/api/chat" | "/api/generate" if body["model"] == "gemma3:1b" and 0 <= body["top_logprobs"] <= 20:
            hot = body["options"].get("temperature", 0) > 1.5
            text = "Help" if hot else "Hello"
            chat = {"message": {"role": "assistant", "content": text}}
            said = chat if path == "/api/chat" else {"response": text}
            return {"model": "gemma3:1b", "created_at": "2025-11-12T14:00:00Z", **said, "done": True,
                    "done_reason": "stop", "eval_count": 2,
                    "logprobs": [*_entries(1)[:1], *([_HOT] if hot else _entries(1)[1:])]}  # fmt: skip
        case "/api/version":
            return {"version": "0.12.11"}
        case "/version":
            return {"version": "0.11.0"}
        case "/get_server_info":
            return {"version": "0.5.4", "enable_deterministic_inference": False}
        case "/api/tags":
            return {"models": [{"name": name, "model": name, "size": 815319791} for name in ("gemma3:1b", "qwen3:4b")]}
        case "/v1/models":
            return {"object": "list", "data": [{"id": "owner/served", "object": "model", "owned_by": "vllm"}]}
        case "/v1/chat/completions" if body["logprobs"] is True and 0 <= body["top_logprobs"] <= 20:
            told = _entries(1, body.get("temperature", 1.0))
            choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop",
                      "logprobs": {"content": told}}  # fmt: skip
            return {"id": "x", "object": "chat.completion", "model": body["model"], "choices": [choice]}
        case "/v1/completions" if body["logprobs"] <= 5:
            tokens, logs = zip(*TOKENS, strict=True)
            top = [{token: log, "Hi": -2.5} for token, log in TOKENS]
            told = {"tokens": tokens, "token_logprobs": logs, "top_logprobs": top, "text_offset": [0, 3]}
            choice = {"index": 0, "text": "Hello", "finish_reason": "length", "logprobs": told}
            return {"id": "x", "object": "text_completion", "model": body["model"], "choices": [choice]}
    return None


class TextServerProcess:
    """One of them on a port. `asked`: paths and bodies; `instead`: what to answer in place of what is documented."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.instead: dict[str, Any] | None = None


@contextlib.contextmanager
def text_server() -> Iterator[TextServerProcess]:
    """Serve while the block lasts."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            self._do({})

        def do_POST(self) -> None:
            self._do(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _do(self, body: dict[str, Any]) -> None:
            made.asked.append((self.path, body))
            made.headers.append(dict(self.headers))
            found = answer(self.path, body) if made.instead is None else made.instead
            data = json.dumps(found or {"error": {"type": "not_found", "message": "secret"}}).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (http.server's name)
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    made = TextServerProcess(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
