"""The wire: JSON asked of one address over HTTP, and what to say when it goes wrong.

Guarantee: nothing is sent to any host but the one that was named: redirects are not followed and no proxy of the
environment is used. Neither addresses nor keys nor contents stand in an error or in a log. What may pass (a time-out, a
connection that breaks, 429, 503, half an answer) is tried again with growing pauses while there is patience; what
cannot is an error at once. A request whose asker is cancelled is given up together with its connection.

`httpx` is loaded when the first engine elsewhere is opened, and not before.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic_core import from_json  # a third of json's time for a row

from tsumami.errors import EngineClosedError, RemoteError
from tsumami.models import RemoteName

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "AsyncHttpWire", "HttpWire", "Patience", "documented"]

#: An answer: a JSON object.
Answer = dict[str, Any]
_T = TypeVar("_T")
_BUSY: Final = (429, 502, 503, 504)
_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for a connection, for an answer, in all for one that fails and may yet come, and in
    all for a server that has never answered: more likely its name is wrong than that it is being started anew.
    """

    connect: float = 10.0
    answer: float = 600.0
    total: float = 30.0
    stranger: float = 3.0
    first_pause: float = 0.25
    longest_pause: float = 5.0

    def pause(self, tries: int, error: RemoteError, begun: float, *, known: bool = True) -> float | None:
        """How long to wait before the next try; None if there should be none. known: the server has answered before, or
        does so now, if only that it is not ready.
        """
        pause = min(self.first_pause * 2**tries, self.longest_pause) if error.after is None else error.after
        late = time.monotonic() - begun + pause > (self.total if known else min(self.stranger, self.total))
        return None if late or not error.again else pause


