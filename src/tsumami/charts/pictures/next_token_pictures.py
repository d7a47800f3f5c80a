"""The next token: its likeliest candidates before and after the knobs, and a thousand rolls beside the probabilities.

Guarantee: probabilities are the account's; rolls are counted by whoever hands them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from tsumami.charts.pictures import look
from tsumami.charts.pieces import Piece
from tsumami.charts.words import word
from tsumami.explain.tokens import Account
from tsumami.runs.signs import visible
from tsumami.wording import Language


def next_token_picture(account: Account, piece: Piece, language: Language) -> alt.Chart:
    """The candidates of a token: a pale bar for the raw probability, a full one for the final one."""
    names = look.distinct([visible(piece(row.token)) for row in account.rows])
    kinds = [word(language, "raw"), word(language, "final")]
    rows = [
        {"candidate": name, "kind": kind, "probability": value}
        for name, row in zip(names, account.rows, strict=True)
        for kind, value in zip(kinds, (row.raw, row.final or 0.0), strict=True)
    ]
    return _paired(rows, names, kinds, word(language, "next"), language)


def rolls_picture(
    exact: Mapping[int, float], counts: Mapping[int, int], piece: Piece, language: Language, *, most: int = 16
) -> alt.Chart:
    """How often the rolls fell on each token, beside its exact probability. Beyond the `most` likeliest all is one bar.

    Args:
        exact: final probability by token; its sum is 1.
        counts: how many of the rolls fell on each token.
        piece: gives a token's bytes.
        language: of the words.
        most: how many tokens get bars of their own.
    """
    total = max(sum(counts.values()), 1)
    shown = sorted(exact, key=lambda token: -exact[token])[:most]
    names = look.distinct([visible(piece(token)) for token in shown])
    pairs = [(exact[token], counts.get(token, 0) / total) for token in shown]
    if len(exact) > len(shown):
        names.append(word(language, "others"))
        pairs.append((max(0.0, 1 - sum(p for p, _ in pairs)), max(0.0, 1 - sum(c for _, c in pairs))))
    kinds = [word(language, "exact"), word(language, "rolled", count=f"{total:,}")]
    rows = [
        {"candidate": name, "kind": kind, "probability": value}
        for name, pair in zip(names, pairs, strict=True)
        for kind, value in zip(kinds, pair, strict=True)
    ]
    return _paired(rows, names, kinds, word(language, "histogram", count=f"{total:,}"), language)


def _paired(
    rows: list[dict[str, Any]], names: list[str], kinds: list[str], title: str, language: Language
) -> alt.Chart:
    colours = alt.Scale(domain=kinds, range=["#b9c3cf", look.CHOSEN])
    chart = alt.Chart(look.data(rows)).mark_bar(cornerRadiusEnd=2)
    height: Any = alt.Step(9)
    made: alt.Chart = chart.encode(
        y=alt.Y("candidate:N", sort=names, title=None, scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("kind:N", sort=kinds),
        x=alt.X("probability:Q", title=word(language, "probability"), axis=alt.Axis(format="~%")),
        color=alt.Color(
            "kind:N", sort=kinds, title=None, scale=colours, legend=alt.Legend(orient="top", labelLimit=300)
        ),
        tooltip=["candidate:N", "kind:N", alt.Tooltip("probability:Q", format=".2%")],
    ).properties(width=420, height=height)
    return look.styled(made, title)
