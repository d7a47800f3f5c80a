"""The routes: one file a family, each a table.

Guarantee: a route more is one row; a family more is one file, and one name here.
"""

from __future__ import annotations

from typing import Final

from tsumami.serve.routes import about, kobold, native, openai, runs, tokens
from tsumami.serve.routes.route import Route

__all__ = ["ROUTES", "Route"]

ROUTES: Final[tuple[Route, ...]] = (
    *about.ROUTES,
    *native.ROUTES,
    *openai.ROUTES,
    *tokens.ROUTES,
    *runs.ROUTES,
    *kobold.ROUTES,
)
