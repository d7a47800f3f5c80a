"""Who asks: somebody at this machine, or somebody from elsewhere.

Guarantee: from elsewhere is everybody of whom anything speaks for it: an address that is not loopback, a proxy on the
way, a host name that is not loopback's (a foreign page whose name was bound to loopback), or another page's script.
From there no path can be named, no engine elsewhere, and no model that would have to be fetched: only what is here and
has a name, so no caller makes this server reach a host. At home a
path is a model's or it is not, and no answer tells what lies there instead.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import fastapi

from tsumami.errors import ModelError, ModelNotFoundError, OutOfMemoryError
from tsumami.models import catalogue, is_name, is_remote, no_such_model

_PROXY_MARKS: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def at_home(asked: fastapi.Request | None) -> bool:
    """Whether a request was sent from this machine, to this machine by its loopback name, and by no foreign page. None
    is a request of which nothing is known.
    """
    if asked is None or asked.client is None or any(mark in asked.headers for mark in _PROXY_MARKS):
        return False
    host, origin = asked.headers.get("host", ""), asked.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return False
    return _is_loopback(asked.client.host) and _is_loopback(urlsplit(f"//{host}").hostname or "")


def caller_of(address: str) -> str:
    """Whom an address speaks for: itself, and in IPv6 its network, of which one caller has 2⁶⁴ addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


@contextlib.contextmanager
def naming(model: str, home: bool) -> Iterator[None]:
    """A block that loads a model which a caller has named.

    Raises:
        ModelNotFoundError: from elsewhere a path, or a model that is not here; or a path where no model lies. The
            message is the same for all that may lie there.
    """
    named = is_name(model)
    if not home and is_remote(model):
        raise ModelNotFoundError(
            "an engine elsewhere can be named only at the machine on which tsumami runs"
        ).in_japanese("ほかの場所のエンジンを指定できるのは、tsumami が動いているマシンの上だけです")
    if not home and not named:
        raise no_such_model(model, paths=False)
    if not home and not _is_here(model):
        raise ModelNotFoundError(
            f"{model} is not on this machine, and only at this machine it can be asked to be fetched"
        ).in_japanese(f"{model} はこのマシンにありません。取得を頼めるのは、このマシンの上だけです")
    try:
        yield
    except OutOfMemoryError:
        raise
    except ModelError as error:
        if home and (named or is_remote(model)):
            raise
        if named:
            raise ModelNotFoundError(f"{model} is on this machine, but it cannot be loaded").in_japanese(
                f"{model} はこのマシンにありますが、読み込めません"
            ) from error
        hint = f"if it is a path, `tsumami doctor -m {model}` in a terminal says what is wrong with it"
        hint_ja = f"パスなら、ターミナルの `tsumami doctor -m {model}` で何が悪いかわかります"
        raise no_such_model(model, hint=(hint, hint_ja)) from error


def _is_here(name: str) -> bool:
    """An alias is one in any case; the other names are as they are."""
    return any(entry.here and entry.name in (name, name.lower()) for entry in catalogue())


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
