"""A text as the model reads it: a table of tokens, and how many there are.

Guarantee: the bytes of the rows that belong to the text (all but the marks that the model adds by itself), joined, are
the text, byte for byte, whatever the text is. A token that is only a part of a character is not shown as a replacement
character but named as a part, with the character that it belongs to; bytes for which a vocabulary has no token (SmolLM2
lacks eight) have a row that says so instead of vanishing, as they do on the way into the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import pandas as pd

from tsumami.model import Model
from tsumami.runs.signs import visible

#: `text`: whole characters; `part`: some bytes of a character; `mark`: a special token that stands in the text;
#: `added`: a special token that the model puts in front by itself; `lost`: bytes of the text that no token stands for.
Kind = Literal["text", "part", "mark", "added", "lost"]

_LINES: Final = 40


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One row of the table. `position` and `id` are None for `lost` bytes, which the model never sees; `whole` is the
    character (or characters) that a `part` belongs to, "" for other rows.
    """

    position: int | None
    id: int | None
    piece: bytes
    kind: Kind
    whole: str = ""

    @property
    def shown(self) -> str:
        """The piece for human eyes: line ends and blanks visible, parts of a character as their bytes."""
        if self.kind in ("part", "lost"):
            return " ".join(f"{byte:02X}" for byte in self.piece)
        return visible(self.piece.decode("utf-8", "replace"))

    @property
    def bytes(self) -> str:
        """The bytes in hexadecimal, such as `E5 A4 A2`."""
        return self.piece.hex(" ").upper()


def token_rows(model: Model, text: str) -> tuple[TokenRow, ...]:
    """The tokens that the model gets for `text`, in order.

    Raises:
        PromptError: the text holds a lone surrogate, which UTF-8 cannot express.
    """
    ids = model.tokenize(text)
    n_added = len(ids) - len(model.tokenize(text, add_special=False))
    data, at = text.encode(), 0
    rows: list[TokenRow] = []
    for position, token in enumerate(ids):
        piece = model.tokenizer.piece(token)
        if position < n_added:
            rows.append(TokenRow(position, token, piece, "added"))
            continue
        lost = data.find(piece, at) - at
        if lost > 0:
            rows.append(TokenRow(None, None, data[at : at + lost], "lost"))
        kind: Kind = "mark" if model.tokenizer.is_control(token) else "text"
        rows.append(TokenRow(position, token, piece, kind))
        at += max(lost, 0) + len(piece)
    if at < len(data):
        rows.append(TokenRow(None, None, data[at:], "lost"))
    return tuple(_with_parts(rows))


def _with_parts(rows: Sequence[TokenRow]) -> Iterable[TokenRow]:
    """Rows that begin or end inside a character become parts of it: a group ends where its bytes are whole again."""
    group: list[TokenRow] = []
    for row in rows:
        if row.kind in ("added", "mark"):
            yield from _named(group)
            group = []
            yield row
            continue
        group.append(row)
        if _is_text(b"".join(member.piece for member in group)):
            yield from _named(group)
            group = []
    yield from _named(group)


def _named(group: Sequence[TokenRow]) -> Iterable[TokenRow]:
    if len(group) == 1:
        return list(group)
    whole = b"".join(row.piece for row in group).decode("utf-8", "replace")
    return [row if row.kind == "lost" else replace(row, kind="part", whole=whole) for row in group]


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def token_table(model: Model, text: str) -> pd.DataFrame:
    """`token_rows` as a table: columns position, id, piece, bytes, kind, whole."""
    rows = token_rows(model, text)
    return pd.DataFrame(
        {
            "position": pd.array([row.position for row in rows], dtype="Int64"),
            "id": pd.array([row.id for row in rows], dtype="Int64"),
            "piece": [row.shown for row in rows],
            "bytes": [row.bytes for row in rows],
            "kind": [row.kind for row in rows],
            "whole": [row.whole for row in rows],
        }
    )


def lines(text: str) -> list[str]:
    """The texts that stand in the lines of `text`: those that are not blank, at most 40."""
    return [line for line in text.splitlines() if line.strip()][:_LINES]


def length_table(model: Model, texts: Iterable[str]) -> pd.DataFrame:
    """How long texts are: columns text, characters, bytes, tokens, tokens_per_character, share (of the model's
    context). Marks that the model adds by itself are not counted: they are the same for every text.
    """
    rows = []
    for text in texts:
        count = len(model.tokenize(text, add_special=False)) if text else 0
        rows.append(
            {
                "text": text,
                "characters": len(text),
                "bytes": len(text.encode()),
                "tokens": count,
                "tokens_per_character": count / len(text) if text else 0.0,
                "share": count / model.n_ctx,
            }
        )
    return pd.DataFrame(rows, columns=["text", "characters", "bytes", "tokens", "tokens_per_character", "share"])
