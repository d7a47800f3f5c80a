"""Pieces of a token: no gap, no overlap, every boundary is the real chain's, and nothing is too thin to be found."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from tests.support.tokens import N_VOCAB, chain_at, some_row, token_at

import tsumami
from tsumami.boundaries.axis import Axis
from tsumami.boundaries.partition import Piece, pieces
from tsumami.errors import SettingsError
from tsumami.native import Float32Array
from tsumami.runs.replay import rows
from tsumami.settings import Settings

RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 3.0),
    "top_k": (0, 100),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.0, 1.0),
    "tfs_z": (0.0, 1.0),
    "smoothing_factor": (0.0, 10.0),
    "smoothing_curve": (1.0, 10.0),
    "top_a": (0.0, 1.0),
    "top_h": (0.0, 1.0),
    "epsilon_cutoff": (0.0, 1.0),
    "eta_cutoff": (0.0, 1.0),
    "repeat_penalty": (0.5, 3.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "xtc_threshold": (0.0, 1.0),
    "xtc_probability": (0.0, 1.0),
    "top_n_sigma": (0.0, 5.0),
    "repeat_last_n": (0, 100),
    "no_repeat_ngram_size": (0, 20),
    "min_keep": (0, 20),
    "dynatemp_range": (0.0, 3.0),
    "dynatemp_exponent": (0.0, 5.0),
    "dry_multiplier": (0.0, 5.0),
    "dry_base": (1.0, 4.0),
    "dry_allowed_length": (0, 20),
    "dry_penalty_last_n": (0, 100),
}
#: What lets a knob act that does nothing by default.
TOGETHER: dict[str, dict[str, Any]] = {
    "dynatemp_exponent": {"dynatemp_range": 0.6},
    "smoothing_curve": {"smoothing_factor": 0.3},
    "dry_base": {"dry_multiplier": 1.1},
    "dry_allowed_length": {"dry_multiplier": 1.1},
    "dry_penalty_last_n": {"dry_multiplier": 1.1},
}


def all_pieces(settings: Settings, axis: Axis, row: Float32Array) -> list[Piece]:
    return [piece for span in axis.spans() for piece in pieces(chain_at(settings, axis, span.first), axis, row, span)]


@pytest.mark.parametrize("order", ["classic", "llama.cpp"])
@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("seed", range(3))
def test_pieces_cover_the_range_and_are_the_real_chains(name: str, order: str, seed: int) -> None:
    axis = Axis.of(name, *RANGES[name])
    settings = Settings(samplers=order, xtc_probability=0.7 * (seed % 2), repeat_penalty=1.2, **TOGETHER.get(name, {}))
    row = some_row(seed)
    found = all_pieces(settings, axis, row)
    assert (found[0].span.first, found[-1].span.last) == (axis.ordinal(axis.low), axis.ordinal(axis.high))
    for left, right in itertools.pairwise(found):
        gap = (left.span.last + 1, right.span.first)
        assert gap[0] == gap[1] or gap == (1, axis.ordinal(1e-15))  # a temperature below 1e-15 does not exist
        for place, piece in ((left.span.last, left), (right.span.first, right)):
            assert token_at(settings, axis, place, row) == piece.outcome.token
    dice = np.random.default_rng(seed)
    for piece in dice.choice(len(found), 40).tolist():
        place = int(dice.integers(found[piece].span.first, found[piece].span.last + 1))
        assert token_at(settings, axis, place, row) == found[piece].outcome.token, axis.value(place)


def test_a_piece_of_a_few_values_is_found() -> None:
    axis = Axis.of("top_p", 0.1, 0.9)
    row = np.full(N_VOCAB, -30, np.float32)
    row[[1, 2, 3]] = np.log(np.array([0.5, 1e-7, 0.4999999], np.float32))
    plain = Settings(temperature=1.0, top_k=0, min_p=0.0, repeat_penalty=1.0)
    found = all_pieces(plain, axis, row)
    scanned = range(axis.ordinal(0.4999), axis.ordinal(0.5001))
    tokens = [token_at(plain, axis, place, row) for place in scanned]
    changes = [place for place, (a, b) in zip(scanned, itertools.pairwise(tokens), strict=False) if a != b]
    mine = [p.span.last for p, q in itertools.pairwise(found) if p.outcome.token != q.outcome.token]
    assert [place for place in mine if scanned[0] <= place < scanned[-1]] == changes


def test_the_noise_of_float32_around_a_boundary_is_found() -> None:
    axis = Axis.of("temperature", 0.2, 0.9)
    settings = Settings()
    for seed in range(6):
        row = some_row(seed)
        found = all_pieces(settings, axis, row)
        for left, right in itertools.pairwise(found):
            if left.outcome == right.outcome:
                continue
            for place in range(right.span.first - 60, right.span.first + 60):
                piece = next(p for p in found if p.span.first <= place <= p.span.last)
                assert token_at(settings, axis, place, row) == piece.outcome.token


@pytest.mark.parametrize("name", ["temperature", "top_k", "top_p", "repeat_penalty"])
def test_on_real_rows(model: tsumami.Model, name: str) -> None:
    run = model.run(
        "Once upon a time, in the town of lights, there was a diode.", seed=0, max_tokens=4, temperature=1.2
    )
    axis = Axis.of(name, *RANGES[name])
    dice = np.random.default_rng(0)
    for step, row in enumerate(rows(model, run)):
        for span in axis.spans():
            chain = model.replayer.chain(run, step).variant(run.settings.replace(**{name: axis.value(span.first)}))
            for piece in pieces(chain, axis, row, span):
                place = int(dice.integers(piece.span.first, piece.span.last + 1))
                other = chain.variant(run.settings.replace(**{name: axis.value(place)}))
                assert other.choose(row).pick.token == piece.outcome.token


@pytest.mark.parametrize(
    ("name", "low", "high", "message"),
    [
        ("seed", 0, 5, "make it an axis of a grid"),
        ("grammar", 0, 1, "cannot be mapped"),
        ("temperature", 2, 1, "is reversed"),
        ("temperature", 1, 1, "is empty"),
        ("top_p", 0, 1.5, "needs 0 to 1"),
        ("tempratur", 0, 1, "nearest: temperature"),
    ],
)
def test_what_has_no_map_says_so(name: str, low: Any, high: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Axis.of(name, low, high)
