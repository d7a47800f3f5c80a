"""The API as the server itself describes it: calls that Schemathesis makes from its OpenAPI description.

Must hold: as for `bodies`. Replies are kept to a token, so that ten thousand calls come to an end.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from hypothesis import strategies as st

from storm.attacks.bodies import HttpDoor, Request
from storm.options import Options

try:
    import schemathesis
except ImportError as error:
    raise ImportError("calls from a description are made by Schemathesis; `make storm` installs it") from error

TITLE: Final = "calls that Schemathesis makes from the server's own description"
DOOR: Final = "HTTP"
_BASE: Final = "/gradio_api/"
#: The description of the server behind the door that is open.
_described: dict[str, Any] = {}


def inputs() -> st.SearchStrategy[Request]:
    """Method, route, body and headers, for every operation that takes JSON or nothing."""
    operations = (one.ok() for one in schemathesis.openapi.from_dict(_described).get_all_operations())
    return st.one_of(*(one.as_strategy().map(_plain) for one in operations if not one.path.endswith("/upload")))


def _plain(case: Any) -> Request:
    body = case.body if isinstance(case.body, dict) else {}
    settings = body.get("settings")
    if settings is None or isinstance(settings, dict):
        body = {**body, "settings": {**(settings or {}), "max_tokens": 1}}
    if isinstance(body.get("model"), str) and "/" in body["model"]:  # which would be asked of the hub
        body = {**body, "model": None}
    return case.method.upper(), case.formatted_path.removeprefix(_BASE), json.dumps(body), {}


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:
    """Ask the server, and read its answer and its log."""
    opened = HttpDoor(options)
    try:
        _described.update(opened.described())
        yield opened
    finally:
        opened.close()
