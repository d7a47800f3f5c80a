"""Names of engines elsewhere: `llama-server+http://host:port`, `vllm+https://host:8000/model`, and what each kind is.

Guarantee: a name is taken apart here and nowhere else. What it holds is where to ask and for which model, never a key:
a name with a password or a query is refused, and keys come from the environment when something is asked. A
`RemoteName` shows no address when it is printed, so none gets into a log, a receipt or an error by accident.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from tsumami.errors import ModelNotFoundError

__all__ = ["KINDS", "RemoteKind", "RemoteName", "is_remote", "remote_name"]


@dataclass(frozen=True, slots=True)
class RemoteKind:
    """A kind of server: what it is called, the variables its key may stand in, whether a name has to say a model."""

    title: str
    keys: tuple[str, ...]
    names_model: bool
    example: str


KINDS: Final[Mapping[str, RemoteKind]] = {
    "llama-server": RemoteKind("llama-server", ("LLAMA_API_KEY",), False, "llama-server+http://localhost:8080"),
    "vllm": RemoteKind("vLLM", ("VLLM_API_KEY",), False, "vllm+http://localhost:8000"),
    "sglang": RemoteKind("SGLang", ("SGLANG_API_KEY",), False, "sglang+http://localhost:30000"),
    "ollama": RemoteKind("Ollama", ("OLLAMA_API_KEY",), True, "ollama+http://localhost:11434/model"),
    "openai": RemoteKind("an OpenAI-compatible server", ("OPENAI_API_KEY",), True, "openai+https://host/v1/model"),
}
_NAME: Final = re.compile(rf"(?P<kind>{'|'.join(KINDS)})\+(?P<first>https?://.+)", re.IGNORECASE | re.DOTALL)
_FORMS: Final = ", ".join(kind.example for kind in KINDS.values())


@dataclass(frozen=True, slots=True)
class RemoteName:
    """Where to ask: the kind of server, the addresses of the same model (scheme, host, port), and the model's name
    there, if the name says one. `prefix` is a path before the server's own, such as `/v1`.
    """

    kind: str
    addresses: tuple[str, ...] = field(repr=False)
    model: str | None = None
    prefix: str = field(default="", repr=False)

    @property
    def title(self) -> str:
        """What the kind is called."""
        return KINDS[self.kind].title

    @property
    def key(self) -> str | None:
        """The key, as the environment has it now; it is kept nowhere."""
        return next((os.environ[name] for name in KINDS[self.kind].keys if os.environ.get(name)), None)


def is_remote(text: str) -> bool:
    """Whether a model's name is one of an engine elsewhere; asks nobody."""
    return _NAME.fullmatch(text) is not None


def remote_name(text: str, *, whole: bool = True) -> RemoteName:
    """Take a name apart. `whole`: it has to say the model, where there are several.

    Raises:
        ModelNotFoundError: it is none; the message says the forms, and nothing of what was given but the kind.
    """
    found = _NAME.fullmatch(text.strip())
    if found is None:
        raise ModelNotFoundError(f"this is no name of an engine elsewhere; accepted are {_FORMS}").in_japanese(
            f"ほかの場所のエンジンの名前ではありません。使える形は {_FORMS} です"
        )
    kind = found["kind"].lower()
    parts = [_split(kind, one.strip()) for one in found["first"].split(",")]
    paths = {path for _, path in parts}
    if len(paths) > 1:
        raise _refused(
            kind,
            "several addresses are of the same model, so they end alike",
            "複数のアドレスは同じモデルのもので、終わりが同じです",
        )
    prefix, model = _path(kind, paths.pop(), whole=whole)
    return RemoteName(kind, tuple(dict.fromkeys(address for address, _ in parts)), model, prefix)


def _split(kind: str, address: str) -> tuple[str, str]:
    """Scheme, host and port of one address, and the path behind them."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _refused(kind, "host or port cannot be read", "ホストかポートが読めません") from error
    if parts.scheme.lower() not in ("http", "https") or not host or re.search(r"[\s\\]", address):
        raise _refused(
            kind,
            "an address is http:// or https://, a host and a port",
            "アドレスは http:// か https:// とホストとポートです",
        )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        keys = " or ".join(KINDS[kind].keys)
        raise _refused(
            kind,
            f"an address holds no user, password or query; a key is read from {keys}",
            f"アドレスにユーザー、パスワード、? 以下は書けません。鍵は {keys} から読みます",
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme.lower()}://{shown}{'' if port is None else f':{port}'}", parts.path.strip("/")


def _path(kind: str, path: str, *, whole: bool) -> tuple[str, str | None]:
    """The path before the server's own, and the model: of `v1/owner/model` the prefix is `/v1`."""
    if kind == "llama-server":
        return (f"/{path}" if path else ""), None
    prefix = "/v1" if path == "v1" or path.startswith("v1/") else ""
    model = path.removeprefix("v1").strip("/") if prefix else path
    if whole and KINDS[kind].names_model and not model:
        raise _refused(
            kind, "the model's name there stands behind the address", "そこでのモデルの名前をアドレスのあとに書きます"
        )
    return prefix, model or None


def _refused(kind: str, why: str, why_ja: str) -> ModelNotFoundError:
    title, example = KINDS[kind].title, KINDS[kind].example
    return ModelNotFoundError(f"this name of {title} cannot be used: {why}, as in {example}").in_japanese(
        f"この {title} の名前は使えません。{why_ja}（例: {example}）"
    )
