"""What a page says whose model hardly knows the page's language, and which model it offers instead.

Guarantee: nothing is said of a model of which it is not known what it knows; what is offered says how large it is, and
where it has to be installed first, how.
"""

from __future__ import annotations

from html import escape
from typing import Final

import gradio as gr

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts
from tsumami.models import KNOWN, ModelEntry, catalogue

OFFERED: Final = "gemma"
"""Small, and knows what the small default does not."""


def build(texts: Texts, model: str) -> gr.HTML:
    """The component, for a page that begins with the model of this name; it fires `select` when the other model is to
    be loaded.
    """
    return gr.HTML(
        said(texts, model),
        js_on_load=script(__name__, "model_offer.js", loading=texts("model.loading")),
        elem_id="model-offer",
        apply_default_css=False,
    )


def said(texts: Texts, model: str) -> str:
    """The words and the button, as HTML; nothing where the model knows the language, or nobody knows whether."""
    known = KNOWN.get(model)
    if known is None or texts.language in known.languages:
        return ""
    entry = next(one for one in catalogue() if one.name == OFFERED)
    words = texts("model.stranger", model=model, other=OFFERED, size=f"{(entry.size or 0) / 1e6:.0f} MB")
    how = _button(texts("model.offer", other=OFFERED), "load") if entry.here else _install(texts, entry)
    hide = escape(texts("model.hide"))
    return (
        f'<p class="model-offer">{escape(words)} {how}'
        f'<button type="button" data-do="hide" aria-label="{hide}" title="{hide}">×</button></p>'
    )


def _button(text: str, does: str) -> str:
    return f'<button type="button" data-do="{does}">{escape(text)}</button>'


def _install(texts: Texts, entry: ModelEntry) -> str:
    return f"{escape(texts('model.install'))} <code>{escape(entry.install or '')}</code>"
