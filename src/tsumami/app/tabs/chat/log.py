"""The conversation as it is shown: what was said, character for character, and an account of each reply to unfold.

Guarantee: nothing that a user or a model wrote is ever read as Markdown or HTML: it travels as plain values, and log.js
makes text of it; only why two replies part is a picture of `charts`, which escapes what was written. What is copied is
what was written. An account is made when somebody unfolds it.
"""

from __future__ import annotations

import json
from typing import Any, Final

import gradio as gr

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts

_TEMPLATE: Final = (
    '<div class="log" role="log" tabindex="0"></div>'
    '<div class="log-empty"><p></p><div></div></div>'
    '<div class="log-all" hidden></div>'
)
_WORDS: Final = (
    *("name", "empty", "bring_back", "bring_back_about", "you", "model", "half", "inside", "thinking"),
    *("copy", "copy_about", "copy_all", "copy_all_about", "edit", "edit_about"),
    *("submit", "submit_about", "cancel", "cancel_about"),
    *("earlier", "earlier_about", "later", "later_about", "variants", "of", "why", "why_about", "looking"),
)


def build(texts: Texts) -> gr.HTML:
    """The component. Its value is what `view.talk` gives; `edit` fires with `exchange` and `value`, `expand` with the
    `exchange` whose account is to be shown, `select` with the `exchange` of which the reply that is `by` further on is
    to be shown, `apply` with the one of which two replies are to be explained, `undo` when a cleared conversation is to
    come back.
    """
    # Words stand in the script, not in props: an update may replace all props of an HTML part.
    words = json.dumps({name: texts(f"log.{name}") for name in _WORDS}, ensure_ascii=False)
    return gr.HTML(
        value=[],
        html_template=_TEMPLATE,
        js_on_load=f"const words = {words};\n{script(__name__, 'log.js')}",
        apply_default_css=False,
        elem_id="chat",
        account=None,
        why=None,
        cleared=False,
    )


def shown(exchanges: list[dict[str, Any]], *, cleared: bool) -> Any:
    """An update that shows these; `cleared`: an empty log offers to bring back what was there before."""
    return gr.update(value=exchanges, cleared=cleared)


def with_account(exchange: int, parts: list[dict[str, str]]) -> Any:
    """An update that shows the account of a reply."""
    return gr.update(account={"exchange": exchange, "parts": parts})


def with_why(exchange: int, picture: str) -> Any:
    """An update that shows why two replies part."""
    return gr.update(why={"exchange": exchange, "picture": picture})
