"""Charts: data in, picture out.

Guarantee: nothing is computed here beyond layout; a picture shows the numbers that it was given, in Japanese or
English. Altair charts (`…_picture`, `measure_lines`) save as PNG and SVG without a browser; HTML (the rest) needs
`style()` on its page, follows light and dark, and holds no script; only the icicle's page has one.
"""

from __future__ import annotations

from importlib import resources

from tsumami.charts.icicle import icicle
from tsumami.charts.icicle_page import IcicleFrame, icicle_page
from tsumami.charts.look import COLOURS, inline
from tsumami.charts.measures import measure_line, measure_lines
from tsumami.charts.microscope import Piece, ledger_picture, ledger_table
from tsumami.charts.next_token import next_token_bars, next_token_picture, rolls_picture
from tsumami.charts.parting import parting
from tsumami.charts.pieces import visible
from tsumami.charts.rolls import Line, how, roll_picture, roll_strip
from tsumami.charts.side_by_side import Column, side_by_side
from tsumami.charts.token_strip import MODES, Mode, token_strip
from tsumami.charts.words import Language

__all__ = [
    "COLOURS",
    "MODES",
    "Column",
    "IcicleFrame",
    "Language",
    "Line",
    "Mode",
    "Piece",
    "how",
    "icicle",
    "icicle_page",
    "inline",
    "ledger_picture",
    "ledger_table",
    "measure_line",
    "measure_lines",
    "next_token_bars",
    "next_token_picture",
    "parting",
    "roll_picture",
    "roll_strip",
    "rolls_picture",
    "side_by_side",
    "style",
    "token_strip",
    "visible",
]


def style() -> str:
    """The style sheet of the HTML charts."""
    return (resources.files("tsumami.charts") / "charts.css").read_text("utf-8")
