"""The application: every route, what is wrong as answers, and a page that lists them.

Guarantee: whatever a caller sends, the answer is JSON in llama-server's form, and the server goes on. `/` and
`/openapi.json` say what there is, from the same rows; no page loads anything from elsewhere.
"""

from __future__ import annotations

import functools
import html
from collections.abc import Awaitable, Callable, Iterator
from importlib.metadata import version
from typing import Any, Final

import fastapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tsumami.errors import TsumamiError
from tsumami.serve.answers import Json
from tsumami.serve.bodies import SAMPLED, read_body
from tsumami.serve.faults import Fault, fault_form, fault_of, language_of
from tsumami.serve.keys import Keys
from tsumami.serve.routes import ROUTES, Route
from tsumami.serve.routes.about import HEALTH
from tsumami.serve.service import ApiService
from tsumami.web.passing import Refused
from tsumami.wording import InBoth

__all__ = ["api", "is_ours"]

_TITLE: Final = "tsumami serve"
_OPENAPI: Final = "/openapi.json"
_HERE: Final = "/"
_NEXT: Final = "/tsumami/"
_PATHS: Final = frozenset(path for route in ROUTES for path in route.paths)


def api(service: ApiService) -> Keys:
    """The ASGI application of a service, without a gate before it."""
    app = fastapi.FastAPI(title=_TITLE, version=version("tsumami"), docs_url=None, redoc_url=None, openapi_url=_OPENAPI)
    for route in ROUTES:
        for at, path in enumerate(route.paths):
            app.add_api_route(
                path,
                _endpoint(service, route),
                methods=[route.method],
                summary=route.about,
                name=f"{route.method} {path}",
                response_class=Response,
                include_in_schema=at == 0,
                openapi_extra=_request_form(route),
            )
    app.add_api_route(_HERE, _listing, methods=["GET"], include_in_schema=False)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return Keys(app, service.options.keys, HEALTH)


def is_ours(path: str) -> bool:
    """Whether a path is one of these routes."""
    return path in _PATHS or path.startswith(_NEXT)


def _endpoint(service: ApiService, route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = None if route.body is None else await read_body(request, route.body)
        return await route.answer(service, request, body)

    return endpoint


@functools.cache
def _request_form(route: Route) -> dict[str, Any] | None:
    """The body of a route, for OpenAPI."""
    if route.body is None or route.method == "GET":
        return None
    schema = SAMPLED.get(route.body, route.body).model_json_schema()
    for name, one in schema.pop("$defs", {}).items():
        schema["properties"] = _without_references(schema["properties"], name, one)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _without_references(value: Any, name: str, meant: Any) -> Any:
    """A schema with what it refers to in its place, as an operation of OpenAPI has no place of its own for it."""
    if isinstance(value, dict):
        if value.get("$ref") == f"#/$defs/{name}":
            return meant
        return {key: _without_references(one, name, meant) for key, one in value.items()}
    return [_without_references(one, name, meant) for one in value] if isinstance(value, list) else value


_NOTHING: Final = InBoth(
    "there is nothing here; / lists what there is", "ここには何もありません。何があるかは / に書いてあります"
)


async def _fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, Fault)
    return Json(error.form(language_of(request)), error.status)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, TsumamiError)
    found = fault_of(error)
    return Json(found.form(language_of(request)), found.status)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    words = error.words.told(language_of(request))
    return Json(fault_form(error.status, words), error.status, {"retry-after": "5"})


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = _NOTHING.told(language_of(request)) if error.status_code == 404 else str(error.detail)
    return Json(fault_form(error.status_code, words), error.status_code, error.headers)


async def _bug(request: Request, error: Exception) -> Response:
    name = type(error).__name__
    words = InBoth(f"{name}; this is a mistake of tsumami's own", f"{name}。これは tsumami の間違いです")
    return Json(fault_form(500, words.told(language_of(request))), 500)


_HANDLERS: Final[dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = {
    Fault: _fault,
    TsumamiError: _ours,
    Refused: _refused,
    HTTPException: _http,
    Exception: _bug,
}


async def _listing() -> Response:
    """The routes, to be read."""
    rows = "".join(f"<tr><td>{route.method}<td>{paths}<td>{html.escape(route.about)}" for route, paths in _rows())
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{_TITLE}</title>"
        "<style>body{font:1rem/1.5 sans-serif;margin:2rem}td{padding:.2rem 1rem .2rem 0;vertical-align:top}"
        "code{white-space:nowrap}</style>"
        f"<h1>{_TITLE}</h1><p>The same for programs: <a href={_OPENAPI}>{_OPENAPI}</a><table>{rows}</table></html>"
    )


def _rows() -> Iterator[tuple[Route, str]]:
    for route in ROUTES:
        yield route, "<br>".join(f"<code>{html.escape(path)}</code>" for path in route.paths)
