"""What could have stood in a token's place, as buttons: the script that the log and the writing tab share.

Guarantee: what a model wrote comes into the page as the text of a text node.
"""

from __future__ import annotations

from typing import Final

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts

_WORDS: Final = ("instead", "chance", "cut", "take")


def words(texts: Texts) -> dict[str, str]:
    """The words of the script, to stand in `words` before it."""
    return {f"choice_{name}": texts(f"choice.{name}") for name in _WORDS}


def drawing() -> str:
    """The script: `aboutToken(token)` says all of it, `choicesOf(token, pick)` makes the buttons."""
    return script(__name__, "token_choices.js")
