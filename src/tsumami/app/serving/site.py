"""The site: the page in each language on one address, and what stands before it.

Guarantee: a browser that opens the root is sent to the page in its own language; a script that uses the root gets the
same named endpoints; who has logged in to one page has logged in to both. A page is built before the first reader comes
or, in the other language, when it is first asked for: nobody waits for a page that nobody reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

import fastapi
import gradio as gr
from starlette.routing import Mount

from tsumami.app import page
from tsumami.app.serving import comeback, uploads
from tsumami.app.serving.assets import asset
from tsumami.app.serving.bodies import refuse_misfits
from tsumami.app.serving.content_policy import guarded
from tsumami.app.serving.documents import packed
from tsumami.app.serving.queueing import take_turns
from tsumami.app.serving.sessions import keep_few
from tsumami.app.words.texts import LANGUAGES, Language, Texts, preferred
from tsumami.app.work.common import Common
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.own_folder import tidy
from tsumami.app.work.shelf import Shelf
from tsumami.serve import KeptRuns
from tsumami.web.farewell import Asgi, Farewell, Receive, Scope, Send
from tsumami.web.limits import Limits
from tsumami.web.turns import Turns

_ASSETS: Final = "/assets/"
_KEPT_SECONDS: Final = 3600.0
_TIDYING_SECONDS: Final = 300.0


@dataclass(slots=True)
class _Logins:
    """Who has logged in, to whichever page: Gradio keeps it for each page of its own."""

    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    users: dict[str, str] = field(default_factory=dict)

    def hold_for(self, app: fastapi.FastAPI) -> None:
        """Let the pages that are mounted in `app` use these."""
        for mounted in _mounted(app):
            mounted.cookie_id, mounted.tokens = self.cookie, self.users


def _mounted(app: fastapi.FastAPI) -> Iterator[gr.routes.App]:
    """Gradio's own applications within ours."""
    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, gr.routes.App):
            yield route.app


@dataclass(frozen=True, slots=True)
class BesidePages:
    """An application beside the pages, which paths are its own, and the runs that it makes."""

    app: Asgi
    has: Callable[[str], bool]
    runs: KeptRuns


class Site:
    """The ASGI application. `/ja/` is the page, `/ja/map` the page with that tab open.

    shelf: its default model must be loaded; n_ctx: that model's context.
    auth: `user:password` that is needed to come in. root_path: the path that a proxy puts in front. A proxy may take it
    away or leave it on; inside it is always there, as ASGI wants it: Starlette looks for the routes of a mounted app
    behind it. limits: how much each caller may have under way; turns: whose turn it is, where others share them.
    beside: an application that answers some of the paths. history: where what is made is kept (default: nowhere).
    """

    def __init__(
        self,
        shelf: Shelf,
        n_ctx: int,
        *,
        auth: str | None = None,
        root_path: str = "",
        limits: Limits | None = None,
        turns: Turns | None = None,
        beside: BesidePages | None = None,
        history: Keeping | None = None,
    ) -> None:
        runs = KeptRuns() if beside is None else beside.runs
        self._common = Common(shelf, api_runs=runs, history=history or Keeping(wanted=False))
        self._n_ctx = n_ctx
        self._limits = limits or Limits()
        self._turns = turns or Turns(self._limits)
        self._beside = beside
        self._auth = tuple(auth.split(":", 1)) if auth else None
        self._root = root_path.rstrip("/")
        self.farewell = Farewell()
        self._logins = _Logins()
        self._pages: dict[Language, fastapi.FastAPI] = {}
        self._begun: set[Language] = set()
        self._names: frozenset[str] = frozenset()
        self._gate = asyncio.Lock()
        self._open = contextlib.AsyncExitStack()

    def build(self, language: Language) -> None:
        """Build the page of a language."""
        app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        blocks = page.build(Texts(language), self._common, self._n_ctx)
        self._names = page.names(blocks)
        take_turns(blocks, self._turns, self._limits)
        gr.mount_gradio_app(
            app,
            blocks,
            path=f"/{language}",
            auth=self._auth,
            root_path=f"{self._root}/{language}" if self._root else None,
            footer_links=["api", "settings"],
            show_error=True,
            css=page.style(),
            theme=page.theme(),
            head=f"<script>{page.script(language)}</script><script>{comeback.script(Texts(language))}</script>",
            max_file_size=self._limits.upload_bytes,
            run_history=False,
        )
        uploads.guard(blocks)
        keep_few(app, blocks)
        self._logins.hold_for(app)
        for mounted in _mounted(app):
            refuse_misfits(mounted)
        self._pages[language] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        send = guarded(send)
        path: str = scope["path"]
        if self._root and f"{path}/".startswith(f"{self._root}/"):
            path = path.removeprefix(self._root)
        if self._beside is not None and self._beside.has(path):
            inner = {**scope, "path": path, "raw_path": quote(path).encode(), "root_path": ""}
            await self.farewell.run(self._beside.app, inner, receive, send)
            return
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        accepted = headers.get(b"accept-encoding", "")
        language, below = _language_of(path)
        answer: fastapi.Response | None = None
        if path in ("", "/"):
            answer = self._redirect(scope, headers)
        elif below == comeback.PATH:
            answer = comeback.answer()
        elif below.startswith(uploads.CLOSED):
            answer = fastapi.Response(status_code=404)
        elif below.startswith(_ASSETS):
            answer = asset(below.removeprefix(_ASSETS), accepted)
        if answer is not None:
            await answer(scope, receive, send)
            return
        app = await self._page(language)
        if below.removeprefix("/") in self._names:  # an address of a tab is the page; its script opens the tab
            below = "/"
        path = f"{self._root}/{language}{below}"
        inner = {**scope, "path": path, "raw_path": quote(path).encode(), "root_path": self._root}
        await self.farewell.run(app, inner, receive, packed(send, accepted))

    async def _page(self, language: Language) -> fastapi.FastAPI:
        """The page, built and begun."""
        async with self._gate:
            if language not in self._pages:
                await asyncio.to_thread(self.build, language)
            app = self._pages[language]
            if language not in self._begun:
                await self._open.enter_async_context(app.router.lifespan_context(app))
                self._begun.add(language)
        return app

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        tidying = asyncio.ensure_future(_tidy())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        tidying.cancel()
        await self._open.aclose()
        self._common.history.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _redirect(self, scope: Scope, headers: dict[bytes, str]) -> fastapi.Response:
        language = preferred(headers.get(b"accept-language", ""))
        query = scope["query_string"].decode("latin-1")
        return fastapi.responses.RedirectResponse(f"{self._root}/{language}/{'?' if query else ''}{query}")


async def _tidy() -> None:
    """Files are kept for an hour; whoever wants one again makes it again."""
    while True:
        await asyncio.sleep(_TIDYING_SECONDS)
        await asyncio.to_thread(tidy, _KEPT_SECONDS)


def _language_of(path: str) -> tuple[Language, str]:
    """Which page a path is about, and the path in it; a path without a language is the English page's."""
    for language in LANGUAGES:
        if f"{path}/".startswith(f"/{language}/"):
            return language, path.removeprefix(f"/{language}")
    return "en", path