class HttpWire:
    """Asks one address, and waits."""

    def __init__(self, name: RemoteName, address: str, patience: Patience) -> None:
        import httpx

        self._name, self._patience, self._known = name, patience, False
        self._client = httpx.Client(**_options(address, patience), event_hooks={"response": [self._note]})

    def _note(self, _: object) -> None:
        """It has answered, whatever that is."""
        self._known = True

    def get(self, path: str) -> Answer:
        """Ask without a body."""
        return self._asked(lambda: self._client.get(self._name.prefix + path, headers=_headers(self._name)))

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Ask with a JSON body."""
        return self._asked(lambda: self._client.post(self._name.prefix + path, json=body, headers=_headers(self._name)))

    def _asked(self, ask: Callable[[], httpx.Response]) -> Answer:
        begun, tries = time.monotonic(), 0
        if self._client.is_closed:
            raise EngineClosedError("this model was closed; load it again").in_japanese(
                "このモデルは閉じられました。もう一度読み込んでください"
            )
        while True:
            try:
                return _read(self._name.title, ask)
            except RemoteError as error:
                pause = self._patience.pause(tries, error, begun, known=self._known)
                if pause is None:
                    raise
            time.sleep(pause)
            tries += 1

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


class AsyncHttpWire:
    """Asks one address from an event loop; made and closed in it."""

    def __init__(
        self, name: RemoteName, address: str, patience: Patience, connections: int, look: tuple[str, Callable[..., Any]]
    ) -> None:
        """`look`: what to ask, and what is to look at the answer, once a connection has failed: the server may have
        been started anew with another model.
        """
        import httpx

        self._name, self._patience, self._look = name, patience, look
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx.AsyncClient(**_options(address, patience), limits=limits)

    async def post(self, path: str, body: Mapping[str, Any], read: Callable[[Answer], Any]) -> Any:
        """Ask with a JSON body, and give what `read` makes of the answer; a RemoteError of `read` counts as one of the
        answer.
        """
        begun, tries = time.monotonic(), 0
        while True:
            try:
                if tries:
                    self._look[1](await self._once(self._look[0]))
                return read(await self._once(path, body))
            except RemoteError as error:
                pause = self._patience.pause(tries, error, begun)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            tries += 1

    async def listen(self, path: str, body: Mapping[str, Any], take: Callable[[Answer], Any]) -> None:
        """Ask with a JSON body for an answer that comes in pieces (server-sent events), and hand each to `take`. It is
        asked again only as long as nothing has come; a RemoteError of `take` ends it.
        """
        begun, tries, told = time.monotonic(), 0, False

        def noted(piece: Answer) -> None:
            nonlocal told
            told = True
            take(piece)

        while True:
            try:
                if tries:
                    self._look[1](await self._once(self._look[0]))
                return await self._pieces(path, body, noted)
            except RemoteError as error:
                pause = None if told else self._patience.pause(tries, error, begun)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            tries += 1

    async def _pieces(self, path: str, body: Mapping[str, Any], take: Callable[[Answer], Any]) -> None:
        import httpx

        title = self._name.title
        try:
            async with self._client.stream(
                "POST", self._name.prefix + path, json=body, headers=_headers(self._name)
            ) as response:
                if response.status_code != 200:
                    await response.aread()
                    _content(title, response)
                if "text/event-stream" not in response.headers.get("content-type", ""):
                    raise RemoteError(f"{title} answered with something that is no stream", again=True).in_japanese(
                        f"{title} の答えがストリームではありません"
                    )
                async for line in response.aiter_lines():
                    if line.startswith("data:") and line != "data: [DONE]":
                        take(_piece(title, line.removeprefix("data:")))
                    elif line.startswith("error:"):
                        raise _broken_off(title)
        except (httpx.HTTPError, UnicodeError) as error:
            raise _failure(title, error) from None

    async def _once(self, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        import httpx

        try:
            headers, method = _headers(self._name), "GET" if body is None else "POST"
            response = await self._client.request(method, self._name.prefix + path, json=body, headers=headers)
        except (httpx.HTTPError, UnicodeError) as error:
            raise _failure(self._name.title, error) from None
        return _content(self._name.title, response)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


def _options(address: str, patience: Patience) -> dict[str, Any]:
    import httpx

    for logger in _LOGGERS:
        logging.getLogger(logger).addFilter(_is_serious)
    return {
        "base_url": address,
        "timeout": httpx.Timeout(patience.answer, connect=patience.connect, pool=None),
        "follow_redirects": False,
        "trust_env": False,  # else HTTP_PROXY would send it to another host
        "verify": ssl.create_default_context() if address.startswith("https:") else False,
    }


def _is_serious(record: logging.LogRecord) -> bool:
    """What httpx tells of every request names its address."""
    return record.levelno >= logging.WARNING


def _headers(name: RemoteName) -> dict[str, str]:
    key = name.key
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _read(title: str, ask: Callable[[], httpx.Response]) -> Answer:
    import httpx

    try:
        response = ask()
    except (httpx.HTTPError, UnicodeError) as error:
        raise _failure(title, error) from None  # httpx's own message and request name the address
    return _content(title, response)


def _failure(title: str, error: Exception) -> RemoteError:
    """What to say of a request that got no answer."""
    import httpx

    if _is_of(error, ssl.SSLError):
        return RemoteError(
            f"{title} cannot be trusted: its TLS certificate was not accepted. Name it as the certificate does, or "
            "give the authority that signed it in SSL_CERT_FILE"
        ).in_japanese(
            f"{title} を信頼できません。TLS の証明書が受け入れられませんでした。"
            "証明書のとおりの名前で呼ぶか、署名した認証局を SSL_CERT_FILE に指定してください"
        )
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return RemoteError(
            f"{title} cannot be reached at the address that was named; is it running?", again=True
        ).in_japanese(f"{title} は、指定されたアドレスで応答しません。動いていますか")
    if isinstance(error, httpx.TimeoutException):
        return RemoteError(f"{title} did not answer in time", again=False).in_japanese(
            f"{title} は時間内に答えませんでした"
        )
    return RemoteError(f"the connection to {title} broke in the middle of an answer", again=True).in_japanese(
        f"{title} との接続が、答えの途中で切れました"
    )


def _is_of(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an error was caused by one of a kind."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None


def _content(title: str, response: httpx.Response) -> Answer:
    """The object that an answer holds."""
    status = response.status_code
    if 300 <= status < 400:
        raise RemoteError(
            f"{title} sends on to another address ({status}), which is not followed; name that one"
        ).in_japanese(
            f"{title} は別のアドレスに送ろうとしますが（{status}）、たどりません。そのアドレスを指定してください"
        )
    if status in (401, 403):
        raise RemoteError(
            f"{title} wants a key ({status}); it is read from the environment, see docs/remote.md"
        ).in_japanese(f"{title} には鍵が要ります（{status}）。環境変数から読みます（docs/remote.ja.md）")
    if status in _BUSY:
        after = response.headers.get("retry-after", "")
        raise RemoteError(
            f"{title} is busy or not ready yet ({status})", again=True, after=float(after) if after.isdigit() else None
        ).in_japanese(f"{title} は混んでいるか、まだ準備中です（{status}）")
    if status >= 400:
        raise RemoteError(
            f"{title} refused the request ({status}{_kind_of_problem(response)})", again=status >= 500
        ).in_japanese(f"{title} が断りました（{status}{_kind_of_problem(response)}）")
    try:
        made = from_json(response.content)
    except ValueError:
        made = None
    if not isinstance(made, dict):
        raise RemoteError(f"{title} answered with something that is no JSON object", again=True).in_japanese(
            f"{title} の答えが JSON のオブジェクトではありません"
        )
    return made


def _piece(title: str, text: str) -> Answer:
    """The object that a piece of an answer is."""
    try:
        made = from_json(text)
    except ValueError:
        made = None
    if not isinstance(made, dict) or "error" in made:
        raise _broken_off(title)
    return made


def documented(title: str, ask: Callable[[], _T]) -> _T:
    """What `ask` reads of an answer of the server of that title.

    Raises:
        RemoteError: the answer is not as documented.
    """
    try:
        return ask()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise RemoteError(f"{title} did not answer as documented: {type(error).__name__}").in_japanese(
            f"{title} の答えが文書のとおりではありません: {type(error).__name__}"
        ) from None


def _broken_off(title: str) -> RemoteError:
    return RemoteError(f"{title} broke off in the middle of an answer", again=True).in_japanese(
        f"{title} の答えが途中で終わりました"
    )


def _kind_of_problem(response: httpx.Response) -> str:
    """The kind of an error as servers name it, such as `exceed_context_size_error`; a message could hold the prompt."""
    try:
        kind = response.json()["error"]["type"]
    except (ValueError, KeyError, TypeError):
        return ""
    plain = isinstance(kind, str) and kind.isascii() and kind.replace("_", "").isalnum() and len(kind) < 60
    return f", {kind}" if plain else ""
