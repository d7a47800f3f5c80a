"""What the server is and does: health, models, properties, slots, metrics, as llama-server has them."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tsumami.exchange.reading import import_values
from tsumami.serve.answers import Json
from tsumami.serve.bodies import SERVER
from tsumami.serve.faults import Fault
from tsumami.serve.routes.route import Route
from tsumami.serve.service import ApiService
from tsumami.serve.talking import support_of
from tsumami.serve.wire.question import settings_form
from tsumami.wording import InBoth

__all__ = ["HEALTH", "ROUTES"]

HEALTH: Final = ("/health", "/v1/health")


async def health(_service: ApiService, _request: Request, _: None) -> Response:
    """Whether the server answers."""
    return Json({"status": "ok"})


async def models(service: ApiService, _request: Request, _: None) -> Response:
    """The model that is served."""
    served = service.served
    name = service.names[0]
    data = {
        "id": name,
        "aliases": list(service.names),
        "tags": sorted(service.options.tags),
        "object": "model",
        "created": service.begun,
        "owned_by": "tsumami",
        "meta": served.facts,
    }
    return Json({"models": [_listed(name)], "object": "list", "data": [data]})


def _listed(name: str) -> dict[str, Any]:
    """A model as Ollama lists it; llama-server leaves the same fields empty."""
    empty = dict.fromkeys(("modified_at", "size", "digest", "description", "parameters"), "")
    details = dict.fromkeys(("parent_model", "family", "parameter_size", "quantization_level"), "")
    more: dict[str, Any] = {"format": "gguf", "families": [""]}
    own = {"name": name, "model": name, "type": "model", "tags": [""], "capabilities": ["completion"]}
    return {**empty, **own, "details": {**details, **more}}


async def props(service: ApiService, _request: Request, _: None) -> Response:
    """What holds where a request says nothing, and the chat template."""
    served, options = service.served, service.options
    settings = import_values(SERVER, service.defaults(SERVER)).settings.replace(**service.elsewhere(SERVER))
    tools = await service.aside(support_of, service)
    values = {
        "default_generation_settings": {"params": settings_form(settings), "n_ctx": service.n_ctx},
        "total_slots": service.slots.count,
        "model_alias": service.names[0],
        "model_path": served.file,
        "model_ftype": served.facts.get("ftype"),
        "modalities": {"vision": False, "video": False, "audio": False},
        "endpoint_slots": options.slots,
        "endpoint_props": False,
        "endpoint_metrics": True,
        "chat_template": service.template or "",
        "chat_template_caps": {
            "supports_tools": tools.reads,
            "supports_tool_calls": tools.form is not None,
            "supports_parallel_tool_calls": tools.form is not None,
            "supports_object_arguments": tools.form is not None and tools.form.objects,
        },
        "bos_token": served.bos,
        "eos_token": served.eos,
        "build_info": service.fingerprint,
        "is_sleeping": False,
        "tsumami": {"engine": served.backend.engine_card.mode, "exact": served.backend.engine_card.exact},
    }
    return Json(values)


async def slots(service: ApiService, request: Request, _: None) -> Response:
    """Who generates where; no texts."""
    if not service.options.slots:
        raise Fault(
            501, InBoth("this server was started with --no-slots", "このサーバーは --no-slots で始められました")
        )
    doing = service.slots.doing
    if request.query_params.get("fail_on_no_slot") and len(doing) >= service.slots.count:
        raise Fault(503, InBoth("no slot available", "空いている枠がありません"))
    return Json([_slot(service, number) for number in range(service.slots.count)])


def _slot(service: ApiService, number: int) -> dict[str, Any]:
    doing = service.slots.doing.get(number)
    made = {"id": number, "n_ctx": service.n_ctx, "speculative": False}
    if doing is None:
        return {**made, "is_processing": False}
    next_token = {"has_next_token": True, "n_decoded": doing.decoded}
    return {**made, "is_processing": True, "n_prompt_tokens": doing.prompt_tokens, "next_token": [next_token]}


async def metrics(service: ApiService, _request: Request, _: None) -> Response:
    """What was done since the server began, for Prometheus."""
    counts = service.counts
    waiting = service.slots.turns.waiting
    read = _rate(counts.prompt_tokens, counts.prompt_seconds)
    written = _rate(counts.predicted_tokens, counts.predicted_seconds)
    rows = (
        ("counter", "prompt_tokens_total", "Tokens of prompts that were computed", counts.prompt_tokens),
        ("counter", "prompt_tokens_cached_total", "Tokens of prompts that came from the cache", counts.cached_tokens),
        ("counter", "prompt_seconds_total", "Seconds that prompts took", counts.prompt_seconds),
        ("counter", "tokens_predicted_total", "Tokens that were generated", counts.predicted_tokens),
        ("counter", "tokens_predicted_seconds_total", "Seconds that they took", counts.predicted_seconds),
        ("counter", "n_tokens_max", "Most tokens of one prompt and reply", counts.longest),
        ("gauge", "prompt_tokens_seconds", "Tokens of prompts a second", read),
        ("gauge", "predicted_tokens_seconds", "Tokens a second and text", written),
        ("gauge", "requests_processing", "Texts under way", len(service.slots.doing)),
        ("gauge", "requests_deferred", "Texts that wait for their turn", waiting),
    )  # fmt: skip
    lines = [
        f"# HELP llamacpp:{name} {words}\n# TYPE llamacpp:{name} {kind}\nllamacpp:{name} {value}\n"
        for kind, name, words, value in rows
    ]
    headers = {"process-start-time-unix": str(service.begun)}
    return PlainTextResponse("".join(lines), headers=headers, media_type="text/plain; version=0.0.4")


def _rate(tokens: int, seconds: float) -> float:
    return tokens / seconds if seconds else 0.0


ROUTES: Final = (
    Route("GET", HEALTH, health),
    Route("GET", ("/v1/models", "/models"), models),
    Route("GET", ("/props",), props),
    Route("GET", ("/slots",), slots),
    Route("GET", ("/metrics",), metrics),
)
