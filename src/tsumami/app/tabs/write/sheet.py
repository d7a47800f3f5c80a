"""The sheet of the writing tab: one text that anybody may edit, what the model wrote in it, and the buttons around it.

Guarantee: the text and what is known of its tokens are the browser's, which keeps them; a token that comes to it costs
the page the same however long the text is. What a model wrote comes into the page as text and never as HTML.
"""

from __future__ import annotations

import json
from typing import Any, Final

import gradio as gr

from tsumami.app.parts import token_choices
from tsumami.app.parts.gradio_seams import AS_TEXT
from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts

_WORDS: Final = (
    *(
        "text",
        "tools",
        "empty",
        "go",
        "go_about",
        "stop",
        "stop_about",
        "undo",
        "undo_about",
        "redo",
        "redo_about",
        "writing",
    ),
    *("choices", "hint", "kept_short"),
)
_TEMPLATE: Final = (
    '<div class="write-tools" role="toolbar"></div>'
    '<div class="write-paper"><div class="write-sheet"><div class="write-mirror" aria-hidden="true"></div>'
    '<textarea class="write-text" spellcheck="false" autocomplete="off"></textarea></div></div>'
    '<p class="write-said" role="status"></p><div class="write-choices" role="region"></div>'
)


ENDED: Final = "() => { document.dispatchEvent(new Event('tsumami-written')); }"
"""The script that tells the sheet that a request has ended, however that came."""


def build(texts: Texts) -> gr.HTML:
    """The component. It fires `submit` with the `number` of a request, the text `before` the place where it is to go
    on, and the tokens with which that has `begun`, and `stop`. Its value is what `growing` and `done` give.
    """
    words = {name: texts(f"write.{name}") for name in _WORDS} | token_choices.words(texts)
    return gr.HTML(
        value=None,
        html_template=_TEMPLATE,
        js_on_load="\n".join(
            (
                f"const words = {json.dumps(words, ensure_ascii=False)};",
                token_choices.drawing(),
                script(__name__, "sheet_marks.js"),
                script(__name__, "sheet.js"),
            )
        ),
        apply_default_css=False,
        elem_id="write",
        **AS_TEXT,
    )


def growing(number: int, tokens: list[str]) -> dict[str, Any]:
    """All that has come of a request so far, each token as `token_choices.packed` gives it."""
    return {"number": number, "tokens": tokens, "done": False, "said": ""}


def done(number: int, tokens: list[str], said: str) -> dict[str, Any]:
    """The same at its end, and what there is to say about it."""
    return {"number": number, "tokens": tokens, "done": True, "said": said}
