"""Texts to tokens and back."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from tsumami.runs.prompting import text_of, tokens_of
from tsumami.serve.answers import Json
from tsumami.serve.bodies import Detokenizing, Tokenizing
from tsumami.serve.faults import field_fault, naming_field
from tsumami.serve.routes.route import Route
from tsumami.serve.service import ApiService
from tsumami.wording import InBoth

__all__ = ["ROUTES"]


async def tokenize(service: ApiService, _request: Request, body: Tokenizing) -> Response:
    """The tokens of a text, or of a mixture of texts and tokens."""
    tokens = await service.aside(_tokens, service, body)
    if not body.with_pieces:
        return Json({"tokens": tokens})
    piece = service.served.backend.tokenizer.piece
    return Json({"tokens": [{"id": token, "piece": _piece(piece(token))} for token in tokens]})


def _tokens(service: ApiService, body: Tokenizing) -> list[int]:
    tokenizer = service.served.backend.tokenizer
    parts = body.content if isinstance(body.content, list) else [] if body.content is None else [body.content]
    found: list[int] = []
    for at, part in enumerate(parts):
        if isinstance(part, str):
            special = body.add_special and at == 0
            with naming_field("content"):
                found += tokens_of(tokenizer, part, add_special=special, parse_special=body.parse_special)
        else:
            found.append(_checked("content", part, tokenizer.n_tokens))
    return found


def _checked(name: str, token: Any, count: int) -> int:
    if isinstance(token, bool) or not isinstance(token, int) or not 0 <= token < count:
        raise field_fault(
            name,
            InBoth(
                f"{str(token)[:80]} is no token; this vocabulary has 0..{count - 1}",
                f"{str(token)[:80]} はトークンではありません。この語彙にあるのは 0〜{count - 1} です",
            ),
        )
    return token


def _piece(piece: bytes) -> str | list[int]:
    """The text of a token, or its bytes where they are none."""
    try:
        return piece.decode("utf-8")
    except UnicodeDecodeError:
        return list(piece)


async def detokenize(service: ApiService, _request: Request, body: Detokenizing) -> Response:
    """The text of tokens."""
    tokenizer = service.served.backend.tokenizer
    tokens = [_checked("tokens", token, tokenizer.n_tokens) for token in body.tokens]
    return Json({"content": await service.aside(text_of, tokenizer, tokens)})


ROUTES: Final = (
    Route("POST", ("/tokenize",), tokenize, Tokenizing),
    Route("POST", ("/detokenize",), detokenize, Detokenizing),
)
