"""KoboldCpp's API, as far as front ends need it to write and to count."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tsumami.exchange import Note, Phrase
from tsumami.runs.prompting import tokens_of
from tsumami.serve.answers import Json
from tsumami.serve.asking import Wanted, check_prompts, prompts_of, wanted_settings
from tsumami.serve.bodies import KOBOLD, KeyOnly, Kobold, KoboldCount
from tsumami.serve.faults import naming_field
from tsumami.serve.respond import respond
from tsumami.serve.routes.route import Route
from tsumami.serve.service import ApiService
from tsumami.serve.wire.kobold import KoboldWire

__all__ = ["ROUTES"]

_VERSION: Final = "1.2.5"  # of the KoboldAI API that KoboldCpp speaks
_CONTEXT: Final = Phrase(
    "文脈の長さはモデルのもの。プロンプトは切り詰めない",
    "the context is the model's, and no prompt is cut to fit",
)


async def generate(service: ApiService, request: Request, body: Kobold) -> Response:
    """Go on with a text."""
    return await _generated(service, request, body, stream=False)


async def stream(service: ApiService, request: Request, body: Kobold) -> Response:
    """Go on with a text, piece by piece."""
    return await _generated(service, request, body, stream=True)


async def _generated(service: ApiService, request: Request, body: Kobold, *, stream: bool) -> Response:
    wanted = await service.aside(_wanted, service, body)
    return await respond(service, request, wanted, KoboldWire(), stream=stream)


def _wanted(service: ApiService, body: Kobold) -> Wanted:
    prompts = prompts_of(service, None if body.prompt is None else body.memory + body.prompt)
    check_prompts(service, prompts)
    settings, notes = wanted_settings(service, KOBOLD, body, body.tsumami)
    context = body.max_context_length
    if context is not None and context != service.n_ctx:
        notes += (Note("ignored", "max_context_length", context, None, None, _CONTEXT),)
    return Wanted(prompts, settings, notes, ledger=body.tsumami.ledger, key=body.genkey)


async def check(service: ApiService, _request: Request, body: KeyOnly) -> Response:
    """What there is so far of the text with this key."""
    growing = service.growing.get(body.genkey)
    return Json({"results": [{"text": "" if growing is None else growing.text}]})


async def abort(service: ApiService, _request: Request, body: KeyOnly) -> Response:
    """Let the text with this key be enough."""
    growing = service.growing.get(body.genkey)
    if growing is not None:
        growing.end()
    return Json({"success": "true" if growing is not None else "false"})


async def token_count(service: ApiService, _request: Request, body: KoboldCount) -> Response:
    """How many tokens a text has."""
    with naming_field("prompt"):
        tokens = await service.aside(
            tokens_of, service.served.backend.tokenizer, body.prompt or "", add_special=body.special
        )
    return Json({"value": len(tokens), "ids": list(tokens)})


async def model(service: ApiService, _request: Request, _: None) -> Response:
    """The model's name."""
    return Json({"result": f"koboldcpp/{service.names[0]}"})


async def about(_service: ApiService, _request: Request, _: None) -> Response:
    """Which server this is, and what it can."""
    can = {"transcribe": False, "tts": False, "txt2img": False, "vision": False, "websearch": False}
    return Json({"result": "KoboldCpp", "version": "1.0", "tsumami": version("tsumami"), **can})


async def api_version(_service: ApiService, _request: Request, _: None) -> Response:
    """The version of the API."""
    return Json({"result": _VERSION})


async def context(service: ApiService, _request: Request, _: None) -> Response:
    """How many tokens one prompt and its reply may have."""
    return Json({"value": service.n_ctx})


ROUTES: Final = (
    Route("GET", ("/api/v1/model",), model),
    Route("POST", ("/api/v1/generate", "/api/latest/generate"), generate, Kobold),
    Route("POST", ("/api/extra/generate/stream",), stream, Kobold),
    Route("POST", ("/api/extra/generate/check",), check, KeyOnly),
    Route("GET", ("/api/extra/generate/check",), check, KeyOnly),
    Route("POST", ("/api/extra/abort",), abort, KeyOnly),
    Route("POST", ("/api/extra/tokencount",), token_count, KoboldCount),
    Route("GET", ("/api/extra/version",), about),
    Route("GET", ("/api/v1/info/version",), api_version),
    Route("GET", ("/api/extra/true_max_context_length", "/api/v1/config/max_context_length"), context),
)
