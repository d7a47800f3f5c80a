"""Where parts and tabs lean on what Gradio does not promise, so that an upgrade has one place to look.

The other places: api/declaring for the endpoints, and in serving gradio_import, uploads, site and assets.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Mapping
from typing import Any, Final

import gradio as gr


def put(*parts: Any) -> None:
    """Put parts that were made with `render=False` on the page, here. Gradio's `render` has no types."""
    for part in parts:
        part.render()


def data_of(event: gr.EventData) -> Mapping[str, Any]:
    """All that a script sent along with its event. Public is only asking for one name that must be there."""
    data: Mapping[str, Any] = event._data
    return data


def _as_typed(_: gr.Slider, payload: float) -> float:
    return payload


# Gradio's own way to make a class of components would write an interface file into this folder.
_HandySlider: Final[Any] = ABCMeta.__new__(
    type(gr.Slider),
    "HandySlider",
    (gr.Slider,),
    {"preprocess": _as_typed, "is_template": True, "__module__": __name__},
)


def handy_slider(low: float, high: float, **how: Any) -> gr.Slider:
    """A slider whose box may hold what the slider does not reach; what is valid is for Settings to say."""
    made: gr.Slider = _HandySlider(low, high, **how)
    return made
