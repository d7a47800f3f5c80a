"""What a page of ours may load: what this server gives it, and nothing from anywhere else.

Guarantee: whatever a model, a user, a file or an error brought into a page, the browser sends nothing to another
address for it. Views show such text as text (that is theirs to hold); this is the wall behind them.

Gradio's page needs scripts that stand in it, and makes functions of the scripts of events and parts, so scripts cannot
be forbidden by the policy.
"""

from __future__ import annotations

from typing import Any, Final

from tsumami.web.farewell import Send

_POLICY: Final = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "frame-src": "'self' data: blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
#: The headers of every answer.
HEADERS: Final = (
    (b"content-security-policy", "; ".join(f"{what} {where}" for what, where in _POLICY.items()).encode()),
    (b"referrer-policy", b"no-referrer"),
)


def guarded(send: Send) -> Send:
    """`send` with these headers on what it begins."""

    async def guarding(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return guarding
