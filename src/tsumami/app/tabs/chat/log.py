"""The conversation as it is shown: what was said, character for character, and an account of each reply to unfold.

Guarantee: nothing that a user or a model wrote is ever read as Markdown or HTML: it travels as plain values, and log.js
makes text of it; only why two replies part is a picture of `charts`, which escapes what was written. What is copied is
what was written. An account is made when somebody unfolds it.
"""

from __future__ import annotations

import json
from typing import Any, Final

import gradio as gr

from tsumami.app.parts import token_choices
from tsumami.app.parts.gradio_seams import AS_TEXT
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
    *("submit", "submit_about", "cancel", "cancel_about", "rewrite", "rewrite_about", "keep", "keep_about"),
    *("earlier", "earlier_about", "later", "later_about", "variants", "of", "why", "why_about", "looking"),
    *("sooner", "sooner_about", "further", "further_about", "messages", "branch", "branch_about", "ask_anew"),
    *("ask_anew_about", "delete", "delete_about", "gone", "undelete", "undelete_about", "own", "own_begun", "chosen"),
    *("tokens", "tokens_about", "aloud", "aloud_about", "hush", "hush_about"),
)


def build(texts: Texts) -> gr.HTML:
    """The component. Its value is what `view.talk` gives, or the end of that (`from_there`). Its events name an
    `exchange`: `edit` comes with the `value` that its message is to be, or with the `token` that is to stand `at` a
    place of its reply; `input` with what it is to `do` without the model (rewriting.py); `select` with `by`, how far on
    the way is that is to be shown; `expand` wants the account, `apply` its `tokens` or why two replies part; `play`
    wants its message (`asked`) or its reply read aloud. `undo` fires when a cleared conversation is to come back.
    """
    # Words stand in the script, not in props: an update may replace all props of an HTML part.
    words = {name: texts(f"log.{name}") for name in _WORDS} | token_choices.words(texts)
    said = json.dumps(words, ensure_ascii=False)
    return gr.HTML(
        value=[],
        html_template=_TEMPLATE,
        js_on_load="\n".join(
            (
                f"const words = {said};",
                token_choices.drawing(),
                script(__name__, "log_parts.js"),
                script(__name__, "log_tokens.js"),
                script(__name__, "log.js"),
            )
        ),
        apply_default_css=False,
        elem_id="chat",
        **AS_TEXT,
        account=None,
        tokens=None,
        gone="",
        why=None,
        cleared=False,
    )


def from_there(exchanges: list[dict[str, Any]], first: int) -> dict[str, Any]:
    """The value that shows these as exchange number `first` and what follows it, and leaves those before as they stand:
    what a growing reply costs does not depend on how much was said before.
    """
    return {"first": first, "exchanges": exchanges}


def shown(exchanges: list[dict[str, Any]], *, cleared: bool) -> Any:
    """An update that shows these; `cleared`: an empty log offers to bring back what was there before."""
    return gr.update(value=exchanges, cleared=cleared)


def without_some(exchanges: list[dict[str, Any]], name: str) -> Any:
    """An update that shows these after something was taken out, and offers its way back. name: another each time."""
    return gr.update(value=exchanges, gone=name)


def with_tokens(exchange: int, tokens: list[dict[str, Any]] | None) -> Any:
    """An update that shows a reply as its tokens; None: they cannot be had."""
    return gr.update(tokens={"exchange": exchange, "tokens": tokens})


def with_account(exchange: int, parts: list[dict[str, str]]) -> Any:
    """An update that shows the account of a reply."""
    return gr.update(account={"exchange": exchange, "parts": parts})


def with_why(exchange: int, picture: str) -> Any:
    """An update that shows why two replies part."""
    return gr.update(why={"exchange": exchange, "picture": picture})
