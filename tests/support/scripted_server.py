"""A server that speaks llama-server's answers over a scripted model, and misbehaves when it is told to.

Field by field as llama.cpp's tools/server/README.md says and as the server of xllamacpp 2026.10 answers.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import numpy as np

from tsumami.testing import ByteTokenizer, Script, saying

#: What a misbehaviour does instead of answering; it says whether that was all.
Trick = Callable[["Handler"], bool]


class ScriptedServer:
    """The server. `asked`: the paths and bodies of all requests; `tricks`: misbehaviours, one a request to
    /completion; `port`: where it is, also when it is started again.
    """

    def __init__(self, script: Script | None = None, *, slots: int = 4, model: str = "folder/scripted.gguf") -> None:
        self.tokenizer = ByteTokenizer()
        self.script = script or saying("Hello there.")
        self.slots, self.model = slots, model
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.tricks: deque[Trick] = deque()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.port = 0
        self.start()

    @property
    def name(self) -> str:
        """What leads to it."""
        return f"llama-server+http://127.0.0.1:{self.port}"

    @property
    def rows(self) -> list[list[int]]:
        """The prompts for which rows were asked."""
        return [body["prompt"] for path, body in self.asked if path == "/completion" and body.get("n_probs", 0) > 0]

    def start(self) -> None:
        """Listen, on the port that it had."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.ours = self  # type: ignore[attr-defined]
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request."""
        texts = self.tokenizer
        if path == "/props":
            return {
                "default_generation_settings": {"n_ctx": 512}, "total_slots": self.slots, "model_path": self.model,
                "model_alias": self.model, "model_ftype": "F32", "build_info": "b9999-abc", "bos_token": "<|begin|>",
                "eos_token": "<|end|>", "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}",
            }  # fmt: skip
        if path == "/v1/models":
            meta = {"n_vocab": texts.n_tokens, "n_params": 7, "size": 28, "n_ctx_train": 512}
            return {"data": [{"id": self.model, "meta": meta}]}
        if path == "/tokenize":
            how = {"add_special": body["add_special"], "parse_special": body["parse_special"]}
            return {"tokens": texts.tokenize(body["content"].encode(), **how)}
        if path == "/detokenize":
            return {"content": b"".join(map(texts.piece, body["tokens"])).decode("utf-8", "replace")}
        return self._completion(body)

    def pieces(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What a stream of /completion holds: the likeliest token each time; no piece ends inside a character."""
        tokens, told, data, reason = list(body["prompt"]), 0, b"", "limit"
        for count in range(1, body["n_predict"] + 1):
            token = int(np.argmax(np.asarray(self.script(tuple(tokens)))))
            tokens.append(token)
            data += b"" if self.tokenizer.is_control(token) else self.tokenizer.piece(token)
            reason = "eos" if self.tokenizer.is_eog(token) else reason
            with contextlib.suppress(UnicodeDecodeError):
                text, told = data[told:].decode(), len(data)
                yield {"index": 0, "content": text, "tokens": [token], "stop": False, "id_slot": -1,
                       "tokens_predicted": count, "tokens_evaluated": len(body["prompt"])}  # fmt: skip
            if reason == "eos":
                break
        yield {
            "index": 0, "content": "", "tokens": [], "stop": True, "model": self.model, "stop_type": reason,
            "stopping_word": "", "truncated": False, "tokens_predicted": len(tokens) - len(body["prompt"]),
            "tokens_evaluated": len(body["prompt"]), "timings": {"cache_n": 3},
        }  # fmt: skip

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        """One token. Of one that ends inside a character, the server tells no probabilities."""
        logits = np.asarray(self.script(tuple(body["prompt"])), np.float32).astype(np.float64)
        after, biased = body["post_sampling_probs"], logits.copy()
        for token, bias in body.get("logit_bias", ()):
            biased[token] += bias
        if after:
            last = body["prompt"][-1]
            penalty = body["repeat_penalty"]
            biased[last] = biased[last] / penalty if biased[last] > 0 else biased[last] * penalty
        p = _shares(biased if after else logits)
        order = np.lexsort((np.arange(len(p)), -p))[: body["n_probs"]]
        chosen = int(biased.argmax())
        likeliest = [self._entry(token, p, after=after) for token in order]
        told = [{"id": chosen, "top_probs" if after else "top_logprobs": likeliest}]
        ends = [{"token": self.tokenizer.end, "bias": None}] if body.get("ignore_eos") else []
        ends += [{"token": token, "bias": bias} for token, bias in body.get("logit_bias", ())]
        return {
            "content": "", "tokens": [chosen], "model": self.model, "stop": True,
            "generation_settings": {"logit_bias": ends}, "timings": {"cache_n": len(body["prompt"]) - 1},
            **({"completion_probabilities": told} if self._is_whole(chosen) else {}),
        }  # fmt: skip

    def _is_whole(self, token: int) -> bool:
        try:
            return self.tokenizer.is_control(token) or bool(self.tokenizer.piece(token).decode())
        except UnicodeDecodeError:
            return False

    def _entry(self, token: int, p: Any, *, after: bool) -> dict[str, Any]:
        data = b"" if self.tokenizer.is_control(int(token)) else self.tokenizer.piece(int(token))
        value = float(np.float32(p[token])) if after else float(np.float32(np.log(p[token])))
        return {"id": int(token), "token": "", "bytes": list(data), "prob" if after else "logprob": value}


