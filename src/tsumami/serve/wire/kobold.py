"""KoboldCpp's form.

Source: KoboldCpp's koboldcpp.py (`generate`, `generate_text`, `handle_sse_stream`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsumami.serve.respond import Finished
from tsumami.serve.texts import TextEnd, TextPart
from tsumami.serve.wire.native import stop_type

__all__ = ["KoboldWire"]


class KoboldWire:
    """The answers to one request."""

    closing = ""

    def opening(self) -> list[dict[str, Any]]:
        """Nothing."""
        return []

    def piece(self, piece: TextPart) -> list[dict[str, Any]]:
        """What became showable of the text."""
        return [{"token": piece.text, "finish_reason": None}]

    def end(self, over: TextEnd, own: dict[str, Any]) -> list[dict[str, Any]]:
        """The text is finished."""
        return [{"token": "", "finish_reason": _finish(over), "tsumami": own}]

    def whole(self, texts: Sequence[Finished]) -> Any:
        """Everything at once."""
        return {"results": [_result(one) for one in texts], "tsumami": texts[0].own}


def _result(one: Finished) -> dict[str, Any]:
    return {
        "text": one.text,
        "finish_reason": _finish(one.over),
        "logprobs": None,
        "prompt_tokens": one.over.clock.prompt,
        "completion_tokens": one.over.clock.generated,
    }


def _finish(over: TextEnd) -> str:
    return "length" if stop_type(over) == "limit" else "stop"
