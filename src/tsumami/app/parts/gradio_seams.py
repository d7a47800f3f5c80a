"""Where parts and tabs lean on what Gradio does not promise, so that an upgrade has one place to look.

The other places: access and busy beside this for its markup and its requests, api/declaring for the endpoints, and in
serving gradio_import, uploads, site and assets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import gradio as gr
from gradio.components import Component


def take_values_as_texts() -> None:
    """Let a `gr.HTML` that is made with `**AS_TEXT` hand its value to its script as JSON, whatever it is. An event
    hands it back like this, too.

    Gradio's page watches every part of a value, and copies and compares all of it with each piece of news of anything,
    so what a growing reply cost grew with the conversation. A text is one value, however long.
    """
    if not hasattr(gr.HTML, _AS_IT_WAS):
        setattr(gr.HTML, _AS_IT_WAS, gr.HTML.postprocess)
        gr.HTML.postprocess = _as_text  # type: ignore[method-assign]  # of a subclass Gradio would write a stub file


AS_TEXT: Final[dict[str, Any]] = {"as_text": True}
_AS_IT_WAS: Final = "_postprocess_as_it_was"


def _as_text(self: gr.HTML, value: Any) -> Any:
    if value is not None and self.props.get("as_text"):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return getattr(self, _AS_IT_WAS)(value)


def show_progress_nowhere(blocks: gr.Blocks, instead: Component) -> None:
    """Let events that hide their progress hide it in one part of the page, and not in everything that they change.

    Gradio's page tells each part in which any event has shown progress of every piece of news, and copies all that the
    part holds for it. Call once all events are connected.
    """
    for event in blocks.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = [instead]


def put(*parts: Any) -> None:
    """Put parts that were made with `render=False` on the page, here. Gradio's `render` has no types."""
    for part in parts:
        part.render()


def data_of(event: gr.EventData) -> Mapping[str, Any]:
    """All that a script sent along with its event. Public is only asking for one name that must be there."""
    data: Mapping[str, Any] = event._data
    return data
