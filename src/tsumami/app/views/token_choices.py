"""Tokens as a page offers them: how likely each was, and what could have stood in its place.

Guarantee: plain values of what a step says; nothing that a model wrote is HTML here, and token_choices.js makes text of
it. A token whose character goes on in the next one has no text of its own.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tsumami import charts
from tsumami.runs import Step
from tsumami.runs.values import Alternative
from tsumami.wording import percent

_OTHERS: Final = 8  # of the likeliest


def as_choice(step: Step) -> dict[str, Any]:
    """A token: its `text`, its `id`, its name, `p` as it was chosen and `raw` as the model had it, as numbers and in
    words, and the `others`, each with its id, its name and how likely it was; `cut` if a stage had cut it.
    """
    others = sorted((one for one in step.alternatives if one.id != step.id), key=_likely, reverse=True)
    return {
        "id": step.id,
        "text": step.text,
        "name": charts.visible(step.piece),
        "p": round(step.p_final, 4),
        "final": percent(step.p_final),
        "raw": percent(step.p_raw),
        "others": [
            {
                "id": one.id,
                "name": charts.visible(one.piece),
                "p": percent(one.p_final or one.p_raw),
                "cut": not one.p_final,
            }
            for one in others[:_OTHERS]
        ],
    }


def _likely(one: Alternative) -> tuple[float, float]:
    return one.p_final, one.p_raw


def packed(step: Step) -> str:
    """The same as a text: of many of these Gradio finds out quickly what came to them."""
    return json.dumps(as_choice(step), ensure_ascii=False, separators=(",", ":"))
