"""The next token: its likeliest candidates before and after the knobs, as bars.

Guarantee: the probabilities are the account's, and whoever was cut names the stage that cut it.
"""

from __future__ import annotations

from html import escape

from tsumami.charts.pieces import Piece
from tsumami.charts.words import word
from tsumami.explain.tokens import Account, Candidate
from tsumami.runs.signs import visible
from tsumami.wording import Language, percent


def next_token_bars(account: Account, piece: Piece, language: Language) -> str:
    """The candidates as HTML: a pale bar for the raw probability, a full one for the final one, and who cut whom."""
    widest = max([row.raw for row in account.rows] + [row.final or 0.0 for row in account.rows])
    rows = "".join(_bar_row(account, row, piece, widest or 1.0, language) for row in account.rows)
    keys = f'<i class="raw"></i>{escape(word(language, "raw"))}　<i class="final"></i>{escape(word(language, "final"))}'
    hidden = escape(word(language, "hidden", count=f"{account.hidden:,}")) if account.hidden > 0 else ""
    return (
        f'<div class="tsu"><p class="tsu-keys">{keys}</p><div class="tsu-bars">{rows}</div>'
        f'<p class="tsu-note">{hidden}</p></div>'
    )


def _bar_row(account: Account, row: Candidate, piece: Piece, widest: float, language: Language) -> str:
    classes = "tsu-bar" + (" chosen" if row.chosen else "") + (" cut" if row.final is None else "")
    cut = row.cut_at
    said = percent(row.final) if row.final is not None else f"✂ {account.columns[cut or 0].name}"
    name = escape(visible(piece(row.token)))
    about = f"id {row.token} · {word(language, 'raw')} {percent(row.raw)}"
    return (
        f'<div class="{classes}" data-candidate="{row.token}" title="{escape(about)}"><b translate="no">{name}</b>'
        f'<span class="tsu-track"><i class="raw" style="width:{100 * row.raw / widest:.2f}%"></i>'
        f'<i class="final" style="width:{100 * (row.final or 0.0) / widest:.2f}%"></i></span>'
        f"<span>{escape(said)}</span></div>"
    )
