"""The lesson's pictures that are no charts: the loop as boxes, a text as coloured pieces, the way through the model.

Guarantee: plain HTML that reads on light and dark ground, the same in the notebook and on the page; every text in it is
escaped. What it shows comes from the data that it is given.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from typing import Final

from tsumami.course.inside import Station
from tsumami.course.loop import Turn
from tsumami.course.tokens import TokenRow
from tsumami.course.words import Words
from tsumami.runs.signs import visible

#: Six colours that the common kinds of colour blindness can tell apart from their neighbours (after Okabe and Ito).
_COLOURS: Final = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00")
_FAINT: Final = "align-self:center;color:color-mix(in srgb, currentColor 75%, transparent)"
_BOX: Final = "flex:1 1 7.6rem;border:1px solid #94a3b8;border-radius:8px;padding:.5rem .7rem;overflow-wrap:anywhere"
_SHOWN_IDS: Final = 8
_SHOWN_TOP: Final = 3
_SHOWN_TEXT: Final = 60
_SHOWN_PIECES: Final = 500


def loop_diagram(words: Words) -> str:
    """The loop as a Mermaid flow chart."""
    boxes = ("prompt", "tokenise", "model", "probabilities", "choose", "append")
    lines = [f'  {box}["{words(f"loop.box.{box}")}"]' for box in boxes]
    lines += [f"  {a} --> {b}" for a, b in itertools.pairwise(boxes)]
    return "\n".join(["flowchart LR", *lines, f'  append -- "{words("loop.again")}" --> tokenise'])


def loop_boxes(turn: Turn, words: Words) -> str:
    """The boxes of the loop with what was really computed at this step."""
    best = turn.table.head(_SHOWN_TOP).to_dict("records")
    piece = visible(turn.piece.decode("utf-8", "backslashreplace"))
    if turn.u is None:
        chosen = words("loop.taken", piece=piece)
    else:
        chosen = words("loop.rolled", u=f"{turn.u:.4f}", piece=piece)
    tail = turn.ids[-_SHOWN_IDS:]
    ids = ("… " if len(turn.ids) > len(tail) else "") + " ".join(map(str, tail))
    contents = {
        "prompt": _tail(turn.text_before),
        "tokenise": words("loop.ids", n=len(turn.ids), ids=ids),
        "model": words("loop.logits", n=f"{turn.n_vocab:,}"),
        "probabilities": " · ".join(
            words("loop.top", piece=visible(row["piece"]), percent=f"{row['p_raw']:.1%}") for row in best
        ),
        "choose": chosen,
        "append": words("loop.grown", text=_tail(turn.text_after)),
    }
    boxes = [
        f'<div style="{_BOX}"><small>{html.escape(words(f"loop.box.{box}"))}</small>'
        f'<div style="font-size:1.05em" translate="no">{html.escape(content)}</div></div>'
        for box, content in contents.items()
    ]
    arrow = '<span aria-hidden="true" style="align-self:center;color:#94a3b8">→</span>'
    again = f'<span style="{_FAINT}">↺ {html.escape(words("loop.again"))}</span>'
    return f'<div style="display:flex;flex-wrap:wrap;gap:.4rem">{arrow.join(boxes)}{again}</div>'


def _tail(text: str) -> str:
    return text if len(text) <= _SHOWN_TEXT else "…" + text[-_SHOWN_TEXT:]


def token_pieces(rows: Sequence[TokenRow], words: Words) -> str:
    """A text as coloured pieces: the parts of a character share a colour, marks are outlined; hovering tells more. Of a
    long text the first 500 pieces are shown, and how many more there are.
    """
    spans: list[str] = []
    colour = -1
    open_whole = ""
    for row in rows[:_SHOWN_PIECES]:
        if row.whole != open_whole or not row.whole:
            colour += 1
        open_whole = row.whole
        spans.append(_piece(row, _COLOURS[colour % len(_COLOURS)], words))
    if len(rows) > _SHOWN_PIECES:
        spans.append(f"<small> {html.escape(words('more', n=len(rows) - _SHOWN_PIECES))}</small>")
    return f'<div style="line-height:2.2;overflow-wrap:anywhere">{"".join(spans)}</div>'


def _piece(row: TokenRow, colour: str, words: Words) -> str:
    about = [words(f"tokens.kind.{row.kind}"), row.bytes]
    if row.whole:
        about.append(words("tokens.part_of", whole=row.whole))
    if row.id is not None:
        about.insert(0, f"{words('tokens.column.id')} {row.id}")
    look = f"background:{colour}55;border-bottom:3px solid {colour}"
    if row.kind in ("mark", "added"):
        look = f"border:1px dashed {colour}"
    elif row.kind == "lost":
        look = "text-decoration:line-through;opacity:.7"
    small = ";font-size:.75em;font-family:monospace" if row.kind in ("part", "lost") else ""
    return (
        f'<span title="{html.escape(" · ".join(about))}" style="{look}{small};border-radius:3px;padding:.1em .25em;'
        f'margin:0 1px;white-space:pre-wrap" translate="no">{html.escape(row.shown)}</span>'
    )


def stations(parts: Sequence[Station], words: Words) -> str:
    """The way of a prompt through the model: a box for each station with the shape of what comes out of it."""
    boxes = []
    for part in parts:
        shape = " × ".join(f"{size:,}" for size in part.shape)
        times = f" {words('inside.times', n=part.times)}" if part.times > 1 else ""
        boxes.append(
            f'<div style="{_BOX}"><small>{html.escape(words(f"inside.station.{part.name}") + times)}</small>'
            f'<div style="font-variant-numeric:tabular-nums">{shape}</div></div>'
        )
    arrow = '<span aria-hidden="true" style="align-self:center;color:#94a3b8">→</span>'
    return f'<div style="display:flex;flex-wrap:wrap;gap:.4rem">{arrow.join(boxes)}</div>'
