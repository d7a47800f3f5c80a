"""Adaptive-p: the choice that keeps the chosen tokens' probability near a target, as mirostat does for surprise.

Guarantee: the choice *is* llama.cpp's sampler (`llama_sampler_adaptive_p_apply`); only what its own `clone` leaves out
(the place of its generator, and the probabilities of a choice that is not accepted yet) is made up for here.

With p0 the probabilities of what the chain has left, and a = clamp(2 · target - the weighted mean of p0 of the tokens
chosen before, 0, 1): each logit becomes 5 - 10 · d² / (1 + d) with d = |p0 - a| / 0.3, and the roll falls on what that
makes. Its roll comes from `std::discrete_distribution`, which takes none when one candidate is left.
"""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np

from tsumami import native
from tsumami.errors import SettingsError
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.draw import Pick, Rolls

__all__ = ["AdaptiveChooser"]

_NO_TOKEN: Final = -2  # llama.cpp's own "none" is -1


class AdaptiveChooser:
    """The end of an adaptive chain. What it does next depends on the probability of every token chosen before."""

    def __init__(self, target: float, decay: float, seed: int) -> None:
        self._sampler = native.adaptive(target, decay, seed)
        self._rolls = Rolls(seed)
        self._used = 0
        self._behind: int | None = None  # rolls that the sampler's generator has not given yet, since it is a clone's
        self._before: Candidates | None = None  # what a choice was made from that is not accepted yet

    def pick(self, candidates: Candidates) -> Pick:
        """Choose; afterwards the candidates' logits and `p` are those that the roll was held against."""
        self._catch_up()
        self._before = candidates.copy()
        self._sampler.apply(candidates.array)
        u = None
        if len(candidates) > 1:
            u = self._rolls[self._used]
            self._used += 1
        return Pick(int(candidates.data["id"][candidates.selected]), candidates.selected, u)

    def accept(self, token: int) -> None:
        """Take note of the token that came: its probability counts if it is the one that was chosen."""
        self._catch_up()
        if self._before is not None:
            self._sampler.accept(token)
            self._before = None

    def skip(self, count: int) -> None:
        """Not possible after the start: the target depends on the probabilities of all tokens before."""
        if count:
            raise SettingsError(
                "adaptive_target can be gone on with only where it has chosen all along: it follows the probability of"
                " every choice; run it from the prompt"
            ).in_japanese(
                "adaptive_target は選んだすべての確率に従うので、初めから働いていた所でしか続けられません。"
                "プロンプトから実行してください"
            )

    def clone(self) -> AdaptiveChooser:
        """A copy at the same place."""
        made = AdaptiveChooser.__new__(AdaptiveChooser)
        made._sampler, made._rolls, made._used = self._sampler.clone(), self._rolls, self._used
        made._behind = self._used
        made._before = self._before.copy() if self._before is not None else None
        return made

    def _catch_up(self) -> None:
        """Bring a clone's generator to its place, and let it choose again what was chosen and is not accepted yet."""
        if self._behind is None:
            return
        again = self._before is not None and len(self._before) > 1
        two = Candidates.from_row(np.zeros(2, np.float32))
        for _ in itertools.repeat(None, self._behind - again):
            self._sampler.apply(two.array)
        self._sampler.accept(_NO_TOKEN)
        self._behind = None
        if self._before is not None:
            chosen_again = self._before.copy()  # it owns the memory that its `array` points to
            self._sampler.apply(chosen_again.array)
