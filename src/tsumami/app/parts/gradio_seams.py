"""Where parts and tabs lean on what Gradio does not promise, so that an upgrade has one place to look.

The other places: access and busy beside this for its markup and its requests, api/declaring for the endpoints, and in
serving gradio_import, uploads, site and assets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr


def put(*parts: Any) -> None:
    """Put parts that were made with `render=False` on the page, here. Gradio's `render` has no types."""
    for part in parts:
        part.render()


def data_of(event: gr.EventData) -> Mapping[str, Any]:
    """All that a script sent along with its event. Public is only asking for one name that must be there."""
    data: Mapping[str, Any] = event._data
    return data
