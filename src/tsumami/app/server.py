"""The server: one page in two languages, on one address.

Guarantee: a browser that opens the root is sent to the page in its own language; a script that uses the root gets the
same named endpoints. Nothing listens beyond loopback unless `host` says so.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import fastapi
import gradio as gr
import uvicorn

from tsumami.app import page
from tsumami.app.replying import Sessions
from tsumami.app.shelf import Choice, Report, Shelf
from tsumami.app.texts import LANGUAGES, Texts, preferred
from tsumami.errors import SettingsError

_Scope = MutableMapping[str, Any]
_Asgi = Callable[[_Scope, Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[None]]
_LAST_WORDS: Final = 2  # seconds that open connections get when the server is told to end


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen, and who may come in: `auth` is `user:password`; `root_path` the path that a proxy puts in
    front.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    auth: str | None = None
    root_path: str = ""


class _Front:
    """Sends a browser at the root to its language; takes every other path without a language as the English page's.

    A proxy may take the root path away or leave it on. Inside it is always there, as ASGI wants it: Starlette looks for
    the routes of a mounted app behind `root_path`.
    """

    def __init__(self, app: _Asgi, root_path: str) -> None:
        self._app = app
        self._root = root_path.rstrip("/")

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if self._root and f"{path}/".startswith(f"{self._root}/"):
                path = path.removeprefix(self._root)
            if path in ("", "/"):
                await self._redirect(scope)(scope, receive, send)
                return
            if not f"{path}/".startswith(tuple(f"/{language}/" for language in LANGUAGES)):
                path = f"/en{path}"
            path = self._root + path
            scope = {**scope, "path": path, "raw_path": quote(path).encode(), "root_path": self._root}
        await self._app(scope, receive, send)

    def _redirect(self, scope: _Scope) -> fastapi.responses.RedirectResponse:
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        language = preferred(headers.get(b"accept-language", ""))
        query = scope["query_string"].decode("latin-1")
        return fastapi.responses.RedirectResponse(f"{self._root}/{language}/{'?' if query else ''}{query}")


def make_app(shelf: Shelf, options: ServerOptions, report: Report | None = None) -> _Asgi:
    """The ASGI application. The default model is loaded here, so that the page is ready when it opens."""
    sessions = Sessions()
    with shelf.lend(report=report) as model:
        n_ctx = model.n_ctx
    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    auth = tuple(options.auth.split(":", 1)) if options.auth else None
    for language in LANGUAGES:
        blocks = page.build(Texts(language), shelf, sessions, n_ctx)
        gr.mount_gradio_app(
            app,
            blocks,
            path=f"/{language}",
            auth=auth,
            root_path=f"{options.root_path.rstrip('/')}/{language}" if options.root_path else None,
            footer_links=["api", "settings"],
            show_error=True,
            css=page.style(),
            theme=page.theme(),
            head=f"<script>{page.script()}</script>",
            max_file_size="200mb",
            run_history=False,
        )
    return _Front(app, options.root_path)


def serve(
    choice: Choice | None = None,
    options: ServerOptions | None = None,
    *,
    report: Report | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Load the model and serve the page until it is interrupted.

    Args:
        choice: the model that a new session begins with.
        options: where to listen (port 0: a free one).
        report: receives how far loading is.
        ready: receives the page's address once it can be opened.

    Raises:
        SettingsError: the address cannot be listened on.
        ModelError: the model cannot be loaded.
    """
    options = options or ServerOptions()
    shelf = Shelf(choice)
    with _listen(options) as listening:
        try:
            config = uvicorn.Config(
                make_app(shelf, options, report), log_level="warning", timeout_graceful_shutdown=_LAST_WORDS
            )
            if ready is not None:
                host, port = listening.getsockname()[:2]
                ready(f"http://{host}:{port}{options.root_path}")
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            shelf.close()


def _listen(options: ServerOptions) -> socket.socket:
    """The socket, taken before anything takes long, so that a port in use is known at once."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((options.host, options.port))
        listening.listen()  # from here on the port is taken; who connects while the model loads waits
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"{options.host}:{options.port} cannot be listened on ({error.strerror or error}); choose another --port"
        ) from error
    return listening
