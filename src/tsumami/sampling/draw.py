"""The draw: step t of seed s rolls the number u(s, t), whatever the settings are.

Guarantee: the number and the token that it falls on are those of llama.cpp's `dist` sampler (llama-sampler.cpp,
`llama_sampler_dist_apply`): MT19937 seeded with s, two 32-bit outputs (a, b) a token, u = (a + b·2³²) / 2⁶⁴ in double
precision, and the first candidate in the array's order whose running sum of expf(l - max) reaches u times the total.
Because every token takes exactly one roll, also where only one candidate is left, two runs with the same seed can be
compared roll by roll.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsumami import native
from tsumami.sampling.candidates import Candidates

_BLOCK = 128


@dataclass(frozen=True, slots=True)
class Pick:
    """A choice: the token, its index among the final candidates, and the roll in [0, 1) (None: nothing rolled)."""

    token: int
    index: int
    u: float | None


def rolls(seed: int, count: int) -> npt.NDArray[np.float64]:
    """The first `count` rolls of a seed, u(seed, 0..count-1): shape (count,), each in [0, 1)."""
    # RandomState seeds MT19937 as std::mt19937 does, and is frozen by NumPy's compatibility policy.
    words = np.random.RandomState(seed).randint(0, 2**32, size=2 * count, dtype=np.uint64)
    return _uniform(words)


def _uniform(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """libstdc++'s generate_canonical<double, 53> over pairs of words."""
    values = (words[0::2].astype(np.float64) + words[1::2].astype(np.float64) * 2.0**32) / 2.0**64
    return np.minimum(values, np.nextafter(1.0, 0.0))


class Rolls:
    """The rolls of one seed by step, made in blocks."""

    __slots__ = ("_values", "seed")

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._values = rolls(seed, _BLOCK)

    def __getitem__(self, step: int) -> float:
        if step >= len(self._values):
            self._values = rolls(self.seed, 2 * max(step, len(self._values)))
        return float(self._values[step])


class Draw:
    """`dist` with its position: `pick` takes the roll of the current step and moves on."""

    __slots__ = ("_dist", "_rolls", "step")

    def __init__(self, seed: int, step: int = 0) -> None:
        self._dist = native.dist(seed)
        self._rolls = Rolls(seed)
        self.step = 0
        self.skip(step)

    def skip(self, count: int) -> None:
        """Let `count` rolls pass unused, as when another branch has taken those steps."""
        alone = Candidates.from_row(np.zeros(1, np.float32))  # it owns the memory that its `array` points to
        for _ in range(count):
            self._dist.apply(alone.array)
            self.step += 1

    def pick(self, candidates: Candidates) -> Pick:
        """Choose; afterwards the candidates' `p` field holds the probabilities that the roll was held against."""
        u = self._rolls[self.step]
        self._dist.apply(candidates.array)
        self.step += 1
        return Pick(int(candidates.data["id"][candidates.selected]), candidates.selected, u)

    def accept(self, token: int) -> None:
        """Nothing is remembered."""

    def clone(self) -> Draw:
        """A copy at the same step."""
        made = Draw.__new__(Draw)
        made._dist, made._rolls, made.step = self._dist.clone(), self._rolls, self.step
        return made
