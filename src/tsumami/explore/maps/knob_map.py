"""A knob map: every text that one knob gives over a range, as a value.

Guarantee: the pieces cover the range without gap or overlap, in order, each with the one text that its values give;
neighbours have different texts. A piece that is not `finished` was not followed to the end, and its text is what all
its values have in common. Saved and reopened it is equal to the original, and needs no model.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from tsumami.boundaries import Axis
from tsumami.errors import SettingsError
from tsumami.explore.maps.flicker import Flicker, flickers
from tsumami.explore.maps.piece import MapPiece
from tsumami.explore.saved import Saved
from tsumami.knobs import get
from tsumami.runs.backend import Backend
from tsumami.runs.restore import restore
from tsumami.runs.run import Run
from tsumami.runs.values import STOP_REASONS, Receipt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KnobMap", "MapProgress"]

_COLUMNS: Final = (
    "low", "high", "last", "width", "finished", "stop_reason", "certain", "flicker", "n_tokens", "text",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MapProgress:
    """How far a map is: tokens deep, texts ended, texts being followed, the finished share of the range in 0..1, tokens
    decoded.
    """

    depth: int
    texts: int
    followed: int
    coverage: float
    nodes: int


@dataclass(frozen=True, slots=True)
class KnobMap(Saved):
    """The map of `knob` from `low` to `high`. `coverage` is the finished share of the range, in 0..1; `leaves` how many
    texts were followed at once at most, `nodes` how many tokens were decoded.
    """

    kind: ClassVar = "knob_map"
    version: ClassVar = 1

    knob: str
    low: float
    high: float
    pieces: tuple[MapPiece, ...]
    coverage: float
    leaves: int
    max_tokens: int
    nodes: int
    seconds: float
    receipt: Receipt

    @property
    def texts(self) -> tuple[str, ...]:
        """The different texts of finished pieces, in the order of the range."""
        return tuple(dict.fromkeys(piece.text for piece in self.pieces if piece.finished))

    @property
    def exact(self) -> bool:
        """Whether the engine gives the same bits every time, and no piece was only probed."""
        return self.receipt.engine.exact and all(piece.certain for piece in self.pieces)

    @property
    def flickers(self) -> tuple[Flicker, ...]:
        """Where texts alternate from one value to the next, because a 32-bit float is rounded; in the range's order."""
        return flickers(Axis(get(self.knob), self.low, self.high), self.pieces)

    def at(self, value: float) -> MapPiece:
        """The piece that a value lies in.

        Raises:
            SettingsError: outside the range of the map.
        """
        axis = Axis(get(self.knob), self.low, self.high)
        place = axis.ordinal(value)
        for piece in self.pieces:
            if axis.ordinal(piece.low) <= place <= axis.ordinal(piece.last):
                return piece
        raise SettingsError(
            f"{self.knob} = {value!r} is outside this map; it goes from {self.low} to {self.high}"
        ).in_japanese(f"{self.knob} = {value!r} はこの地図の外です。地図は {self.low}〜{self.high} です")

    def run(self, backend: Backend, value: float) -> Run:
        """The run at a value, with every step, computed from the tokens in one pass.

        Raises:
            RunFileError: another model than the map's.
            SettingsError: outside the map.
        """
        piece = self.at(value)
        settings = self.receipt.settings.replace(
            **{self.knob: value, "seed": self.receipt.seed, "max_tokens": self.max_tokens}
        )
        return restore(backend, replace(self.receipt, settings=settings), piece.tokens)

    # --- tables and files ---

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row a piece, for tables."""
        flickering = {at for one in self.flickers for at in range(one.begin, one.end + 1)}
        for at, piece in enumerate(self.pieces):
            row = {"width": piece.high - piece.low, "flicker": at in flickering, "n_tokens": len(piece.tokens)}
            yield {name: row[name] if name in row else getattr(piece, name) for name in _COLUMNS}

    def to_pandas(self) -> pd.DataFrame:
        """One row a piece: low, high, last, width, finished, stop_reason, certain, flicker (whether it lies in one),
        n_tokens, text.
        """
        import pandas as pd

        return pd.DataFrame(self.rows(), columns=list(_COLUMNS))

    def to_csv(self) -> str:
        """The same as CSV, with a header."""
        out = io.StringIO()
        writer = csv.DictWriter(out, _COLUMNS)
        writer.writeheader()
        writer.writerows(self.rows())
        return out.getvalue()

    def _values(self) -> dict[str, Any]:
        """`knob`, `low`, `high`, `coverage`, `pieces` (each `low`, `high`, `last`, `text`, `tokens`, `pieces`,
        `finished`, `stop_reason`, `certain`), `leaves`, `max_tokens`, `nodes`, `seconds`.
        """
        return {
            **{name: getattr(self, name) for name in ("knob", "low", "high", "coverage")},
            "pieces": [_plain(piece) for piece in self.pieces],
            **{name: getattr(self, name) for name in ("leaves", "max_tokens", "nodes", "seconds")},
        }

    @classmethod
    def _read(cls, form: dict[str, Any], receipt: Receipt) -> Self:
        pieces = tuple(_piece_of(piece) for piece in form.pop("pieces"))
        made = cls(**form, pieces=pieces, receipt=receipt)
        get(made.knob)
        for place, value, kind in _fields(made):
            if not _fits(value, kind):
                raise ValueError(f"{place} = {value!r} is no {kind}")
        return made


_LARGEST: Final = sys.float_info.max
#: What the fields of a file are; a piece's first, then the map's own.
_PIECE_KINDS: Final = {
    "low": "number", "high": "number", "last": "number", "text": "text", "finished": "truth value",
    "certain": "truth value", "stop_reason": "reason to stop",
}  # fmt: skip
_MAP_KINDS: Final = {
    "low": "number", "high": "number", "coverage": "number", "seconds": "number", "leaves": "count",
    "max_tokens": "count", "nodes": "count",
}  # fmt: skip


def _fields(found: KnobMap) -> Iterator[tuple[str, Any, str]]:
    """Every field with its place in the file and what it has to be."""
    for name, kind in _MAP_KINDS.items():
        yield name, getattr(found, name), kind
    for at, piece in enumerate(found.pieces):
        for name, kind in _PIECE_KINDS.items():
            yield f"pieces.{at}.{name}", getattr(piece, name), kind
        for token in piece.tokens:
            yield f"pieces.{at}.tokens", token, "count"


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "number":
            # not NaN either, which is at most nothing
            return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
        case "count":
            return isinstance(value, int) and not isinstance(value, bool) and value >= 0
        case "text":
            return isinstance(value, str)
        case "truth value":
            return isinstance(value, bool)
        case _:
            return value is None or (isinstance(value, str) and value in STOP_REASONS)


def _plain(piece: MapPiece) -> dict[str, Any]:
    form = {name: getattr(piece, name) for name in MapPiece.__dataclass_fields__}
    return {**form, "tokens": list(piece.tokens), "pieces": [data.hex() for data in piece.pieces]}


def _piece_of(form: dict[str, Any]) -> MapPiece:
    tokens, pieces = tuple(form["tokens"]), tuple(bytes.fromhex(data) for data in form["pieces"])
    if len(tokens) != len(pieces):
        raise ValueError("a piece needs as many tokens as pieces")
    return MapPiece(**{**form, "tokens": tokens, "pieces": pieces})
