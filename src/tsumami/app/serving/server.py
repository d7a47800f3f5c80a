"""The server: from a chosen model to an address that a browser can open.

Guarantee: nothing listens beyond loopback unless `host` says so; a port in use is known before anything takes long.
Importing this module does not import Gradio: that happens while the model is being loaded.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from tsumami.app.serving.gradio_import import import_in_background, not_collecting
from tsumami.app.words.texts import Language
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.own_folder import own_folder
from tsumami.app.work.shelf import ModelChoice, Report, Shelf
from tsumami.history import history_is_off
from tsumami.model import Model
from tsumami.web.hosts import Hosts
from tsumami.web.limits import Limits
from tsumami.web.listening import listen

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen, who may come in, and how much of it.

    auth: `user:password`. root_path: the path that a proxy puts in front. allow_hosts: names that the server has beside
    its address (hosts.py). proxies: addresses of proxies that are believed who asks and through which scheme. keys: of
    the API beside the page (tsumami.serve); without one it is open to whoever may open the page, and closed if that
    needs a password. history: whether what is made on the page is kept (`Keeping.wanted`).
    """

    host: str = "127.0.0.1"
    port: int = 7860
    auth: str | None = None
    root_path: str = ""
    allow_hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    limits: Limits = field(default_factory=Limits)
    keys: tuple[str, ...] = ()
    history: bool | None = None

    @property
    def hosts(self) -> Hosts:
        """The names of the server.

        Raises:
            SettingsError: one of them is no name.
        """
        return Hosts(self.host, tuple(self.allow_hosts))


def serve(
    choice: ModelChoice | None = None,
    options: ServerOptions | None = None,
    *,
    language: Language = "en",
    report: Report | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Load the model and serve the page until it is interrupted.

    Args:
        choice: the model that a new session begins with.
        options: where to listen (port 0: a free one).
        language: the page that is built at once; the other one is when it is first opened.
        report: receives how far loading is.
        ready: receives the page's address once it can be opened.

    Raises:
        SettingsError: the address cannot be listened on.
        ModelError: the model cannot be loaded.
    """
    options = options or ServerOptions()
    hosts, shelf = options.hosts, Shelf(choice)
    with listen(options.host, options.port) as listening, own_folder():
        importing = import_in_background("uvicorn", "tsumami.app.serving.site")
        try:
            with shelf.lend(report=report) as model:
                importing.join()
                _serve(shelf, model, options, hosts, language, listening, ready)
        finally:
            shelf.close()


def _serve(
    shelf: Shelf,
    model: Model,
    options: ServerOptions,
    hosts: Hosts,
    language: Language,
    listening: socket.socket,
    ready: Callable[[str], None] | None,
) -> None:
    from tsumami.app.serving.api_beside import api_beside, kinds
    from tsumami.app.serving.site import Site
    from tsumami.serve.kept import ServedHistory
    from tsumami.web.gate import Gate
    from tsumami.web.running import run
    from tsumami.web.turns import Turns

    limits, turns, root = options.limits, Turns(options.limits), options.root_path
    closed = options.auth is not None and not options.keys
    wanted = False if history_is_off(os.environ) else options.history
    # nobody knows who they are that call the API from elsewhere
    served = ServedHistory(False if wanted is False else None, _log.warning)
    name = shelf.default.name
    beside = None if closed else api_beside(model, name, root, options.keys, limits, turns, served)
    site = Site(
        shelf,
        model.n_ctx,
        auth=options.auth,
        root_path=root,
        limits=limits,
        turns=turns,
        beside=beside,
        history=Keeping(wanted),
    )
    with not_collecting():
        site.build(language)
    gc.freeze()  # what stands now stays: whoever looks for garbage later need not look here, and no token waits for it
    if ready is not None:
        host, port = listening.getsockname()[:2]
        ready(f"http://{host}:{port}{options.root_path}")
    with contextlib.closing(served):
        run(Gate(site, hosts, limits, kinds(root)), listening, site.farewell, options.proxies)
