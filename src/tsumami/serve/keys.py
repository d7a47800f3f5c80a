"""Keys: who has to show one, and does.

Guarantee: where the server has keys, nothing but whether it is there is answered without one of them. A key is compared
in the same time whether it is nearly right or not at all.
"""

from __future__ import annotations

import hmac
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from tsumami.serve.answers import Json
from tsumami.serve.faults import fault_form
from tsumami.web.hosts import Headers
from tsumami.wording import InBoth, preferred

__all__ = ["Keys"]

_BEARER: Final = "bearer "


class Keys:
    """An application before another. open_paths: those that need no key."""

    def __init__(self, inside: ASGIApp, keys: tuple[str, ...], open_paths: tuple[str, ...]) -> None:
        self._inside, self._open = inside, frozenset(open_paths)
        self._keys = tuple(key.encode() for key in keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say that it needs a key."""
        if scope["type"] != "http" or scope["path"] in self._open or self._shown(Headers.of(scope["headers"])):
            await self._inside(scope, receive, send)
            return
        words = InBoth(
            "this server needs an API key, and none that it knows was shown",
            "このサーバーには API キーが要ります。知っているキーが示されませんでした",
        )
        language = preferred(Headers.of(scope["headers"]).get("accept-language"))
        answer = Json(fault_form(401, words.told(language)), 401)
        await answer(scope, receive, send)

    def _shown(self, headers: Headers) -> bool:
        if not self._keys:
            return True
        said = headers.get("authorization") or headers.get("x-api-key")
        key = said[len(_BEARER) :] if said.lower().startswith(_BEARER) else said
        equal = [hmac.compare_digest(key.encode("utf-8", "replace"), known) for known in self._keys]
        return any(equal)
