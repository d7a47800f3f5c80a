"""From a model to an address that other programs can call.

Guarantee: nothing listens beyond loopback unless `host` says so; a port in use is known before the model is loaded.
Importing this module loads no web framework.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
from collections.abc import Callable
from typing import Any

from tsumami.engine import EngineOptions
from tsumami.history import history_is_off
from tsumami.model import Model, load
from tsumami.models import DEFAULT_MODEL, ByteProgress
from tsumami.serve.options import ServeOptions
from tsumami.serve.served import file_name, served
from tsumami.web.farewell import Farewell
from tsumami.web.listening import listen

__all__ = ["serve"]


def serve(
    name: str = DEFAULT_MODEL,
    engine: EngineOptions | None = None,
    options: ServeOptions | None = None,
    *,
    download_progress: ByteProgress | None = None,
    load_progress: Callable[[float], None] | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Load a model and serve it until it is interrupted.

    Args:
        name: which model.
        engine: how it is loaded.
        options: where to listen (port 0: a free one), and who may ask.
        download_progress: called with bytes done and bytes in all.
        load_progress: called with a share in 0..1.
        ready: receives the address once it can be asked.

    Raises:
        SettingsError: the address cannot be listened on, or a knob cannot be.
        ModelError: the model cannot be loaded.
    """
    options = options or ServeOptions()
    hosts = options.hosts
    with listen(options.host, options.port) as listening:
        model = load(name, engine, download_progress=download_progress, load_progress=load_progress)
        with model:
            _serve(model, file_name(model, name), options, hosts, listening, ready)


def _serve(
    model: Model,
    file: str,
    options: ServeOptions,
    hosts: Any,
    listening: socket.socket,
    ready: Callable[[str], None] | None,
) -> None:
    from tsumami.serve.kept import ServedHistory
    from tsumami.serve.outside import outside
    from tsumami.serve.service import ApiService
    from tsumami.web.running import run

    farewell = Farewell()
    history = ServedHistory(False if history_is_off(os.environ) else options.history, options.log)
    app = outside(ApiService(served(model, file), options, history=history), hosts, farewell)
    gc.freeze()  # what stands now stays: whoever looks for garbage later need not look here
    if ready is not None:
        host, port = listening.getsockname()[:2]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    with contextlib.closing(history):
        run(app, listening, farewell, options.proxies)
