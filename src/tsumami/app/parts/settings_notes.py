"""Two notes over the knobs: what became of a file's settings, and what the model's own file recommends.

Guarantee: a report stays until it is put away or another file comes. A settings file that is dropped anywhere while the
knobs are in sight is loaded as if it had been picked; a place that takes files itself keeps them.
"""

from __future__ import annotations

from html import escape

import gradio as gr

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts
from tsumami.exchange import Imported
from tsumami.settings import Settings


def report() -> gr.HTML:
    """What became of the settings of the last file; the same script takes files that are dropped."""
    return gr.HTML(
        js_on_load=script(__name__, "settings_notes.js"),
        elem_id="settings-report",
        apply_default_css=False,
        render=False,
    )


def recommended() -> gr.HTML:
    """The offer of the settings that the model's file names; it fires `select` when they are to be used."""
    return gr.HTML(
        js_on_load=script(__name__, "recommended.js"), elem_id="recommended", apply_default_css=False, render=False
    )


def offer(texts: Texts, found: Imported | None, settings: Settings | None) -> str:
    """The words of the offer, as HTML; nothing where nothing is recommended, or these settings are that already."""
    if found is None or not found.named:
        return ""
    now = {} if settings is None else settings.to_dict()
    if all(now.get(name) == value for name, value in found.named.items()):
        return ""
    knobs = texts.pick("、", ", ").join(f"{name} {value}" for name, value in found.named.items())
    use = f'<button type="button" data-do="use">{escape(texts("knobs.use"))}</button>'
    return note(texts, f"<p>{escape(texts('knobs.recommended', knobs=knobs))} {use}</p>")


def note(texts: Texts, body: str) -> str:
    """A note with a button that puts it away."""
    hide = escape(texts("model.hide"))
    away = f'<button type="button" data-do="hide" aria-label="{hide}" title="{hide}">×</button>'
    return f'<div class="settings-note" role="status">{away}{body}</div>'
