"""Whole maps against runs at single values: both sides of every boundary, and 50 values in between.

Each value's text comes from a cell of a grid, which has a chain of its own and knows nothing of maps (that cells are
lone runs, byte for byte, is what test_gridding.py checks); a few are run by themselves as well.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
from tests.support.maps import assert_whole

import tsumami
from tsumami.boundaries.axis import Axis
from tsumami.explore.maps.knob_map import KnobMap, MapPiece
from tsumami.knobs import get

PROMPT: Final = "Once upon a time, in the town of lights,"
N_RANDOM: Final = 50
N_ALONE: Final = 4
MAPS: Final[list[tuple[str, float, float, dict[str, Any]]]] = [
    ("temperature", 0.05, 2.0, {}),
    ("top_k", 1, 100, {}),
    ("top_p", 0.0, 1.0, {}),
    ("min_p", 0.0, 1.0, {}),
    ("typical_p", 0.1, 1.0, {}),
    ("tfs_z", 0.0, 1.0, {}),
    ("repeat_penalty", 0.9, 1.5, {}),
    ("frequency_penalty", -2.0, 2.0, {"temperature": 1.5, "min_p": 0.0}),
    ("presence_penalty", -2.0, 2.0, {"temperature": 1.5, "min_p": 0.0}),
    ("xtc_threshold", 0.0, 0.5, {"xtc_probability": 0.7}),
    ("mirostat_tau", 0.0, 10.0, {"mirostat_mode": 2}),
    ("mirostat_tau", 0.0, 10.0, {"mirostat_mode": 1}),
    ("mirostat_eta", 0.0, 1.0, {"mirostat_mode": 2, "mirostat_tau": 1.0}),
]
#: One of each kind is tried in another order, too.
IN_ANOTHER_ORDER: Final = ("temperature", "top_p", "tfs_z", "repeat_penalty", "xtc_threshold", "mirostat_eta")


def values_of(found: KnobMap) -> list[float]:
    """Both sides of every boundary, and random values that the knob's stage can tell apart."""
    axis, dice = Axis(get(found.knob), found.low, found.high), np.random.default_rng(0)
    sides = [value for piece in found.pieces for value in (piece.low, piece.last)]
    some = [axis.value(axis.ordinal(value)) for value in dice.uniform(found.low, found.high, N_RANDOM).tolist()]
    return list(dict.fromkeys([*sides, *some]))


def piece_at(found: KnobMap, value: float) -> MapPiece:
    axis = Axis(get(found.knob), found.low, found.high)
    place = axis.ordinal(value)
    (piece,) = (p for p in found.pieces if axis.ordinal(p.low) <= place <= axis.ordinal(p.last))
    return piece


@pytest.mark.slow
@pytest.mark.parametrize(
    ("knob", "low", "high", "others", "order"),
    [(*one, "classic") for one in MAPS] + [(*one, "llama.cpp") for one in MAPS if one[0] in IN_ANOTHER_ORDER],
)
def test_every_boundary_and_50_values_give_the_text_of_their_piece(
    model: tsumami.Model, knob: str, low: float, high: float, others: dict[str, Any], order: str
) -> None:
    if order == "llama.cpp" and (knob == "tfs_z" or "mirostat_mode" in others):
        order = "temperature first"  # llama.cpp's own has no tail-free stage, and mirostat no order
    samplers = ["temperature", "typ_p", "tfs_z", "penalties", "xtc", "top_k", "top_p", "min_p"]
    base: dict[str, Any] = {"seed": 3, "samplers": samplers if order == "temperature first" else order, **others}
    found = model.knob_map(PROMPT, knob, low, high, **base, max_tokens=10, leaves=24)
    assert_whole(found)
    assert len(found.pieces) > 1
    values = values_of(found)
    assert_true(model, PROMPT, found, values, base)
    for value in values[:: len(values) // N_ALONE]:
        run = model.run(PROMPT, **{**base, knob: value}, max_tokens=10)
        assert run.tokens[: len(piece_at(found, value).tokens)] == piece_at(found, value).tokens


def test_japanese_in_a_vocabulary_of_262144(gemma: tsumami.Model) -> None:
    prompt, base = "むかしむかし、あるところに", {"seed": 1, "repeat_penalty": 1.1}
    found = gemma.knob_map(prompt, "temperature", 0.3, 2.0, **base, max_tokens=6, leaves=8)
    assert_whole(found)
    assert len(found.pieces) > 1
    assert_true(gemma, prompt, found, values_of(found)[::5], base)
    assert all(piece.text == b"".join(piece.pieces).decode() for piece in found.pieces if piece.finished)


def assert_true(model: tsumami.Model, prompt: str, found: KnobMap, values: list[float], base: dict[str, Any]) -> None:
    """At each value, the text (or, of a piece that was not followed, its beginning) is what the map says."""
    grid = model.grid(prompt, [{found.knob: value} for value in values], **base, max_tokens=found.max_tokens)
    for value, cell in zip(values, grid.cells, strict=True):
        piece = piece_at(found, value)
        assert cell.tokens[: len(piece.tokens)] == piece.tokens, value
        if piece.finished:
            assert (cell.tokens, cell.text) == (piece.tokens, piece.text), value
