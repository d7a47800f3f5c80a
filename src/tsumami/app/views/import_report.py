"""What became of settings that came from another program, as a message of the page."""

from __future__ import annotations

from typing import Final

from tsumami.app.words.texts import Texts
from tsumami.exchange import FATES, LOSSES, Imported

_MOST: Final = 6  # lines


def told_import(texts: Texts, found: Imported) -> str:
    """The dialect, and what was not kept."""
    lines = [
        f"{FATES[one.fate].told(texts.language)}: {one.told(texts.language)}"
        for one in found.notes
        if one.fate in LOSSES
    ]
    head = texts("knobs.imported", dialect=found.dialect)
    more = [texts("knobs.imported_more", count=len(lines) - _MOST)] if len(lines) > _MOST else []
    return "\n".join([head, *(lines[:_MOST] or [texts("knobs.imported_whole")]), *more])
