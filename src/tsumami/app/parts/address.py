"""The page's address, which names the tab that is open (address.js).

Guarantee: every tab has an address that opens it, in both languages; a reload, and back and forward, lead to the tab
that was there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import gradio as gr

from tsumami.app.parts.scripts import script


def build(titles: Mapping[str, str], first: str) -> gr.HTML:
    """What writes and reads it, and shows nothing; call below the tabs. titles: name by title; first: the name of the
    tab at the bare address.
    """
    names = json.dumps(titles, ensure_ascii=False)
    how = f"const names = {names};\n{script(__name__, 'address.js', first=first)}"
    return gr.HTML(elem_id="address", js_on_load=how, apply_default_css=False)
