"""Servers that speak what vLLM 0.11 and SGLang 0.5 document of rows by token ids, over a script, and refuse the rest.

vLLM: /v1/models, /version, /tokenize, /v1/completions. SGLang: /v1/models, /get_server_info, /tokenize, /generate.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import numpy as np

MODEL: Final = "owner/served"
_VLLM: Final = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0,
                "presence_penalty": 0.0, "frequency_penalty": 0.0}  # fmt: skip


class IdServerProcess:
    """One of them on a port. `most`: vLLM's --max-logprobs; `logits`: its --logprobs-mode is raw_logits; `instead`:
    what to answer for a row in place of what is documented; `models`: what /v1/models lists; `deterministic`: SGLang's
    --enable-deterministic-inference.
    """

    def __init__(self, script: Callable[[tuple[int, ...]], Any], tokenize: Callable[[str], list[int]]) -> None:
        self.script, self.tokenize = script, tokenize
        self.port = 0
        self.most, self.logits = 5000, False
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.instead: dict[str, Any] | None = None
        self.models = [MODEL]
        self.deterministic = True

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The documented answer; None for what is not documented."""
        match path:
            case "/v1/models":
                return {"object": "list", "data": [{"id": name, "max_model_len": 512} for name in self.models]}
            case "/version":
                return {"version": "0.11.0"}
            case "/get_server_info":
                return {"version": "0.5.4", "enable_deterministic_inference": self.deterministic}
            case "/tokenize" if body["model"] == MODEL:
                tokens = self.tokenize(body["prompt"])
                return {"count": len(tokens), "max_model_len": 512, "tokens": tokens}
            case "/v1/completions" if body["model"] == MODEL and body["logprobs"] <= self.most:
                assert {name: body[name] for name in _VLLM} == _VLLM
                return self.instead or self._vllm(body)
            case "/generate" if body["return_logprob"] and body["sampling_params"]["temperature"] == 1.0:
                return self.instead or self._sglang(body)
        return None

    def _told(self, tokens: list[int], count: int) -> list[tuple[int, float]]:
        logits = np.asarray(self.script(tuple(tokens)), np.float64)
        logs = logits if self.logits else logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        order = np.lexsort((np.arange(len(logs)), -logs))
        chosen = int(order[min(len(order) - 1, 3 * count)])  # as if drawn: seldom one of the likeliest
        return [(int(token), float(np.float32(logs[token]))) for token in (chosen, *order[:count])]

    def _vllm(self, body: dict[str, Any]) -> dict[str, Any]:
        told = self._told(body["prompt"], body["logprobs"])
        names = {f"token_id:{token}": max(value, -9999.0) for token, value in told}
        logprobs = {"tokens": [next(iter(names))], "token_logprobs": [told[0][1]], "top_logprobs": [names],
                    "text_offset": [0]}  # fmt: skip
        choice = {"index": 0, "text": "?", "logprobs": logprobs, "finish_reason": "length", "stop_reason": None}
        return {"id": "cmpl-1", "object": "text_completion", "model": MODEL, "choices": [choice]}

    def _sglang(self, body: dict[str, Any]) -> dict[str, Any]:
        (chosen, value), *told = self._told(body["input_ids"], body["top_logprobs_num"])
        return {"text": "?", "output_ids": [chosen], "meta_info": {
            "id": "1", "finish_reason": {"type": "length", "length": 1}, "prompt_tokens": len(body["input_ids"]),
            "completion_tokens": 1, "cached_tokens": 2, "output_token_logprobs": [[value, chosen, None]],
            "output_top_logprobs": [[[log, token, None] for token, log in told]],
        }}  # fmt: skip


@contextlib.contextmanager
def id_server(
    script: Callable[[tuple[int, ...]], Any], tokenize: Callable[[str], list[int]]
) -> Iterator[IdServerProcess]:
    """Serve while the block lasts."""

    class AnsweringById(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            self._do({})

        def do_POST(self) -> None:
            self._do(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _do(self, body: dict[str, Any]) -> None:
            made.asked.append((self.path, body))
            found = made.answer(self.path, body)
            refused = {"error": {"message": "secret", "type": "BadRequestError", "code": 400}}
            data = json.dumps(refused if found is None else found).encode()
            with contextlib.suppress(ConnectionError):
                self.send_response(400 if found is None else 200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (http.server's name)
            """Say nothing."""

    made = IdServerProcess(script, tokenize)
    server = ThreadingHTTPServer(("127.0.0.1", 0), AnsweringById)
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
