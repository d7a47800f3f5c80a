"""Where a roll fell, for whoever draws it: the final candidates as a line from 0 to 1, and how the token was chosen.

Guarantee: a token has the same kind on every line, so that two lines under one mark show why one roll gave two tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tsumami.charts.words import word
from tsumami.explain.tokens import Account, Share
from tsumami.wording import Language

ROOM: Final = 0.035  # a share needs this width for its name


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is called, the final shares, and the token that was chosen."""

    name: str
    shares: Sequence[Share]
    chosen: int

    @classmethod
    def of(cls, account: Account, name: str = "") -> Line:
        """The line of an account."""
        return cls(name, account.shares, account.token)


def how(account: Account, language: Language) -> str:
    """In a line, how the token was chosen, and what the roll was."""
    if account.mode in ("greedy", "contrastive"):
        return word(language, f"how.{account.mode}")
    if account.u is None:
        return word(language, "how.alone")
    if not any(
        s.token == account.token and s.low <= account.u + 1e-6 and account.u <= s.high + 1e-6 for s in account.shares
    ):
        return word(language, "how.led")
    return word(language, f"how.{account.mode}")


def kind_of(token: int, lines: Sequence[Line]) -> str:
    """`first` and `second` for the tokens that the lines chose, else `quiet`."""
    if token == lines[0].chosen:
        return "first"
    return "second" if any(token == line.chosen for line in lines) else "quiet"
