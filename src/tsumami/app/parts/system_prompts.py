"""System prompts to choose from: some to begin with, in the page's language, and a reader's own, by names of theirs.

Guarantee: the own ones are the browser's and go nowhere else; choosing one only fills the box, which can be edited.
"""

from __future__ import annotations

import json
from typing import Any, Final

import gradio as gr

from tsumami.app.parts.events import AT_ONCE
from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts

#: Some to begin with: keys of the texts.
READY: Final = ("brief", "teacher", "translator", "writer", "editor", "coder", "critic")
_WORDS: Final = ("choose", "own", "ready", "save", "save_about", "forget", "forget_about", "name", "nothing", "saved")
_TEMPLATE: Final = (
    '<div class="prompts-row"><select class="prompts-pick"></select>'
    '<button type="button" class="prompts-save"></button><button type="button" class="prompts-forget"></button></div>'
    '<input class="prompts-name" autocomplete="off" hidden><p class="prompts-said" role="status"></p>'
)
_CHOSEN: Final = "text => text"


def build(texts: Texts) -> gr.HTML:
    """The component; it fires `select` when its value is a system prompt that was chosen."""
    words: dict[str, Any] = {name: texts(f"prompts.{name}") for name in _WORDS}
    words["ready_made"] = [[texts(f"prompts.{name}_name"), texts(f"prompts.{name}_text")] for name in READY]
    return gr.HTML(
        value="",
        html_template=_TEMPLATE,
        js_on_load=f"const words = {json.dumps(words, ensure_ascii=False)};\n{script(__name__, 'system_prompts.js')}",
        apply_default_css=False,
        elem_id="system-prompts",
    )


def wire(prompts: gr.HTML, system: gr.Textbox) -> None:
    """Let what is chosen fill the box of the system prompt."""
    prompts.select(None, [prompts], [system], js=_CHOSEN, **AT_ONCE)
