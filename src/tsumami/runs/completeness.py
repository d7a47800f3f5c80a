"""Completeness: whether a reply is complete in the sense of its grammar, schema or expression.

Guarantee: it is the grammar's own word, asked after every token while the reply was made, and it is about the text that
is shown: where a stop string took a part away, the rest is held against the grammar anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tsumami.native import Vocab
from tsumami.sampling.constraint import constraint_of, constraint_stage
from tsumami.settings import Settings

__all__ = ["Completeness", "CompletenessTracker", "text_is_complete"]


@dataclass(frozen=True, slots=True)
class Completeness:
    """`complete`: as it stands. `since`: after how many tokens it was complete for good (None: it is not); `then`: what
    came after that: nothing, white space only (`blank`), or more `text`.
    """

    complete: bool
    since: int | None = None
    then: Literal["", "blank", "text"] = ""

    @property
    def ja(self) -> str:
        """In words, in Japanese."""
        if not self.complete:
            return "まだ完結していない"
        if not self.then:
            return "完結している"
        place = f"{self.since} 番目のトークンから" if self.since else "はじめから"
        return f"{place}完結している" + ("、その後は空白だけ" if self.then == "blank" else "")

    @property
    def en(self) -> str:
        """In words, in English."""
        if not self.complete:
            return "not complete"
        if not self.then:
            return "complete"
        place = f"from token {self.since} on" if self.since else "from the start"
        return f"complete {place}" + ("; then only white space" if self.then == "blank" else "")


class CompletenessTracker:
    """Tell it after each token whether the reply is complete there; an end token is not told, as it adds no text."""

    def __init__(self, at_start: bool | None) -> None:
        self._complete = at_start
        self._count = self._since = 0
        self._after = b""

    def note(self, complete: bool | None, piece: bytes) -> None:
        """One more token, its bytes, and whether the reply is complete with it (None: nothing constrains it)."""
        self._count += 1
        if complete and self._complete:
            self._after += piece
        else:
            self._since, self._after = self._count, b""
        self._complete = complete

    @property
    def found(self) -> Completeness | None:
        """What is known now; None where nothing constrains the reply."""
        if self._complete is None:
            return None
        if not self._complete:
            return Completeness(complete=False)
        blank = "" if not self._after else "text" if self._after.strip() else "blank"
        return Completeness(complete=True, since=self._since, then=blank)  # type: ignore[arg-type]  # one of the three


def text_is_complete(vocab: Vocab, settings: Settings, tokens: Iterable[int], text: str) -> bool:
    """Whether `text` matches as it stands: the beginning of what `tokens` say, which a stop string may have cut short
    within a token.
    """
    constraint = constraint_of(settings)
    assert constraint is not None
    stage, left = constraint_stage(vocab, *constraint), text.encode("utf-8", "surrogateescape")
    for token in tokens:
        piece = vocab.piece(token)
        if not left.startswith(piece):
            break
        stage.accept(token)
        left = left[len(piece) :]
        if not left:
            break
    rest = vocab.tokenize(left, add_special=False, parse_special=False) if left else []
    for token in rest:
        stage.accept(token)
    return b"".join(map(vocab.piece, rest)) == left and stage.complete
