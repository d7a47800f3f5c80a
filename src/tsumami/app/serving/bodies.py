"""Calls whose body fits no endpoint: they are refused in words.

Guarantee: a body that is no UTF-8, a name that is no parameter, or an address that is no endpoint is the caller's
mistake and answered as one (422). Gradio would raise what it met on its way, and answer that the server is at fault.
"""

from __future__ import annotations

from typing import Final

import fastapi
from fastapi.responses import JSONResponse

_CALLS: Final = "/gradio_api/call/"
_SHOWN: Final = 200  # characters of what went wrong


def refuse_misfits(app: fastapi.FastAPI) -> None:
    """Let a page's app answer so; its work runs elsewhere, so what is raised here comes of the body."""
    for kind in (KeyError, TypeError, UnicodeDecodeError):
        app.add_exception_handler(kind, _misfit)


async def _misfit(request: fastapi.Request, error: Exception) -> JSONResponse:
    if _CALLS not in request.url.path:
        raise error
    match error:
        case KeyError():
            told = f"there is no endpoint of this name: {error}"
        case UnicodeDecodeError():
            told = f"the body is not UTF-8: {error.reason} at byte {error.start}"
        case _:
            told = str(error)
    return JSONResponse({"detail": told[:_SHOWN]}, status_code=422)
