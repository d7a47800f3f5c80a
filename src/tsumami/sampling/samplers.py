"""Samplers that remember something, at other values of a knob, without a new one for each value.

Guarantee: what DRY takes is what llama.cpp's takes, to the last bit of a 32-bit float. Building that sampler takes some
milliseconds, because it looks for the sequence breakers in the whole vocabulary. But the lengths of the repetitions,
the only thing that is hard to find, do not depend on multiplier and base; so one sampler per window and allowed length
is built, and asked with a multiplier and a base from which the lengths can be read. And XTC's generator has given as
many numbers as the token's own has: it goes on from the nearest place where it has been before.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tsumami import native
from tsumami.native import NativeSampler
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.stages import BUILDERS, Stage, Surroundings, XtcStage
from tsumami.settings import Settings

__all__ = ["DryAt", "Repetitions", "Samplers"]

_BASE: Final = 1.01  # powers up to 8900 are 32-bit floats, and each can be told from the next
_LOG_OF_LARGEST: Final = 88.7228391  # llama.cpp's FLOAT_MAX_LOG
_MOST_SAMPLERS: Final = 256


@dataclass(frozen=True, slots=True)
class Repetitions:
    """By how much repetitions exceed the allowed length, by the token that would go on with them; and the sampler that
    found them, in the state before this token.
    """

    lengths: Mapping[int, int]
    sampler: NativeSampler | None

    def amounts(self, multiplier: float, base: float) -> dict[int, float]:
        """multiplier · base^length, as `llama_sampler_dry_apply` computes it: 32-bit floats by token id."""
        many, root = float(np.float32(multiplier)), float(np.float32(base))
        most = int(np.float32(_LOG_OF_LARGEST) / np.log(np.float32(root))) if root > np.float32(1.000001) else 0
        powers = {length: math.pow(root, min(length, most) if most else length) for length in self.lengths.values()}
        with np.errstate(over="ignore"):
            return {token: float(np.float32(many * powers[length])) for token, length in self.lengths.items()}


class DryAt:
    """The DRY stage at one token of a run, for any multiplier and base."""

    name = "dry"

    def __init__(self, found: Repetitions, multiplier: float, base: float) -> None:
        self.idle: str | None = None
        self._found = found
        self._amounts = found.amounts(multiplier, base)

    def apply(self, candidates: Candidates) -> None:
        """Take it away."""
        if not self._amounts:  # the sampler takes nothing either, but it knows what becomes of the trust flag
            if self._found.sampler is not None:
                self._found.sampler.apply(candidates.array)
            return
        data = candidates.data
        tokens = np.fromiter(self._amounts, np.int32, len(self._amounts))
        for index in np.flatnonzero(np.isin(data["id"], tokens)).tolist():
            data["logit"][index] -= np.float32(self._amounts[int(data["id"][index])])
        candidates.array.sorted = False

    def accept(self, token: int) -> None:
        """It is made for one token."""

    def clone(self) -> DryAt:
        return self


class Samplers:
    """Keeps the samplers that it has built."""

    def __init__(self) -> None:
        self._dry: dict[Hashable, NativeSampler] = {}
        self._xtc: dict[Hashable, dict[int, XtcStage]] = {}

    def repetitions(self, settings: Settings, around: Surroundings, history: Iterable[int]) -> Repetitions:
        """What DRY finds.

        Args:
            settings: whose allowed length, window and sequence breakers hold.
            around: with the vocabulary that the breakers are texts of.
            history: the tokens so far, oldest first; at least the window.
        """
        window = around.window(settings.dry_penalty_last_n)
        seen = list(history)[-window:] if window else []
        if not seen:
            return Repetitions({}, None)
        sampler = self._dry_sampler(settings, around).clone()
        for token in seen:
            sampler.accept(token)
        tokens = np.unique(np.array(seen, np.int32))
        zeros = Candidates.of(tokens, np.zeros(len(tokens), np.float32))
        sampler.apply(zeros.array)
        taken = zip(zeros.ids.tolist(), zeros.logits.tolist(), strict=True)
        lengths = {token: round(math.log(-logit) / math.log(_BASE)) for token, logit in taken if logit}
        return Repetitions(lengths, sampler)

    def _dry_sampler(self, settings: Settings, around: Surroundings) -> NativeSampler:
        key = allowed, window, breakers = (
            settings.dry_allowed_length,
            around.window(settings.dry_penalty_last_n),
            settings.dry_sequence_breakers,
        )
        if key not in self._dry:
            _make_room(self._dry)
            self._dry[key] = native.dry(around.vocab, 1.0, _BASE, allowed, window, breakers)
        return self._dry[key]

    def xtc(self, settings: Settings, around: Surroundings, taken: int) -> Stage:
        """The XTC stage whose generator has given so many numbers."""
        made = BUILDERS["xtc"](settings, around)
        if not isinstance(made, XtcStage) or made.idle is not None:
            return made
        key = settings.xtc_probability, settings.xtc_threshold, settings.min_keep
        if key not in self._xtc:
            _make_room(self._xtc)
            self._xtc[key] = {0: made}
        known = self._xtc[key]
        nearest = max(place for place in known if place <= taken)
        found = known[nearest].clone()
        if nearest < taken:
            found.skip(taken - nearest)
            known[taken] = found.clone()
        return found


def _make_room(kept: dict[Hashable, Any]) -> None:
    if len(kept) >= _MOST_SAMPLERS:
        kept.clear()