def _shares(logits: Any) -> Any:
    p = np.exp(logits - logits.max())
    return p / p.sum()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body go together: apart, the second waits 40 ms for the first one's receipt
    ours: ScriptedServer

    def do_GET(self) -> None:
        self._do({})

    def do_POST(self) -> None:
        self._do(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _do(self, body: dict[str, Any]) -> None:
        self.ours = self.server.ours  # type: ignore[attr-defined]
        with self.ours.lock:
            self.ours.asked.append((self.path, body))
            self.ours.headers.append(dict(self.headers))
            trick = self.ours.tricks.popleft() if self.ours.tricks and self.path == "/completion" else None
            self.ours.at_once += 1
            self.ours.most_at_once = max(self.ours.most_at_once, self.ours.at_once)
        try:
            if trick is not None and trick(self):
                return
            if body.get("stream"):
                self.stream(self.ours.pieces(body))
            else:
                self.send(json.dumps(self.ours.answer(self.path, body)).encode())
        finally:
            with self.ours.lock:
                self.ours.at_once -= 1

    def send(self, data: bytes, status: int = 200, *, length: int | None = None, **headers: str) -> None:
        """Answer; `length` may promise more than comes."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        with contextlib.suppress(ConnectionError):  # whoever asked may have gone
            self.end_headers()
            self.wfile.write(data)

    def stream(self, pieces: Iterable[dict[str, Any]]) -> None:
        """Answer piece by piece, until there are no more."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
                self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name that http.server gives it)
        """Say nothing."""


def status(code: int, body: bytes = b"{}", **headers: str) -> Trick:
    """Answer with another status."""

    def trick(request: Handler) -> bool:
        request.send(body, code, **headers)
        return True

    return trick


def half(request: Handler) -> bool:
    """Break off in the middle of an answer."""
    request.send(b'{"completion_probabilities": [', length=1000)
    request.close_connection = True
    return True


def answered(request: Handler) -> bool:
    """Answer as usual."""
    return False


def gone(request: Handler) -> bool:
    """Break off and listen no more."""
    request.ours.stop()
    request.close_connection = True
    return True


def broken_off(count: int, **last: Any) -> Trick:
    """End a stream after so many pieces, with `last` as one more, if there is any."""

    def trick(request: Handler) -> bool:
        pieces = list(itertools.islice(request.ours.pieces(request.ours.asked[-1][1]), count))
        request.stream([*pieces, *([last] if last else [])])
        return True

    return trick


def no_json(request: Handler) -> bool:
    """Answer with something else."""
    request.send(b"<html>busy</html>")
    return True


def fewer(request: Handler) -> bool:
    """Tell fewer tokens than were asked for."""
    body = request.ours.asked[-1][1]
    request.send(json.dumps(request.ours.answer("/completion", body | {"n_probs": 3})).encode())
    return True
