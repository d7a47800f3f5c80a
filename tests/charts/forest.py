"""Small maps of known pieces."""

from __future__ import annotations

import zlib
from typing import Any

from tsumami.charts import icicle
from tsumami.explore.maps import KnobMap, MapPiece
from tsumami.testing import ByteTokenizer, ScriptedModel, saying


def piece(low: float, high: float, data: list[bytes], *, last: float | None = None, finished: bool = True) -> MapPiece:
    text = b"".join(data).decode("utf-8", "replace")
    tokens = tuple(zlib.crc32(part) for part in data)
    stop = "length" if finished else None
    return MapPiece(low, high, high if last is None else last, text, tokens, tuple(data), finished, stop)


def map_of(*pieces: MapPiece, knob: str = "temperature") -> KnobMap:
    receipt = ScriptedModel(saying("a", ByteTokenizer())).run("x", max_tokens=1).receipt
    return KnobMap(knob, pieces[0].low, pieces[-1].high, pieces, 1.0, 8, 4, 1, 0.0, receipt)


def drawn(found: KnobMap) -> list[dict[str, Any]]:
    """The rows that the chart draws as cells."""
    made = icicle(found).to_dict()["layer"]
    return list(made[1]["data"]["values"])


FOREST = map_of(
    piece(0.0, 0.25, [b"a", b"b"], last=0.24),
    piece(0.25, 0.5, [b"a", b"c", b"\xe5\x85", b"\x89"], last=0.49),
    piece(0.5, 1.0, [b"a", b"c", b"\xe5\x85", b"\x8a", b"<b>\n"], finished=False),
)
