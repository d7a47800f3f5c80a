"""What finds a knob among ninety, and what its box says when it was left empty.

Guarantee: a knob is found by its name, by its label in either language and by its name in any other engine; the groups
that hold what was found are opened, and everything comes back when the box is emptied.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import gradio as gr

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts
from tsumami.knobs import Knob


def build(texts: Texts, groups: Mapping[str, Iterable[Knob]], defaults: Mapping[str, Any]) -> gr.HTML:
    """The component; call inside the knobs' column. groups: the knobs in each accordion, by its id; defaults: of the
    knobs that are numbers.
    """
    index = [
        {"name": knob.name, "group": group, "text": _text(knob)} for group, knobs in groups.items() for knob in knobs
    ]
    words = {"found": texts("reference.found"), "emptied": texts("knobs.emptied")}
    given = "".join(
        f"const {name} = {json.dumps(value, ensure_ascii=False)};\n"
        for name, value in (("words", words), ("defaults", defaults), ("index", index))
    )
    label = escape(texts("reference.search"))
    return gr.HTML(
        f'<input type="search" aria-label="{label}" placeholder="{label}"><span role="status"></span>',
        js_on_load=f"{given}{script(__name__, 'knob_search.js')}",
        elem_id="knob-search",
        apply_default_css=False,
    )


def _text(knob: Knob) -> str:
    """All that a knob is called."""
    return " ".join([knob.name, knob.label_ja, knob.label_en, *dict.fromkeys(knob.aliases.values())])
