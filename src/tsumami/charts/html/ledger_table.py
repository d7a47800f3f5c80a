"""The microscope: one token's candidates through the stages, as a table.

Guarantee: a column for every stage, idle ones with their reason; a cell holds the probability after that stage, empty
from the stage on that cut the candidate, which is marked there, as is the stage that took most of its probability.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tsumami.charts.pieces import Piece, in_hex
from tsumami.charts.words import word
from tsumami.explain.tokens import Account, Candidate, Column
from tsumami.runs.signs import visible
from tsumami.wording import Language, percent


def ledger_table(account: Account, piece: Piece, language: Language) -> str:
    """The account as an HTML table: candidates down the side, stages across, mass kept and candidates left on top."""
    rows = "".join(_row(account, row, piece, language) for row in account.rows)
    hidden = escape(word(language, "hidden", count=f"{account.hidden:,}")) if account.hidden > 0 else ""
    return (
        f'<div class="tsu"><div class="tsu-scroll" tabindex="0"><table class="tsu-ledger">'
        f"<thead>{_heads(account, piece, language)}</thead>"
        f'<tbody>{rows}</tbody></table></div><p class="tsu-note">{hidden}</p></div>'
    )


def _heads(account: Account, piece: Piece, language: Language) -> str:
    last = account.columns[-1]
    names = "".join(_head(column, at, language) for at, column in enumerate(account.columns))
    kept = "".join(_fact(column, "" if not at else percent(column.kept)) for at, column in enumerate(account.columns))
    left = "".join(_fact(column, f"{column.left:,}") for column in account.columns)
    gone = "".join(_fact(column, _removed(column, piece, language)) for column in account.columns)
    final = f'<th class="final" title="{escape(word(language, "final_about"))}">{escape(word(language, "final"))}</th>'
    return (
        f"<tr><th>{escape(word(language, 'candidate'))}</th>{names}{final}</tr>"
        f'<tr class="fact"><th>{escape(word(language, "kept"))}</th>{kept}<td></td></tr>'
        f'<tr class="fact"><th>{escape(word(language, "left"))}</th>{left}<td>{last.left:,}</td></tr>'
        f'<tr class="fact"><th>{escape(word(language, "removed"))}</th>{gone}<td></td></tr>'
    )


def _head(column: Column, at: int, language: Language) -> str:
    if at == 0:
        return f'<th class="raw" title="{escape(word(language, "raw_about"))}">{escape(word(language, "raw"))}</th>'
    if column.idle is None:
        return f"<th>{escape(column.name)}</th>"
    return f'<th class="idle" title="{escape(word(language, f"idle.{column.idle}"))}"><s>{escape(column.name)}</s></th>'


def _fact(column: Column, text: str) -> str:
    return '<td class="idle"></td>' if column.idle else f"<td>{text}</td>"


def _removed(column: Column, piece: Piece, language: Language) -> str:
    """How many tokens a stage took out, and the likeliest of them."""
    gone = column.removed
    if gone is None or gone.best is None or gone.p is None:
        return ""
    about = escape(word(language, "removed_best"))
    name = f'<b translate="no">{escape(visible(piece(gone.best)))}</b>'
    return f'{gone.count:,}<small class="best" title="{about}">{name} {percent(gone.p)}</small>'


def _row(account: Account, row: Candidate, piece: Piece, language: Language) -> str:
    name = piece(row.token)
    about = f"id {row.token} · {word(language, 'bytes')} {in_hex(name)}"
    cells = "".join(_cells(account, row, language))
    chosen = f' class="chosen" title="{escape(word(language, "chosen"))}"' if row.chosen else ""
    return (
        f'<tr{chosen} data-candidate="{row.token}"><th scope="row" translate="no" title="{escape(about)}">'
        f"{escape(visible(name))}</th>{cells}</tr>"
    )


def _cells(account: Account, row: Candidate, language: Language) -> Iterator[str]:
    for at, (column, probability) in enumerate(zip(account.columns, row.probs, strict=True)):
        if row.cut_at is not None and at > row.cut_at:
            yield f'<td class="gone" title="{escape(word(language, "gone"))}"></td>'
        elif probability is None:
            yield f'<td class="cut" title="{escape(column.name)}: {escape(word(language, "cut"))}">✂</td>'
        elif column.idle is not None:
            yield '<td class="idle">·</td>'
        elif at == row.fell_at:
            yield _cell(probability, "fell", word(language, "fell"))
        else:
            yield _cell(probability)
    yield '<td class="gone"></td>' if row.final is None else _cell(row.final, "final")


def _cell(probability: float, kind: str = "", about: str = "") -> str:
    classes = f' class="{kind}"' if kind else ""
    title = f' title="{escape(about)}"' if about else ""
    heat = f'<span class="tsu-heat" style="--v:{probability**0.5:.3f}">{percent(probability)}</span>'
    return f"<td{classes}{title}>{heat}</td>"
