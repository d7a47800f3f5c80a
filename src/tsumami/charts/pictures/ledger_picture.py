"""The microscope: one token's candidates through the stages, as a heat map.

Guarantee: a column for every stage, idle ones with their reason; a square holds the probability after that stage, none
from the stage on that cut the candidate, which is marked there.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from tsumami.charts.pictures import look
from tsumami.charts.pieces import Piece
from tsumami.charts.words import word
from tsumami.explain.tokens import Account, Column
from tsumami.runs.signs import visible
from tsumami.wording import Language, percent


def ledger_picture(account: Account, piece: Piece, language: Language) -> alt.LayerChart:
    """The account as a heat map: colour and number are the probability after each stage."""
    stages = [_stage_label(column, at, language) for at, column in enumerate(account.columns)]
    names = look.distinct([visible(piece(row.token)) for row in account.rows])
    cells = [
        {
            "candidate": name,
            "stage": stage,
            "probability": probability,
            "label": "✂" if at == row.cut_at else "" if probability is None else percent(probability),
            "idle": column.idle is not None,
            "chosen": row.chosen,
        }
        for name, row in zip(names, account.rows, strict=True)
        for at, (stage, column, probability) in enumerate(zip(stages, account.columns, row.probs, strict=True))
    ]
    base = alt.Chart(look.data(cells)).encode(
        x=alt.X("stage:N", sort=stages, title=None, axis=alt.Axis(orient="top", labelAngle=0, labelLimit=200)),
        y=alt.Y("candidate:N", sort=names, title=None),
    )
    title = f"{word(language, 'microscope')} — {word(language, 'token')} {account.step + 1}"
    width: Any = alt.Step(84)
    height: Any = alt.Step(21)
    cell = base.mark_rect(stroke="white", strokeWidth=1).encode(color=look.heat("probability", language))
    number = base.mark_text(fontSize=11).encode(text="label:N", color=look.on_heat("probability"))
    layered: Any = alt.layer(cell, number, width=width, height=height)
    made: alt.LayerChart = look.styled(layered, title)
    return made


def _stage_label(column: Column, at: int, language: Language) -> str:
    if at == 0:
        return word(language, "raw")
    note = f" ({word(language, f'idle.{column.idle}').split(':')[0]})" if column.idle else ""
    return f"{column.name}{note}"
