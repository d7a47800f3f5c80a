"""The application as the world meets it: the gate and its limits before the routes.

Guarantee: whoever goes away ends what they have asked for, and a server that ends says so to whoever still reads.
"""

from __future__ import annotations

from typing import Any, Final

from tsumami.serve.cross_origin import CrossOrigin
from tsumami.serve.faults import fault_form
from tsumami.serve.service import ApiService
from tsumami.serve.site import api
from tsumami.web.farewell import Asgi, Farewell, Receive, Scope, Send
from tsumami.web.gate import Coming, Gate, Kinds
from tsumami.web.hosts import Hosts

__all__ = ["outside"]


def _is_call(visit: Coming) -> bool:
    return visit.method == "POST"


_KINDS: Final = Kinds(call=_is_call)


def outside(service: ApiService, hosts: Hosts, farewell: Farewell) -> Asgi:
    """The ASGI application of a server."""
    inside: Any = api(service)
    gate: Any = Gate(inside, hosts, service.limits, _KINDS, fault_form)
    crossing: Any = CrossOrigin(gate, hosts)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await crossing(scope, receive, send)
        else:
            await farewell.run(crossing, scope, receive, send)

    return app
