"""What is said of settings that came from another program."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tsumami.cli.output import note
from tsumami.cli.words import language, say

if TYPE_CHECKING:
    from tsumami.exchange import Imported, Note

__all__ = ["report", "report_losses", "say_source"]


def say_source(found: Imported) -> None:
    """Which dialect it was, and which it could have been."""
    others = say(f"（{', '.join(found.possible)} かもしれない）", f" (it could also be {', '.join(found.possible)})")
    note(say(f"{found.dialect} から", f"from {found.dialect}") + (others if found.possible else "") + ":")


def report(notes: Iterable[Note]) -> None:
    """The notes, grouped by what became of the settings; of those that say no more than that, the names."""
    from tsumami.exchange import FATES

    listed = list(notes)
    for fate, words in FATES.items():
        told = [one.told(language()) for one in listed if one.fate == fate]
        if fate in ("taken", "elsewhere") and told:
            told = [", ".join(one.foreign for one in listed if one.fate == fate)]
        for line in told:
            note(f"  {words.told(language())}: {line}")


def report_losses(notes: Iterable[Note]) -> None:
    """Those of them that change the text."""
    from tsumami.exchange import LOSSES

    report(one for one in notes if one.fate in LOSSES)
