"""What no other server has: the runs behind the answers, and what each knob did in them."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from tsumami import explain
from tsumami.explain.plain import account_values, audit_values, divergence_values
from tsumami.explain.tokens import account
from tsumami.runs import Run
from tsumami.serve.answers import Json
from tsumami.serve.faults import Fault, field_fault
from tsumami.serve.own import ledger_values
from tsumami.serve.respond import asker_of
from tsumami.serve.routes.route import Route
from tsumami.serve.service import ApiService
from tsumami.web.places import place
from tsumami.wording import InBoth

__all__ = ["ROUTES"]


async def _run(service: ApiService, name: str, field: str = "id") -> Run:
    run = await service.run(name)
    if run is None:
        raise Fault(
            404,
            InBoth(
                f"no run has the {field} {name[:64]!r}; the last ones are kept, older ones are forgotten",
                f"{field} が {name[:64]!r} の実行はありません。新しいものだけを残し、古いものは忘れます",
            ),
        )
    return run


async def run_file(service: ApiService, request: Request, _: None) -> Response:
    """A run as a file that tsumami reads: receipt, steps, timings."""
    run = await _run(service, request.path_params["name"])
    return Response(await service.aside(run.to_json), media_type="application/json")


async def ledger(service: ApiService, request: Request, _: None) -> Response:
    """Each token's way through the stages; with ?index=N of one token."""
    run = await _run(service, request.path_params["name"])
    index = request.query_params.get("index")
    if index is None:
        return await _worked(service, request, lambda: ledger_values(run, service.served.backend.tokenizer.n_tokens))
    if not (index.isascii() and index.isdigit() and len(index) < 10 and int(index) < len(run.steps)):
        raise field_fault(
            "index", InBoth(f"needs 0 to {len(run.steps) - 1}", f"0〜{len(run.steps) - 1} にしてください")
        )
    piece = service.served.backend.tokenizer.piece
    return await _worked(
        service, request, lambda: account_values(account(run.ledger(int(index)), run.settings.mode), piece)
    )


async def audit(service: ApiService, request: Request, _: None) -> Response:
    """What each knob did in a run, and which did nothing."""
    run = await _run(service, request.path_params["name"])
    return await _worked(service, request, lambda: audit_values(explain.audit(run)))


async def divergence(service: ApiService, request: Request, _: None) -> Response:
    """Where two runs part, and why: ?a=ID&b=ID."""
    a, b = [await _run(service, request.query_params.get(name, ""), name) for name in ("a", "b")]
    return await _worked(service, request, lambda: divergence_values(explain.divergence(a, b)))


async def _worked(service: ApiService, request: Request, work: Any) -> Response:
    """What takes a while takes a turn."""
    async with place(service.slots.turns, asker_of(request)):
        return Json(await service.aside(work))


ROUTES: Final = (
    Route("GET", ("/tsumami/runs/{name}",), run_file),
    Route("GET", ("/tsumami/runs/{name}/ledger",), ledger),
    Route("GET", ("/tsumami/runs/{name}/audit",), audit),
    Route("GET", ("/tsumami/divergence",), divergence),
)
