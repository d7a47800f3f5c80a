"""What hears the link from a reply of the chat to the microscope (tabs/chat/log.js), and that of an answer of the API.

Guarantee: it shows nothing, and fires `select` with the number of the exchange as `to`, or once, when the page is
opened with ?run=ID, with that id as a text.
"""

from __future__ import annotations

import gradio as gr

from tsumami.app.parts.scripts import script


def listener(*, render: bool = True) -> gr.HTML:
    """What hears the links; with `render` False it is put on the page later."""
    return gr.HTML(
        elem_id="inside", js_on_load=script(__name__, "inside_link.js"), apply_default_css=False, render=render
    )
