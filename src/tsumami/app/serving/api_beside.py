"""The API of `tsumami serve`, beside the pages of a server.

Guarantee: what comes by the API takes the same turns as what comes by a page, and whoever goes away ends what they have
asked for, by either door. Only the model that the server began with is served there.
"""

from __future__ import annotations

from tsumami.app.serving.kinds import GRADIO
from tsumami.app.serving.site import BesidePages
from tsumami.model import Model
from tsumami.serve import ApiService, ServeOptions, api
from tsumami.serve.kept import ServedHistory
from tsumami.serve.served import file_name, served
from tsumami.serve.site import is_ours
from tsumami.web.gate import Coming, Kinds
from tsumami.web.limits import Limits
from tsumami.web.turns import Turns

__all__ = ["api_beside", "kinds"]


def api_beside(
    model: Model,
    name: str,
    root: str,
    keys: tuple[str, ...],
    limits: Limits,
    turns: Turns,
    history: ServedHistory | None = None,
) -> BesidePages:
    """The application. name: by which the model was loaded; root: the path that a proxy puts in front."""
    options = ServeOptions(keys=keys, limits=limits, page=root.rstrip("/"))
    service = ApiService(served(model, file_name(model, name)), options, turns=turns, history=history)
    return BesidePages(api(service), is_ours, service.kept)


def kinds(root: str) -> Kinds:
    """What requests are, where both are served. root: the path that a proxy puts in front."""

    def is_call(visit: Coming) -> bool:
        called = visit.method == "POST" and is_ours(visit.path.removeprefix(root))
        return called or GRADIO.call(visit)

    return Kinds(GRADIO.upload, GRADIO.page, is_call)
