"""Links from one tab to another.

Guarantee: a link is plain Markdown, so it is harmless where nobody listens (parts/inside_link.py does).
"""

from __future__ import annotations

from tsumami.app.words.texts import Texts


def inside(texts: Texts, exchange: int) -> str:
    """The link to the inside of the reply of exchange number `exchange`, as Markdown."""
    return f"[{texts('account.inside')}](#inside-{exchange})"
