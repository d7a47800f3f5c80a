"""The gate before the site: what is let in, and how much of it.

Guarantee: a request for a name that is not this server's, or from a page of another place, reaches nothing behind here
(hosts.py). No caller has more requests, pages or bytes than `Limits` allow; whoever would is told so in words (413,
429, 503), in the language of the page or of the request's headers, and those who are inside notice nothing. What is
let in is `Passing`'s.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tsumami.web.callers import caller_of
from tsumami.web.farewell import Asgi, Receive, Scope, Send
from tsumami.web.hosts import Headers, Hosts
from tsumami.web.limits import Limits
from tsumami.web.passing import Passing, Refused, Told, refusal
from tsumami.wording import InBoth, asked_in, counted

_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Coming:
    """One request: who sends it, and what it asks for."""

    caller: str
    path: str
    method: str
    headers: Headers

    @classmethod
    def of(cls, scope: Scope) -> Coming:
        """The request of an ASGI scope."""
        address = scope.get("client")
        caller = caller_of(address[0] if address else "")
        return cls(caller, scope["path"], scope["method"], Headers.of(scope["headers"]))

    @property
    def length(self) -> int:
        """The bytes of the body, as far as it says so."""
        said = self.headers.get("content-length")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0


def _never(_: Coming) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Kinds:
    """What requests are, to the application behind a gate.

    upload: it brings a file. page: what a page or a script holds open as long as it is there. call: the answer is the
    work itself, which nobody wants once the caller has gone.
    """

    upload: Callable[[Coming], bool] = _never
    page: Callable[[Coming], bool] = _never
    call: Callable[[Coming], bool] = _never


@dataclass(slots=True)
class _Uploads:
    """The bytes that each caller has uploaded in the last hour."""

    most: int
    _brought: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)

    def charge(self, caller: str, count: int) -> None:
        """Count some bytes.

        Raises:
            Refused: they are too many.
        """
        now = time.monotonic()
        self._forget(now - _HOUR)
        brought = self._brought.setdefault(caller, deque())
        if sum(size for _, size in brought) + count > self.most:
            raise Refused(
                429,
                InBoth(
                    f"your files of the last hour are {counted(self.most, 'byte')}, and no more are taken now",
                    f"この 1 時間に受け取るファイルは {self.most:,} バイトまでで、いまはこれ以上受け取れません",
                ),
            )
        if brought and now - brought[-1][0] < 1:
            when, before = brought.pop()
            brought.append((when, before + count))
        else:
            brought.append((now, count))

    def _forget(self, until: float) -> None:
        for caller, brought in list(self._brought.items()):
            while brought and brought[0][0] < until:
                brought.popleft()
            if not brought:
                del self._brought[caller]


class Gate:
    """An ASGI application before another. kinds: what its requests are; told: how a refusal is written."""

    def __init__(
        self, inside: Asgi, hosts: Hosts, limits: Limits, kinds: Kinds | None = None, told: Told = refusal
    ) -> None:
        self._inside = inside
        self._kinds = kinds or Kinds()
        self._told = told
        self._hosts = hosts
        self._limits = limits
        self._open: Counter[str] = Counter()
        self._pages: Counter[str] = Counter()
        self._uploads = _Uploads(limits.uploads_bytes)
        self._frames = f"frame-ancestors {hosts.embedders()}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say why not."""
        if scope["type"] == "lifespan":
            await self._inside(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:  # nothing here speaks through web sockets
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "there is nothing here"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Coming.of(scope)
        try:
            self._check(visit)
            with (
                _counted(self._open, visit.caller),
                _counted(self._pages, visit.caller, counts=self._kinds.page(visit)),
            ):
                passing = Passing(self._inside, self._charge(visit), self._frames, watched=self._kinds.call(visit))
                await passing.run(scope, receive, send)
        except Refused as refused:
            language = asked_in(visit.path, visit.headers.get("accept-language"))
            await refused.answer(receive, send, self._told, language)

    def _check(self, visit: Coming) -> None:
        """Raises `Refused` for what is not let in."""
        limits, caller = self._limits, visit.caller
        if (problem := self._hosts.problem(visit.headers)) is not None:
            raise Refused(403, problem)
        if self._open.total() >= limits.connections:
            raise Refused(
                503,
                InBoth(
                    f"this server answers {counted(limits.connections, 'request')} at once and no more; try again soon",
                    f"このサーバーが一度に答えるのは {limits.connections} 個のリクエストまでです。"
                    "少し待ってやり直してください",
                ),
            )
        if self._open[caller] >= limits.caller_connections:
            raise Refused(
                429,
                InBoth(
                    f"{counted(self._open[caller], 'request of yours is', 'requests of yours are')} open, and no "
                    "more at once",
                    f"開いているリクエストが {self._open[caller]} 個あり、一度にこれ以上は開けません",
                ),
            )
        if self._kinds.page(visit) and self._pages[caller] >= limits.sessions:
            raise Refused(
                429,
                InBoth(
                    f"{counted(self._pages[caller], 'page or script of yours is', 'pages or scripts of yours are')} "
                    "open, and no more may be",
                    f"開いているページやスクリプトが {self._pages[caller]} 個あり、これ以上は開けません",
                ),
            )
        if visit.length > self._room(visit):
            raise self._too_large(visit)

    def _room(self, visit: Coming) -> int:
        return self._limits.upload_bytes if self._kinds.upload(visit) else self._limits.body_bytes

    def _too_large(self, visit: Coming) -> Refused:
        return Refused(
            413,
            InBoth(
                f"this is too large: a request to this address may bring {counted(self._room(visit), 'byte')}",
                f"大きすぎます。このアドレスへのリクエストは {self._room(visit):,} バイトまでです",
            ),
        )

    def _charge(self, visit: Coming) -> Callable[[int], None]:
        """What counts the body of a request as it comes."""
        brought = 0

        def charge(count: int) -> None:
            nonlocal brought
            brought += count
            if brought > self._room(visit):
                raise self._too_large(visit)
            if self._kinds.upload(visit):
                self._uploads.charge(visit.caller, count)

        return charge


@contextlib.contextmanager
def _counted(counter: Counter[str], caller: str, *, counts: bool = True) -> Iterator[None]:
    counter[caller] += counts
    try:
        yield
    finally:
        counter[caller] -= counts
        if not counter[caller]:
            del counter[caller]
