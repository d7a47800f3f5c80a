"""The names of this server, and which pages may speak to it.

Guarantee: a request is answered only if every name that it calls the server by is one of the server's, and only if no
page of another place has sent it. So a foreign page cannot read from a server on loopback by binding its own name to
that address (DNS rebinding), nor have a reader's browser act for it.

The server's names are: loopback's; the host that it listens on, which, if that is more than loopback, is any IP address
(an address cannot be rebound); and the names that its owner gives with --allow-host.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from tsumami.errors import SettingsError
from tsumami.wording import InBoth

_ANY: Final = "*"
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+)(:\d{1,5})?", re.ASCII)
_NAMING: Final = ("host", "x-forwarded-host")


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers of a request, in lower case; a name may come several times."""

    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, raw: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Those of an ASGI scope."""
        return cls(tuple((key.decode("latin-1").lower(), value.decode("latin-1")) for key, value in raw))

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.pairs if key == name]

    def get(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next(iter(self.all(name)), "")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names of a server that listens on `bound`; `allowed` are those that its owner gives, `*` is every name.
    `pages`: pages of other places that may speak to it: their origins, `localhost` (pages of this machine) or `*`.

    Raises:
        SettingsError: one of them is no name.
    """

    bound: str = "127.0.0.1"
    allowed: tuple[str, ...] = ()
    _names: frozenset[str] = field(init=False)
    pages: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        for name in self.allowed:
            if name != _ANY and _HOST.fullmatch(name if ":" not in name or "[" in name else f"[{name}]") is None:
                raise SettingsError(
                    f"--allow-host {name!r}: needs a name or an address such as tsumami.example, without https://"
                ).in_japanese(
                    f"--allow-host {name!r}: https:// のない、tsumami.example のような名前かアドレスにしてください"
                )
        names = (*self.allowed, *(() if _address(self.bound) else (self.bound,)))
        object.__setattr__(self, "_names", frozenset(map(_plain, names)))

    def problem(self, headers: Headers) -> InBoth | None:
        """Why a request with these headers is not answered; None if it is."""
        if len(headers.all("host")) != 1:
            return InBoth("a request needs one Host header", "リクエストには Host ヘッダーが 1 つ要ります")
        for header in _NAMING:
            for value in headers.all(header):
                if (foreign := self._foreign(value)) is not None:
                    return foreign
        return self._other_page(headers)

    def admits(self, origin: str) -> bool:
        """Whether a page of this origin may speak to the server because its owner said so."""
        if _ANY in self.pages or origin in self.pages:
            return True
        return "localhost" in self.pages and _is_loopback_page(origin)

    def embedders(self) -> str:
        """Who may show the page in a frame, in the words of a Content-Security-Policy."""
        names = (f"[{name}]" if ":" in name else name for name in sorted(self._names - {_ANY, ""}))
        return " ".join(("'self'", *names))

    def _foreign(self, value: str) -> InBoth | None:
        """A proxy on the way may have put several names into one header."""
        for part in value.split(","):
            found = _HOST.fullmatch(part.strip())
            if found is None or not self._ours(_plain(found[1])):
                return InBoth(
                    f"this server is not called {part.strip()[:80]!r}; if it is, start it with --allow-host",
                    f"このサーバーの名前は {part.strip()[:80]!r} ではありません。"
                    "そうなら --allow-host を付けて始めてください",
                )
        return None

    def _ours(self, name: str) -> bool:
        address = _address(name)
        if address is not None:
            return address.is_loopback or _ANY in self._names or name in self._names or self._is_open
        return name == "localhost" or _ANY in self._names or name in self._names

    @property
    def _is_open(self) -> bool:
        """Whether it listens beyond loopback."""
        address = _address(self.bound)
        return not address.is_loopback if address else _plain(self.bound) != "localhost"

    def _other_page(self, headers: Headers) -> InBoth | None:
        """Whether a page from elsewhere has sent it. A browser says so in Origin, and where it sends none (a picture, a
        script) in Sec-Fetch-Site; a link that a reader follows is their own doing.
        """
        origins = headers.all("origin")
        if any(not self._same(origin, headers.get("host")) and not self.admits(origin) for origin in origins):
            return InBoth(
                f"the page {origins[0][:80]!r} may not speak to this server; if it may, start it with --allow-host",
                f"ページ {origins[0][:80]!r} はこのサーバーと話せません。"
                "話せるようにするなら --allow-host を付けて始めてください",
            )
        strange = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if not origins and strange and headers.get("sec-fetch-mode") != "navigate":
            return InBoth("another page may not fetch this", "ほかのページからは取得できません")
        return None

    def _same(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            name = _plain(parts.hostname or "")
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        return parts.netloc.lower() == host.lower() or name in self._names


def _is_loopback_page(origin: str) -> bool:
    try:
        name = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    address = _address(name)
    return _plain(name) == "localhost" or (address is not None and address.is_loopback)


def _plain(name: str) -> str:
    return name.strip().lower().removeprefix("[").removesuffix("]").rstrip(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_plain(name))
    except ValueError:
        return None
