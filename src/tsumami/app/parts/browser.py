"""What the reader's browser keeps for the page."""

from __future__ import annotations

from typing import Any

import gradio as gr


def kept(name: str, default: Any, *, render: bool = True) -> gr.BrowserState:
    """A value that outlives the page, under a name that stays the same; with `render` False it is put on the page
    later.
    """
    key = f"tsumami-{name}"
    # Gradio wants a secret. It only has to stay the same: nothing is hidden from the person whose browser it is.
    return gr.BrowserState(default, storage_key=key, secret=key, render=render)
