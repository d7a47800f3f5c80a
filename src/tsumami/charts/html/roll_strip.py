"""Where the roll fell: the final candidates as a line from 0 to 1, with the roll u marked on it, as HTML.

Guarantee: a share is as wide as its candidate's final probability and lies where the roll meets it, so the mark stands
on the chosen token. Two lines under one mark show why one roll gave two tokens: a token has the same colour on both.
Tokens that were chosen are named, however narrow their shares are, and so are the two beside the mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from tsumami.charts.pieces import Piece
from tsumami.charts.rolls import ROOM, Line, kind_of
from tsumami.charts.words import word
from tsumami.explain.tokens import Share
from tsumami.runs.signs import visible
from tsumami.wording import Language, percent

_MANY: Final = 8  # shares; of fewer, all or nearly all have their names


def roll_strip(lines: Sequence[Line], u: float | None, piece: Piece, language: Language) -> str:
    """One or two lines as HTML, the roll marked through all of them; `u` None: nothing was rolled."""
    bars = "".join(_bar(line, lines, piece) for line in lines)
    mark = "" if u is None else f'<div class="tsu-mark" style="left:{100 * u:.4f}%"><b>u = {u:.4f}</b></div>'
    about = escape("; ".join((word(language, "roll_line"), *_told(lines, u, piece))))
    ends = '<div class="tsu-ends"><span>0</span><span>1</span></div>'
    return f'<div class="tsu"><div class="tsu-rolls" role="img" aria-label="{about}">{mark}{bars}{ends}</div></div>'


def _told(lines: Sequence[Line], u: float | None, piece: Piece) -> Iterator[str]:
    """The picture in words: the roll, and of each line what it chose, with where its share begins and ends."""
    if u is not None:
        yield f"u = {u:.4f}"
    for line in lines:
        for share in line.shares:
            if share.token == line.chosen:
                name = f"{line.name}: " if line.name else ""
                yield f"{name}{visible(piece(share.token))} {share.low:.4f} … {share.high:.4f}"


def _bar(line: Line, lines: Sequence[Line], piece: Piece) -> str:
    named = f'<div class="tsu-name" translate="no">{escape(line.name)}</div>' if line.name else ""
    shares = "".join(_share(line, share, kind_of(share.token, lines), piece) for share in line.shares)
    calls = "".join(_call(share, kind_of(share.token, lines), piece) for share in _called(line, lines))
    return f'{named}{calls}<div class="tsu-line">{shares}</div>{_beside(line, piece)}'


def _called(line: Line, lines: Sequence[Line]) -> list[Share]:
    """The shares of tokens that any line chose, this line's own last: it stands nearest."""
    found = [share for share in line.shares if kind_of(share.token, lines) != "quiet"]
    return sorted(found, key=lambda share: share.token == line.chosen)


def _call(share: Share, kind: str, piece: Piece) -> str:
    """A name above the line, at its share, and within the picture wherever that is."""
    middle = 50 * (share.low + share.high)
    said = f"{visible(piece(share.token))} {percent(share.high - share.low)}"
    return f'<div class="tsu-call {kind}" translate="no" style="--at:{middle:.4f}%"><b>{escape(said)}</b><i></i></div>'


def _beside(line: Line, piece: Piece) -> str:
    """The names of the shares on either side of the chosen one, below the line."""
    at = next((at for at, share in enumerate(line.shares) if share.token == line.chosen), None)
    if at is None or len(line.shares) < _MANY:
        return ""
    chosen = line.shares[at]
    before = visible(piece(line.shares[at - 1].token)) if at else ""
    after = visible(piece(line.shares[at + 1].token)) if at + 1 < len(line.shares) else ""
    return (
        f'<div class="tsu-beside" translate="no"><span style="width:{100 * chosen.low:.4f}%">{escape(before)}</span>'
        f'<span style="left:{100 * chosen.high:.4f}%">{escape(after)}</span></div>'
    )


def _share(line: Line, share: Share, kind: str, piece: Piece) -> str:
    name, width = visible(piece(share.token)), share.high - share.low
    on = " on" if share.token == line.chosen else ""
    about = f"{name} {percent(width)}\n{share.low:.4f} … {share.high:.4f}"
    return (
        f'<span class="tsu-share {kind}{on}" translate="no" data-candidate="{share.token}" title="{escape(about)}" '
        f'style="left:{100 * share.low:.4f}%;width:{100 * width:.4f}%">{escape(name) if width >= ROOM else ""}</span>'
    )
