"""A route: one row of a family's table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tsumami.serve.bodies import Body
from tsumami.serve.service import ApiService

__all__ = ["Answer", "Route"]

#: What answers: the service, the request, and its body (a `Body` where the route has one).
Answer = Callable[[ApiService, Request, Any], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """method: of HTTP; paths: of which the first is the usual one; answer: what answers; body: what it takes."""

    method: str
    paths: tuple[str, ...]
    answer: Answer
    body: type[Body] | None = None

    @property
    def about(self) -> str:
        """What it does, in a line."""
        return (self.answer.__doc__ or "").strip().partition("\n")[0]
