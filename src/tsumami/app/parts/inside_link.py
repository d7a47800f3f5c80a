"""The way from a reply of the chat to the microscope: a link in the folded account, and what hears it.

Guarantee: the link is plain Markdown, so it is harmless where nobody listens; the listener shows nothing, and fires
`select` with the number of the exchange as `to`.
"""

from __future__ import annotations

import gradio as gr

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts


def link(texts: Texts, exchange: int) -> str:
    """The link to the reply of exchange number `exchange`, as Markdown."""
    return f"[{texts('account.inside')}](#inside-{exchange})"


def listener() -> gr.HTML:
    """What hears the links; call in the chat's tab."""
    return gr.HTML(elem_id="inside", js_on_load=script(__name__, "inside_link.js"), apply_default_css=False)
