"""OpenAI's completions and chat completions, with llama-server's fields beside OpenAI's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from tsumami.runs import Prompt
from tsumami.serve.answers import Json
from tsumami.serve.asking import Probabilities, Wanted, prompts_of
from tsumami.serve.bodies import Messages, OpenAIChat, OpenAIText, StreamOptions
from tsumami.serve.faults import Fault, field_fault
from tsumami.serve.respond import respond
from tsumami.serve.routes.native import asked, wanted
from tsumami.serve.routes.route import Route
from tsumami.serve.service import ApiService
from tsumami.serve.talking import Offered, offered_tools, prompt_of_messages
from tsumami.serve.tools import forced_schema
from tsumami.serve.wire.openai import ChatWire, TextWire
from tsumami.wording import InBoth

__all__ = ["ROUTES"]

_TOP: Final = 20  # of `logprobs: true` alone, as in llama-server
_ANY_OBJECT: Final = {"type": "object"}


async def completions(service: ApiService, request: Request, body: OpenAIText) -> Response:
    """Go on with a text, in OpenAI's form."""
    if body.echo:
        raise field_fault("echo", InBoth("only false can be had", "false しか選べません"))
    for name in ("best_of", "suffix"):
        if (body.model_extra or {}).get(name) is not None:
            raise field_fault(
                name, InBoth("it cannot be used here; leave it out", "ここでは使えません。外してください")
            )
    probabilities = Probabilities(body.n_probs or body.logprobs or 0, body.post_sampling_probs)
    prompts = await service.aside(prompts_of, service, body.prompt)
    asking = await service.aside(wanted, service, body, prompts, probabilities)
    wire = TextWire(asked(service, body, probabilities))
    return await respond(service, request, asking, wire, stream=body.stream)


async def chat(service: ApiService, request: Request, body: OpenAIChat) -> Response:
    """The next message of a conversation."""
    if body.top_logprobs is not None and not body.logprobs:
        raise field_fault("top_logprobs", InBoth("it needs logprobs to be true", "logprobs を true にしてください"))
    count = body.n_probs or 0
    if body.logprobs:
        count = _TOP if body.top_logprobs is None else max(body.top_logprobs, 1)
    probabilities = Probabilities(count, body.post_sampling_probs)
    offered = await service.aside(offered_tools, service, body)
    asking = await service.aside(_chat, service, body, offered, probabilities)
    wire = ChatWire(asked(service, body, probabilities, usage=_usage(body.stream_options)), asking.n, offered)
    return await respond(service, request, asking, wire, stream=body.stream)


def _chat(service: ApiService, body: OpenAIChat, offered: Offered, probabilities: Probabilities) -> Wanted:
    _take_format(body)
    _take_tools(body, offered)
    prompt = prompt_of_messages(service, body, offered)
    made = wanted(service, body, (prompt,), probabilities)
    return replace(made, notes=(*made.notes, *offered.notes))


def _take_tools(body: OpenAIChat, offered: Offered) -> None:
    """What tools exclude, as in llama-server; a call that has to come is a JSON schema."""
    given: Any = body
    if offered.names and offered.choice.kind != "none":
        if getattr(given, "grammar", None):
            raise field_fault("grammar", InBoth("it cannot be used together with tools", "tools とは一緒に使えません"))
        if body.logprobs and body.stream:
            raise field_fault(
                "logprobs",
                InBoth("it cannot be had together with tools and stream", "tools と stream とは一緒に使えません"),
            )
    if offered.forced and offered.form is not None:
        if getattr(given, "json_schema", None) is not None:
            raise field_fault(
                "tool_choice",
                InBoth(
                    "a reply that has to be a call cannot have another schema as well",
                    "必ず呼び出しにする返事に、別のスキーマは付けられません",
                ),
            )
        given.json_schema = forced_schema(offered.form, offered.tools, offered.choice)


def _prompt(service: ApiService, body: Messages) -> Prompt:
    return prompt_of_messages(service, body, offered_tools(service, body))


def _take_format(body: OpenAIChat) -> None:
    """`response_format` as a JSON schema."""
    given: Any = body
    schema, grammar = getattr(given, "json_schema", None), getattr(given, "grammar", None)
    if schema is not None and grammar:
        raise Fault(
            400,
            InBoth("json_schema and grammar cannot both be used", "json_schema と grammar は一緒に使えません"),
            param="grammar",
        )
    match body.response_format:
        case None | {"type": "text"}:
            return
        case {"type": "json_object", "schema": found}:
            pass
        case {"type": "json_object"}:
            found = _ANY_OBJECT if schema is None else schema
        case {"type": "json_schema", "json_schema": {"schema": found}}:
            pass
        case _:
            raise field_fault(
                "response_format",
                InBoth(
                    "its type has to be text, json_object or json_schema (with a schema)",
                    "type は text、json_object、json_schema（スキーマ付き）のどれかにしてください",
                ),
            )
    if not isinstance(found, dict):
        raise field_fault(
            "response_format", InBoth("its schema has to be an object", "スキーマはオブジェクトにしてください")
        )
    given.json_schema = found or _ANY_OBJECT


def _usage(options: StreamOptions | None) -> bool:
    return options is not None and bool(options.include_usage)


async def apply_template(service: ApiService, _request: Request, body: Messages) -> Response:
    """The prompt that messages become."""
    prompt = await service.aside(_prompt, service, body)
    return Json({"prompt": prompt.text})


async def input_tokens(service: ApiService, _request: Request, body: Messages) -> Response:
    """How many tokens messages become."""
    prompt = await service.aside(_prompt, service, body)
    return Json({"input_tokens": len(prompt.tokens), "object": "response.input_tokens"})


ROUTES: Final = (
    Route("POST", ("/v1/completions",), completions, OpenAIText),
    Route("POST", ("/v1/chat/completions", "/chat/completions"), chat, OpenAIChat),
    Route("POST", ("/v1/chat/completions/input_tokens", "/chat/completions/input_tokens"), input_tokens, Messages),
    Route("POST", ("/apply-template",), apply_template, Messages),
)
