"""What became of settings that came from another program, as HTML of the page.

Guarantee: every note of the report is there, the losses in sight, the rest to unfold.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from tsumami.app.words.texts import Texts
from tsumami.exchange import DIALECTS, FATES, LOSSES, Imported, Note


def import_report(texts: Texts, found: Imported) -> str:
    """The program, what was not kept, and all else."""
    lost = [one for one in found.notes if one.fate in LOSSES]
    rest = sorted((one for one in found.notes if one.fate not in LOSSES), key=lambda one: list(FATES).index(one.fate))
    head = texts("knobs.imported", dialect=DIALECTS[found.dialect].title)
    said = texts("knobs.imported_lost", count=len(lost)) if lost else texts("knobs.imported_whole")
    more = escape(texts("knobs.imported_rest", count=len(rest)))
    unfold = f"<details><summary>{more}</summary>{_lines(texts, rest)}</details>" if rest else ""
    return f"<p>{escape(head)} {escape(said)}</p>{_lines(texts, lost)}{unfold}"


def _lines(texts: Texts, notes: Iterable[Note]) -> str:
    rows = "".join(
        f"<li>{escape(FATES[one.fate].told(texts.language))}: {escape(one.told(texts.language))}</li>" for one in notes
    )
    return f"<ul>{rows}</ul>" if rows else ""
