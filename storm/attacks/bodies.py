"""HTTP bodies: any JSON, nearly fitting calls of every endpoint, damaged bytes, on every route that takes something.

Must hold: an answer is the endpoint's, or an error with words (a status of 4xx, or the API's own error); never a status
of 5xx, never a traceback in the log. What the server holds afterwards is what it held when it was warm.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
from hypothesis import strategies as st

from storm import hostile
from storm.judge import GOOD
from storm.options import Options
from storm.serving import Answer, Caller, Server, last
from tsumami.app.api import endpoints
from tsumami.errors import TsumamiError

TITLE: Final = "bodies of any form, on every route that takes something"
DOOR: Final = "HTTP"

_SHORT: Final = {"max_tokens": 1, "seed": 1}
#: What a caller would give, by the name of the parameter.
_FITTING: Final[dict[str, Any]] = {
    "prompt": "The sky", "settings": _SHORT, "model": None, "name": None, "messages": [{"role": "user",
    "content": "Hi"}], "template": "model",
    "system": "Be brief.", "memory": -1, "text": "Hi 猫", "add_special": True, "parse_special": True,
    "run": {"version": 1}, "a": {}, "b": {}, "index": 0,
    "token": 1, "step": 0, "lanes": [{"top_k": 4}, {"top_k": 9}], "audio": None, "language": "en", "size": "base",
    "voice": None, "speed": 1.0,
}  # fmt: skip
_FILES: Final = st.sampled_from((
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, {"path": "", "meta": {"_type": "gradio.FileData"}},
    {"path": "x"},
    {"url": "http://127.0.0.1:1/x", "meta": {"_type": "gradio.FileData"}, "path": "a.wav"},
))  # fmt: skip
_ROUTES: Final = (
    "call/run",
    "queue/join",
    "upload",
    "reset",
    "cancel",
    "api/run",
    "run/predict",
    "component_server",
    "call/nothing",
    "queue/data",
    "info",
)

Request = tuple[str, str, bytes | str, dict[str, str]]


def inputs() -> st.SearchStrategy[Request]:
    """Method, route, body and headers."""
    calls = st.sampled_from(endpoints.ENDPOINTS).flatmap(lambda one: st.tuples(
        st.just("POST"), st.just(f"call/{one.name}"), _arguments(tuple(one.parameters)).map(json.dumps), st.just({}),
    ))  # fmt: skip
    body = (
        hostile.json_values().map(json.dumps)
        | st.binary(max_size=60)
        | hostile.damaged([b'{"data": ["The sky", {"max_tokens": 1}, null]}'])
    )
    kind = st.sampled_from(
        (
            {},
            {"content-type": "text/plain"},
            {"content-type": "multipart/form-data; boundary=x"},
            {"content-type": "multipart/form-data"},
        )
    )
    routes = st.sampled_from((*_ROUTES, *(f"call/{one.name}" for one in endpoints.ENDPOINTS)))
    anything = st.tuples(st.sampled_from(("POST", "POST", "GET", "PUT", "DELETE", "PATCH")), routes, body, kind)
    return st.one_of(calls, calls, calls, anything)


def _arguments(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    def value(name: str) -> st.SearchStrategy[Any]:
        fitting = st.just(_FITTING[name])
        if name == "settings":
            more = st.dictionaries(
                hostile.texts(most=8) | st.sampled_from(("top_k", "stop", "grammar", "json_schema", "samplers")),
                hostile.json_values(most=3),
                max_size=2,
            )
            return st.one_of(
                fitting,
                more.map(lambda some: {**some, **_SHORT}),
                hostile.json_values(most=3).filter(lambda some: some not in ({}, None)),
            )
        if name == "audio":
            return _FILES | hostile.json_values(most=3)
        if name in ("model", "name"):  # no name that would be asked of the hub
            return fitting | hostile.json_values(most=3).filter(
                lambda some: not isinstance(some, str) or "/" not in some
            )
        return st.one_of(fitting, fitting, hostile.json_values(most=4))

    whole = st.tuples(*map(value, names)).map(list)
    cut = st.builds(lambda some, at: some[:at], whole, st.integers(0, 6))
    return st.one_of(whole, whole, whole, cut).map(lambda data: {"data": data})


class HttpDoor:
    """A server, begun anew when it has died."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._server = Server(options)
        self._caller = Caller(self._server.url, options.patience)

    @property
    def pid(self) -> int:
        """Whose footprint counts."""
        return self._server.process.pid

    def __call__(self, given: Request) -> None:
        since = self._server.log.stat().st_size
        try:
            answer = self._ask(*given)
        except httpx.TransportError:  # a connection that was kept, and closed by the other side just then
            answer = self._ask(*given)
        judgement = self._server.judged(answer.judgement, since)
        if not self._server.alive:
            self.close()
            self.__init__(self._options)  # type: ignore[misc]  # as it was
        if judgement.verdict not in GOOD:
            raise RuntimeError(judgement.why)
        if judgement.verdict == "refused":
            raise TsumamiError(judgement.why)

    def _ask(self, method: str, route: str, body: bytes | str, headers: dict[str, str]) -> Answer:
        http, address = self._caller.http, f"{self._caller.base}/{route}"
        headers = {"content-type": "application/json", **headers}
        with http.stream(method, address, content=body, headers=headers) as asked:
            if asked.headers.get("content-type", "").startswith("text/event-stream"):
                return Answer(asked.status_code, "a stream")  # which waits for events that nobody sends
            asked.read()
        event = asked.json().get("event_id") if asked.status_code == 200 and route.startswith("call/") else None
        if event is None or method != "POST":
            return Answer(asked.status_code, asked.text)
        reading = f"{address.replace('/call/v2/', '/call/')}/{event}"
        return last(self._caller.events(reading), Answer(200, "nothing came", error=True))

    def described(self) -> dict[str, Any]:
        """The server's OpenAPI description."""
        found: dict[str, Any] = self._caller.http.get(f"{self._caller.base}/openapi.json").json()
        return found

    def close(self) -> None:
        """Hang up, and end the server."""
        self._caller.close()
        self._server.kill()


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:
    """Ask the server, and read its answer and its log."""
    opened = HttpDoor(options)
    try:
        opened(("POST", "call/run", json.dumps({"data": ["The sky", _SHORT, None]}), {}))
        yield opened
    finally:
        opened.close()
