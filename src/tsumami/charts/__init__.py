"""Charts: data in, picture out.

Guarantee: nothing is computed here beyond layout; a picture shows the numbers that it was given, in Japanese or
English. Two crafts that do not know each other: `html/` makes strings, which need `style()` on their page, follow light
and dark, and hold no script (only the icicle's page has one); `pictures/` makes Altair charts (`…_picture`,
`measure_lines`, `icicle`, the lesson's), which save as PNG and SVG without a browser. What both draw from (whole
characters, where cells and rolls lie, colours, words) lies beside them. Others enter here; a name fetches its module
when it is first used, so strings cost no Altair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.charts.colours import COLOURS as COLOURS
    from tsumami.charts.colours import PALETTE as PALETTE
    from tsumami.charts.html.icicle_page import IcicleFrame as IcicleFrame
    from tsumami.charts.html.icicle_page import icicle_data as icicle_data
    from tsumami.charts.html.icicle_page import icicle_page as icicle_page
    from tsumami.charts.html.icicle_page import icicle_script as icicle_script
    from tsumami.charts.html.icicle_page import icicle_skeleton as icicle_skeleton
    from tsumami.charts.html.ledger_table import ledger_table as ledger_table
    from tsumami.charts.html.next_token_bars import next_token_bars as next_token_bars
    from tsumami.charts.html.parting import parting as parting
    from tsumami.charts.html.roll_strip import roll_strip as roll_strip
    from tsumami.charts.html.side_by_side import LaneColumn as LaneColumn
    from tsumami.charts.html.side_by_side import side_by_side as side_by_side
    from tsumami.charts.html.style import style as style
    from tsumami.charts.html.token_strip import MODES as MODES
    from tsumami.charts.html.token_strip import Mode as Mode
    from tsumami.charts.html.token_strip import token_strip as token_strip
    from tsumami.charts.icicle_cells import handy as handy
    from tsumami.charts.icicle_words import icicle_facts as icicle_facts
    from tsumami.charts.pictures.heat import heat_picture as heat_picture
    from tsumami.charts.pictures.heat import heat_pictures as heat_pictures
    from tsumami.charts.pictures.heat import shared_picture as shared_picture
    from tsumami.charts.pictures.heat import text_picture as text_picture
    from tsumami.charts.pictures.icicle import icicle as icicle
    from tsumami.charts.pictures.ledger_picture import ledger_picture as ledger_picture
    from tsumami.charts.pictures.lesson import length_bars as length_bars
    from tsumami.charts.pictures.lesson import sight as sight
    from tsumami.charts.pictures.lesson import time_line as time_line
    from tsumami.charts.pictures.look import Form as Form
    from tsumami.charts.pictures.look import drawn as drawn
    from tsumami.charts.pictures.look import inline as inline
    from tsumami.charts.pictures.measure_lines import measure_line as measure_line
    from tsumami.charts.pictures.measure_lines import measure_lines as measure_lines
    from tsumami.charts.pictures.next_token_pictures import next_token_picture as next_token_picture
    from tsumami.charts.pictures.next_token_pictures import rolls_picture as rolls_picture
    from tsumami.charts.pictures.roll_picture import roll_picture as roll_picture
    from tsumami.charts.pieces import Piece as Piece
    from tsumami.charts.rolls import Line as Line
    from tsumami.charts.rolls import how as how
    from tsumami.charts.words import word as word
    from tsumami.runs.signs import visible as visible
    from tsumami.wording import Language as Language

_HOMES: Final = {
    "COLOURS": "tsumami.charts.colours",
    "MODES": "tsumami.charts.html.token_strip",
    "PALETTE": "tsumami.charts.colours",
    "Form": "tsumami.charts.pictures.look",
    "IcicleFrame": "tsumami.charts.html.icicle_page",
    "LaneColumn": "tsumami.charts.html.side_by_side",
    "Language": "tsumami.wording",
    "Line": "tsumami.charts.rolls",
    "Mode": "tsumami.charts.html.token_strip",
    "Piece": "tsumami.charts.pieces",
    "drawn": "tsumami.charts.pictures.look",
    "handy": "tsumami.charts.icicle_cells",
    "heat_picture": "tsumami.charts.pictures.heat",
    "heat_pictures": "tsumami.charts.pictures.heat",
    "how": "tsumami.charts.rolls",
    "icicle": "tsumami.charts.pictures.icicle",
    "icicle_data": "tsumami.charts.html.icicle_page",
    "icicle_facts": "tsumami.charts.icicle_words",
    "icicle_page": "tsumami.charts.html.icicle_page",
    "icicle_script": "tsumami.charts.html.icicle_page",
    "icicle_skeleton": "tsumami.charts.html.icicle_page",
    "inline": "tsumami.charts.pictures.look",
    "ledger_picture": "tsumami.charts.pictures.ledger_picture",
    "ledger_table": "tsumami.charts.html.ledger_table",
    "length_bars": "tsumami.charts.pictures.lesson",
    "measure_line": "tsumami.charts.pictures.measure_lines",
    "measure_lines": "tsumami.charts.pictures.measure_lines",
    "next_token_bars": "tsumami.charts.html.next_token_bars",
    "next_token_picture": "tsumami.charts.pictures.next_token_pictures",
    "parting": "tsumami.charts.html.parting",
    "roll_picture": "tsumami.charts.pictures.roll_picture",
    "roll_strip": "tsumami.charts.html.roll_strip",
    "rolls_picture": "tsumami.charts.pictures.next_token_pictures",
    "shared_picture": "tsumami.charts.pictures.heat",
    "side_by_side": "tsumami.charts.html.side_by_side",
    "sight": "tsumami.charts.pictures.lesson",
    "style": "tsumami.charts.html.style",
    "text_picture": "tsumami.charts.pictures.heat",
    "time_line": "tsumami.charts.pictures.lesson",
    "token_strip": "tsumami.charts.html.token_strip",
    "visible": "tsumami.runs.signs",
    "word": "tsumami.charts.words",
}

__all__ = [
    "COLOURS",
    "MODES",
    "PALETTE",
    "Form",
    "IcicleFrame",
    "LaneColumn",
    "Language",
    "Line",
    "Mode",
    "Piece",
    "drawn",
    "handy",
    "heat_picture",
    "heat_pictures",
    "how",
    "icicle",
    "icicle_data",
    "icicle_facts",
    "icicle_page",
    "icicle_script",
    "icicle_skeleton",
    "inline",
    "ledger_picture",
    "ledger_table",
    "length_bars",
    "measure_line",
    "measure_lines",
    "next_token_bars",
    "next_token_picture",
    "parting",
    "roll_picture",
    "roll_strip",
    "rolls_picture",
    "shared_picture",
    "side_by_side",
    "sight",
    "style",
    "text_picture",
    "time_line",
    "token_strip",
    "visible",
    "word",
]

__getattr__, __dir__ = face(__name__, _HOMES)
