"""Timings and probabilities as llama-server writes them.

Source: llama.cpp's tools/server/server-common.cpp (`server_slot_stats::to_json`) and server-task.cpp
(`completion_token_output`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

from tsumami.runs import Step
from tsumami.runs.backend import Tokenizer
from tsumami.serve.texts import Clock, Likely

__all__ = ["probabilities", "progress", "timings"]

_LEAST: Final = -3.4028234663852886e38  # in the place of the logarithm of 0, which JSON cannot hold


def timings(clock: Clock) -> dict[str, Any]:
    """The object `timings`: tokens, milliseconds, and tokens per second."""
    read, written = clock.prompt - clock.reused, clock.generated
    return {
        "cache_n": clock.reused,
        "prompt_n": read,
        "prompt_ms": 1000 * clock.prompt_seconds,
        "prompt_per_token_ms": _per(1000 * clock.prompt_seconds, read),
        "prompt_per_second": _per(read, clock.prompt_seconds),
        "predicted_n": written,
        "predicted_ms": 1000 * clock.seconds,
        "predicted_per_token_ms": _per(1000 * clock.seconds, written),
        "predicted_per_second": _per(written, clock.seconds),
    }


def progress(clock: Clock) -> dict[str, Any]:
    """The object `prompt_progress`, when the prompt has been read."""
    return {
        "total": clock.prompt,
        "cache": clock.reused,
        "processed": clock.prompt,
        "time_ms": round(1000 * clock.prompt_seconds),
    }


def _per(amount: float, of: float) -> float:
    return amount / of if of > 0 else 0.0


def probabilities(
    tokenizer: Tokenizer, steps: Iterable[Step], likely: Iterable[Likely], *, after: bool
) -> list[dict[str, Any]]:
    """One object a token, with the likeliest ones. after: probabilities after the samplers, not logarithms."""
    return [_token(tokenizer, step, one, after=after) for step, one in zip(steps, likely, strict=False)]


def _token(tokenizer: Tokenizer, step: Step, likely: Likely, *, after: bool) -> dict[str, Any]:
    hidden = tokenizer.is_control(step.id) or tokenizer.is_eog(step.id)
    made = _entry(step.id, b"" if hidden else step.piece, likely.p, after=after)
    top = [_entry(token, tokenizer.piece(token), p, after=after) for token, p in likely.top]
    return {**made, "top_probs" if after else "top_logprobs": top}


def _entry(token: int, piece: bytes, p: float, *, after: bool) -> dict[str, Any]:
    value = p if after else (math.log(p) if p > 0 else _LEAST)
    return {"id": token, "token": _whole(piece), "bytes": list(piece), "prob" if after else "logprob": value}


def _whole(piece: bytes) -> str:
    """The characters of a token, without one that it only begins."""
    return piece.decode("utf-8", "ignore")
