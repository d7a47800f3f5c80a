"""Colours that everybody can tell apart, for strings and Altair alike."""

from __future__ import annotations

from typing import Final

#: Okabe and Ito's colours in the order in which eight lanes can be told apart best.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#7F7F7F", "#B8A800")
#: Twenty calm colours under dark letters: ten hues, each light and less light.
PALETTE: Final = (
    "#aecbea", "#f6cfa4", "#b5dcb1", "#f3b8b4", "#d2c3e6", "#d9c3b5", "#f3c9e0", "#cfd3d8", "#e6e2a3", "#aadfe3",
    "#86b0dc", "#eab06d", "#8fc58a", "#e68f89", "#b49cd6", "#bf9f8b", "#e3a0c8", "#aab1ba", "#cfc866", "#7ac5cc",
)  # fmt: skip
