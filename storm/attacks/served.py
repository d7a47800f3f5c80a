"""`tsumami serve` as its own OpenAPI page describes it: calls that Schemathesis makes, good ones and bad ones.

Must hold: an answer is 200, or an error in llama-server's form that says what is wrong. A body that cannot be is a 400
that names a field which the caller wrote or left out, or says that the body as a whole is none; never a status of 5xx,
never an exception in the application. What is there must answer at the end as at the beginning. The application is
called in this process, without a socket; replies are kept to a token.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
from hypothesis import strategies as st

import tsumami
from storm import hostile
from storm.judge import of_answer
from storm.options import Options
from tsumami.errors import TsumamiError
from tsumami.serve import ApiService, KeptRuns, ServeOptions
from tsumami.serve.outside import outside
from tsumami.serve.served import served
from tsumami.web.farewell import Farewell

try:
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.core import NotSet
except ImportError as error:
    raise ImportError("calls from a description are made by Schemathesis; `make storm` installs it") from error

TITLE: Final = "`tsumami serve`: calls that Schemathesis makes from its OpenAPI page, bodies that fit and that do not"
DOOR: Final = "HTTP, in the process"
#: Bytes that Schemathesis itself comes to hold, which is in the same process; calls that are only made again take none.
ROOM: Final = 64 << 20
_LENGTHS: Final = ("n_predict", "max_tokens", "max_completion_tokens")
_KEPT: Final = 32  # runs: so few that they are all there when memory is looked at for the first time
_GENERATES: Final = re.compile(r"completions?$|/generate")
#: Of a body as a whole.
_WHOLE: Final = ("UTF-8", "JSON")
_GOOD: Final = {"prompt": "The sky", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "max_length": 1}
#: The description of the server behind the door that is open.
_described: dict[str, Any] = {}

Call = tuple[str, str, bytes]


def inputs() -> st.SearchStrategy[Call]:
    """Method, route and body, for every operation."""
    operations = [one.ok() for one in schemathesis.openapi.from_dict(_described).get_all_operations()]
    drawn = []
    for one in operations:
        drawn.append(one.as_strategy().map(_completed))
        if one.body:
            drawn += [one.as_strategy(generation_mode=GenerationMode.NEGATIVE).map(_plain), _with_one_wrong(one)]
    return st.one_of(*drawn)


def _with_one_wrong(operation: Any) -> st.SearchStrategy[Call]:
    """A good body, of which one field is anything; or its bytes, damaged."""
    path = operation.path
    names = sorted(next(iter(operation.body)).definition["schema"]["properties"])
    bodies = st.tuples(st.sampled_from(names), hostile.json_values(most=4)).map(lambda one: {**_GOOD, one[0]: one[1]})
    whole = bodies.map(lambda body: ("POST", path, _bytes(path, body)))
    return st.one_of(whole, whole, whole, hostile.damaged([_bytes(path, _GOOD)]).map(lambda data: ("POST", path, data)))


def _completed(case: Any) -> Call:
    """With what has to be there, so that what fits goes all the way."""
    if isinstance(case.body, dict):
        case.body = {**_GOOD, **case.body}
    return _plain(case)


def _plain(case: Any) -> Call:
    return case.method.upper(), case.formatted_path, _bytes(case.path, case.body)


def _bytes(path: str, body: Any) -> bytes:
    """The body as it is sent: what would write on and on is kept to a token."""
    if isinstance(body, bytes | NotSet):
        return body if isinstance(body, bytes) else b""
    if not isinstance(body, dict):
        return json.dumps(body).encode()
    if _GENERATES.search(path):
        names = ("max_length",) if "generate" in path else _LENGTHS
        given = {name: body.get(name) for name in names}
        long = {name: 1 for name, value in given.items() if type(value) is int and (value > 1 or value == -1)}
        body = {**body, **long}
        if all(value is None for value in given.values()):
            body[names[0]] = 1
    return json.dumps(body).encode()


class _AppDoor:
    """A service in this process, asked as a server would ask it."""

    def __init__(self, model: tsumami.Model) -> None:
        self._loop = asyncio.Runner()
        service = ApiService(served(model, "model.gguf"), ServeOptions(), kept=KeptRuns(_KEPT))
        self._app: Any = outside(service, service.options.hosts, Farewell())
        _described.update(self._loop.run(self._ask("GET", "/openapi.json", b"")).json())
        self._health()

    def __call__(self, given: Call) -> None:
        method, path, body = given
        answer = self._loop.run(self._ask(method, path, body))
        judgement = of_answer(answer.status_code, answer.text, error=False)
        if judgement.verdict == "refused":
            _check_words(answer, body)
            raise TsumamiError(judgement.why)
        if judgement.verdict != "passed":
            raise RuntimeError(judgement.why)

    async def _ask(self, method: str, path: str, body: bytes) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)  # an exception in there comes out here
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            headers = {"content-type": "application/json"} if body else {}
            return await client.request(method, path, content=body, headers=headers)

    def _health(self) -> None:
        """Raises if it answers no more."""
        good = json.dumps({"prompt": "The sky", "n_predict": 1, "seed": 1}).encode()
        for method, path, body in (("GET", "/health", b""), ("POST", "/completion", good)):
            assert self._loop.run(self._ask(method, path, body)).status_code == 200

    def close(self) -> None:
        """Look whether it still answers."""
        self._health()
        self._loop.close()


def _check_words(answer: httpx.Response, body: bytes) -> None:
    """Raises where a refusal does not say what of the body is wrong."""
    error = answer.json()["error"]
    if answer.status_code != 400 or any(one in error["message"] for one in _WHOLE):
        return
    names = {*json.loads(body or b"{}"), "prompt", "messages"}
    said = f"{error['message']} {error.get('param', '')} {error['type']}"
    if "exceed_context" not in said and not any(name and name in said for name in names):
        raise RuntimeError(f"a refusal that names no field: {error['message'][:500]}")


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:
    """Ask the application, and read its answer."""
    with tsumami.load(options.model, n_ctx=512, threads=1) as model:
        opened = _AppDoor(model)
        yield opened
        opened.close()
