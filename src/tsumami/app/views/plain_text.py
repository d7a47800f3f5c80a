"""Texts of others in Markdown: shown as they are, never obeyed.

Guarantee: whatever the text holds, nothing of it is taken as Markdown, HTML or a formula.
"""

from __future__ import annotations

import string


def plain_text(text: str) -> str:
    """A text as Markdown that shows it: every sign of punctuation by its number, which no parser takes for markup."""
    return "".join(f"&#{ord(c)};" if c in string.punctuation else " " if c.isspace() else c for c in text)
