"""What is said of a knob map as a whole: how far it is, and what has to be known about its boundaries."""

from __future__ import annotations

from tsumami.charts.words import word
from tsumami.explore.maps import KnobMap
from tsumami.wording import Language

__all__ = ["icicle_facts", "icicle_notes"]


def icicle_facts(found: KnobMap, language: Language) -> str:
    """How far a map is, in one line: texts, coverage, tokens decoded, seconds."""
    return " · ".join(
        (
            word(language, "icicle.texts", count=len(found.texts)),
            word(language, "icicle.coverage", share=f"{found.coverage:.1%}"),
            word(language, "icicle.nodes", count=f"{found.nodes:,}"),
            word(language, "icicle.seconds", count=f"{found.seconds:.1f}"),
        )
    )


def icicle_notes(found: KnobMap, language: Language) -> str:
    """What has to be said about a map: that parts were not followed, that it is not exact."""
    notes = []
    if any(not piece.finished for piece in found.pieces):
        notes.append(word(language, "icicle.hatched"))
    if not found.receipt.engine.exact:
        notes.append(word(language, "icicle.inexact"))
    elif not found.exact:
        notes.append(word(language, "icicle.probed"))
    return " · ".join(notes)
