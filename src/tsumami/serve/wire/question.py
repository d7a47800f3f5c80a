"""What an answer repeats of its question: names, and the settings that held.

Source: llama.cpp's tools/server/server-task.cpp (`task_params::to_json`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tsumami.exchange import DIALECTS
from tsumami.exchange.writing import export_values
from tsumami.runs.backend import Tokenizer
from tsumami.serve.asking import NO_PROBABILITIES, Probabilities
from tsumami.settings import Settings

__all__ = ["Question", "settings_form"]


@dataclass(frozen=True, slots=True)
class Question:
    """Of one request: the model's name, the build, the answer's id, and how the caller wants it."""

    model: str
    fingerprint: str
    id: str
    tokenizer: Tokenizer
    ends: Callable[[], tuple[int, ...]]
    stream: bool = False
    probabilities: Probabilities = NO_PROBABILITIES
    return_tokens: bool = False
    timings_per_token: bool = False
    progress: bool = False
    usage: bool = False
    verbose: bool = False
    fields: tuple[str, ...] = ()
    created: int = field(default_factory=lambda: int(datetime.now(UTC).timestamp()))


def settings_form(settings: Settings, asked: Question | None = None) -> dict[str, Any]:
    """The object `generation_settings`."""
    values, _ = export_values(DIALECTS["llama-server"], settings)
    bias = list(settings.logit_bias)
    if settings.ignore_eos and asked is not None:
        bias += [(token, float("-inf")) for token in asked.ends()]
    return {
        "grammar": "",
        "stop": [],
        **values,
        "max_tokens": values["n_predict"],
        "logit_bias": [{"bias": None if one == float("-inf") else one, "token": token} for token, one in bias],
        "n_keep": 0,
        "n_discard": 0,
        "stream": asked is not None and asked.stream,
        "n_probs": 0 if asked is None else asked.probabilities.count,
        "post_sampling_probs": asked is not None and asked.probabilities.after,
        "timings_per_token": asked is not None and asked.timings_per_token,
        "grammar_lazy": False,
        "grammar_triggers": [],
        "preserved_tokens": [],
        "chat_format": "Content-only",
        "reasoning_format": "none",
        "reasoning_in_content": False,
        "generation_prompt": "",
        "speculative.types": "none",
        "backend_sampling": False,
        "lora": [],
    }
