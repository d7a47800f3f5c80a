"""Lesser engines: Ollama and servers with OpenAI's API (vLLM's and SGLang's, too) generate by themselves; what they
tell is read.

Guarantee: nothing is made up of what they do not tell: no token ids, no whole rows, so no ledger, no receipt and no
proof of anything. Of each token there are its text and, if told, its probability and those of the likeliest others; of
its entropy a lower bound.

Field by field as documented: Ollama 0.12.11 (docs/api.md: /api/generate, /api/chat, /api/tags, /api/version), OpenAI's
/v1/completions and /v1/chat/completions (API reference of 2025), vLLM 0.11 and SGLang 0.5 (their servers of that API).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tsumami.errors import ModelNotFoundError
from tsumami.models import RemoteName
from tsumami.remote.llama_server import shown_name
from tsumami.remote.wire import Answer, HttpWire, Patience, documented
from tsumami.wording import counted

__all__ = ["TextServer", "ToldText", "ToldToken", "models_of"]

T = TypeVar("T")
_MOST: Final = {"ollama": 20, "openai": 20, "vllm": 20, "sglang": 20}
_MOST_OF_COMPLETIONS: Final = 5


@dataclass(frozen=True, slots=True)
class ToldToken:
    """One token as text, the natural logarithm of its probability, and the likeliest in its place with theirs."""

    text: str
    logprob: float | None = None
    others: tuple[tuple[str, float], ...] = ()

    @property
    def least_entropy(self) -> float | None:
        """The least that the entropy of its row can be, in bits: no token that was not told is likelier than the last
        that was.
        """
        if not self.others:
            return None
        logs = [log for _, log in self.others]
        told = [math.exp(log) for log in logs]
        rest = max(0.0, 1.0 - sum(told))
        return -(sum(p * log for p, log in zip(told, logs, strict=True)) + rest * min(logs)) / math.log(2)


@dataclass(frozen=True, slots=True)
class ToldText:
    """What an engine wrote, its tokens if they were told, why it stopped (its own word), and the model's name there."""

    text: str
    tokens: tuple[ToldToken, ...]
    finish: str
    model: str


class TextServer:
    """A server that generates by itself."""

    def __init__(self, name: RemoteName, patience: Patience | None = None) -> None:
        if len(name.addresses) > 1:
            raise ModelNotFoundError(f"{name.title} takes one address").in_japanese(
                f"{name.title} のアドレスは 1 つです"
            )
        self._name = name
        self._wire = HttpWire(name, name.addresses[0], patience or Patience())
        self._model = name.model

    def generate(
        self, messages: Sequence[Mapping[str, str]], values: Mapping[str, Any], *, raw: bool = False
    ) -> ToldText:
        """The reply to messages, or what goes on after the last one's text (`raw`). values: the server's own settings.

        Raises:
            RemoteError: it does not answer, or not as documented.
        """
        ask = self._ollama if self._name.kind == "ollama" else self._openai
        return self._asked(lambda: ask(messages, values, raw=raw))

    def _asked(self, ask: Callable[[], T]) -> T:
        """What is asked for; a RemoteError where the answer is not as documented."""
        return documented(self._name.title, ask)

    def _ollama(self, messages: Sequence[Mapping[str, str]], values: Mapping[str, Any], *, raw: bool) -> ToldText:
        apart = {name: values[name] for name in ("format", "think") if name in values}
        options = {name: value for name, value in values.items() if name not in apart}
        body = {
            "model": self._model, "stream": False, "logprobs": True, "top_logprobs": _MOST["ollama"],
            "options": options, **apart,
        }  # fmt: skip
        if raw:
            answer = self._wire.post("/api/generate", {**body, "prompt": messages[-1]["content"], "raw": True})
            text = answer["response"]
        else:
            answer = self._wire.post("/api/chat", {**body, "messages": list(messages)})
            text = answer["message"]["content"]
        return ToldText(_text(text), _tokens(answer.get("logprobs")), answer["done_reason"], answer["model"])

    def _openai(self, messages: Sequence[Mapping[str, str]], values: Mapping[str, Any], *, raw: bool) -> ToldText:
        self._model = self._model or self._only_model()
        body = {"model": self._model, "stream": False, **values}
        if raw:
            asked = {**body, "prompt": messages[-1]["content"], "logprobs": _MOST_OF_COMPLETIONS}
            choice, answer = self._choice("/completions", asked)
            return ToldText(_text(choice["text"]), _columns(choice["logprobs"]), _finish(choice), answer["model"])
        asked = {**body, "messages": list(messages), "logprobs": True, "top_logprobs": _MOST["openai"]}
        choice, answer = self._choice("/chat/completions", asked)
        told = (choice.get("logprobs") or {}).get("content")
        return ToldText(_text(choice["message"]["content"]), _tokens(told), _finish(choice), answer["model"])

    def _choice(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], Answer]:
        answer = self._wire.post(self._base + path, body)
        return answer["choices"][0], answer

    def version(self) -> str | None:
        """The version that it tells; None: it tells none."""
        path = {"ollama": "/api/version", "vllm": "/version", "sglang": "/get_server_info"}.get(self._name.kind)
        if path is None or self._name.prefix:
            return None
        told = self._asked(lambda: self._wire.get(path)["version"])
        return told if isinstance(told, str) else None

    def models(self) -> tuple[str, ...]:
        """The names of the models that it has.

        Raises:
            RemoteError: it does not answer, or not as documented.
        """
        return self._asked(self._models)

    def _models(self) -> tuple[str, ...]:
        if self._name.kind == "ollama":
            return tuple(_text(one["name"]) for one in self._wire.get("/api/tags")["models"])
        return tuple(_text(one["id"]) for one in self._wire.get(f"{self._base}/models")["data"])

    def _only_model(self) -> str:
        found = self._models()
        if len(found) != 1:
            raise ModelNotFoundError(
                f"{self._name.title} has {counted(len(found), 'model')}; put one's name behind the address"
            ).in_japanese(
                f"{self._name.title} には {len(found)} 個のモデルがあります。アドレスのあとに名前を書いてください"
            )
        return str(found[0])

    @property
    def _base(self) -> str:
        """What stands before OpenAI's paths, where the name does not say it."""
        return "" if self._name.prefix else "/v1"

    def close(self) -> None:
        """Let go of the connection."""
        self._wire.close()


def models_of(name: RemoteName, patience: Patience | None = None) -> list[str]:
    """The models of an engine, of whatever kind it is.

    Raises:
        RemoteError: it does not answer, or not as documented.
    """
    server = TextServer(name, patience)
    try:
        return [shown_name(one) if name.kind == "llama-server" else one for one in server.models()]
    finally:
        server.close()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _finish(choice: Mapping[str, Any]) -> str:
    return _text(choice["finish_reason"])


def _tokens(told: Any) -> tuple[ToldToken, ...]:
    """Tokens in the form of OpenAI's chats, which is Ollama's, too."""
    return tuple(
        ToldToken(
            _text(one["token"]),
            float(one["logprob"]),
            tuple((_text(other["token"]), float(other["logprob"])) for other in one.get("top_logprobs") or ()),
        )
        for one in told or ()
    )


def _columns(told: Any) -> tuple[ToldToken, ...]:
    """Tokens in the form of OpenAI's completions: a list for each fact."""
    if told is None:
        return ()
    rows = zip(told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True)
    return tuple(
        ToldToken(_text(token), float(log), tuple((text, float(p)) for text, p in (others or {}).items()))
        for token, log, others in rows
    )
