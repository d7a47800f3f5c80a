"""The prompt in the form of a tab that generates: its box, its two switches, and what they ask of the model."""

from __future__ import annotations

import gradio as gr

from tsumami.app.words.texts import Texts
from tsumami.model import Model
from tsumami.runs import Prompt
from tsumami.settings import Settings


def box(texts: Texts, tab: str, label: str) -> gr.Textbox:
    """The box, with the example in it; `label` is a key of the texts."""
    return gr.Textbox(texts("compare.example"), label=texts(label), lines=2, max_lines=6, elem_id=f"{tab}-prompt")


def switches(texts: Texts, tab: str) -> tuple[gr.Checkbox, gr.Checkbox]:
    """Whether it is sent as a chat's message, and whether one starts from the chat's knobs; call inside a row."""
    as_chat = gr.Checkbox(value=True, label=texts("next.chat"), container=False, min_width=160, elem_id=f"{tab}-chat")
    own = gr.Checkbox(label=texts("compare.own"), container=False, min_width=160, elem_id=f"{tab}-own")
    return as_chat, own


def asked(model: Model, text: str | None, settings: Settings, *, as_chat: bool) -> Prompt:
    """The prompt as the model gets it; `settings` say what its template is told."""
    return model.prompt(text, settings) if as_chat and text else model.as_prompt(text or "")
