"""Where two runs part: the library's sentence, and both final lines under the roll.

Guarantee: one line for both where they had the same roll, each its own where they had not; no line where the choice is
not known. What a model wrote is never taken as HTML.
"""

from __future__ import annotations

from html import escape

from tsumami.charts.html.roll_strip import roll_strip
from tsumami.charts.pieces import Piece
from tsumami.charts.rolls import Line
from tsumami.explain import Divergence
from tsumami.explain.tokens import account
from tsumami.wording import Language


def parting(piece: Piece, found: Divergence, names: tuple[str, str], language: Language) -> str:
    """Why two runs of these names part, as HTML. `piece` gives the bytes of a token."""
    sentence = found.ja if language == "ja" else found.en
    said = f'<p class="why"><b>{escape(names[0])} ↔ {escape(names[1])}</b>\n{escape(sentence)}</p>'
    if found.at_a is None or found.at_b is None:
        return said
    lines = [
        Line.of(account(outcome.ledger, outcome.mode, count=1), name)
        for outcome, name in zip((found.at_a, found.at_b), names, strict=True)
    ]
    if found.at_a.u == found.at_b.u:
        return said + roll_strip(lines, found.at_a.u, piece, language)
    rolls = zip(lines, (found.at_a.u, found.at_b.u), strict=True)
    return said + "".join(roll_strip([line], u, piece, language) for line, u in rolls)
