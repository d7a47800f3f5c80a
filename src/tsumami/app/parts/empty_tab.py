"""What a tab shows before there is anything in it: what it answers, a picture of that, and a button that does it.

Guarantee: the button works with the chat's last message, so nothing has to be typed first. The style sheet beside this
module hides it as soon as the tab has something to show.
"""

from __future__ import annotations

from html import escape
from importlib import resources

import gradio as gr

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts


def build(texts: Texts, tab: str) -> gr.HTML:
    """The component, for the tab of that name; it fires `select` when its button is pressed."""
    picture = (resources.files("tsumami.app.parts") / "empty_tabs" / f"{tab}.svg").read_text("utf-8")
    said, does = escape(texts(f"empty.{tab}")), escape(texts(f"empty.{tab}_do"))
    return gr.HTML(
        f'<div class="empty-tab"><span aria-hidden="true">{picture}</span><p>{said}</p>'
        f'<button type="button" class="empty-do">{does}</button></div>',
        js_on_load=script(__name__, "empty_tab.js"),
        elem_id=f"{tab}-empty",
        apply_default_css=False,
    )
