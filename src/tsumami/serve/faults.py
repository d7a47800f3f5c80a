"""What is wrong with a request, as answers in llama-server's form: `{"error": {"code", "message", "type"}}`.

Guarantee: whatever tsumami raises on purpose becomes one of these, with the words of the error.

It is said in English, or in Japanese to whoever asks for that (Accept-Language).

Source: llama.cpp's tools/server/server-common.cpp (`format_error_response`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from starlette.requests import Request

from tsumami.errors import CancelledError, EngineClosedError, EngineError, ModelError, TsumamiError, japanese
from tsumami.wording import InBoth, Language, preferred

__all__ = ["Fault", "fault_form", "fault_of", "field_fault", "language_of", "naming_field", "too_long"]

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    500: "server_error",
    501: "not_supported_error",
    503: "unavailable_error",
}


class Fault(Exception):
    """An answer that says what is wrong: the HTTP status, the words, and more fields of `error`."""

    def __init__(self, status: int, words: InBoth, **more: Any) -> None:
        super().__init__(words)
        self.status, self.words, self.more = status, words, more

    def form(self, language: Language = "en") -> dict[str, Any]:
        """What the answer's JSON says."""
        made = fault_form(self.status, self.words.told(language))
        made["error"] |= self.more
        return made


def fault_form(status: int, words: str) -> dict[str, Any]:
    """The JSON of an answer with this status and these words."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"code": status, "message": words, "type": kind}}


def field_fault(name: str, words: InBoth) -> Fault:
    """A field that cannot be used."""
    return Fault(400, words.within(f"Field '{name}': {{said}}", f"フィールド '{name}': {{said}}"), param=name)


@contextmanager
def naming_field(name: str) -> Iterator[None]:
    """A block in which an error is one of this field."""
    try:
        yield
    except TsumamiError as error:
        raise field_fault(name, _said(error)) from error


def too_long(tokens: int, n_ctx: int) -> Fault:
    """A prompt that leaves no room for a reply."""
    words = InBoth(
        f"the request has {tokens} tokens and exceeds the available context size ({n_ctx} tokens); shorten it",
        f"リクエストは {tokens} トークンで、使えるコンテキスト（{n_ctx} トークン）に入りません。短くしてください",
    )
    return Fault(400, words, type="exceed_context_size_error", n_prompt_tokens=tokens, n_ctx=n_ctx)


def fault_of(error: TsumamiError) -> Fault:
    """What an error is to the caller."""
    match error:
        case EngineClosedError() | CancelledError():
            return Fault(503, _said(error))
        case EngineError() | ModelError():
            return Fault(500, _said(error))
    return Fault(400, _said(error))


def _said(error: TsumamiError) -> InBoth:
    return InBoth(str(error), japanese(error))


def language_of(request: Request) -> Language:
    """In which what is wrong is said: English, as clients expect it, unless the headers prefer Japanese."""
    return preferred(request.headers.get("accept-language", ""))
