"""Rows as an engine elsewhere gives them: the likeliest tokens, and how much it does not tell."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["ToldRow"]

_FLOAT_SUM = 2.0**-24  # of a sum in 32-bit floats, relatively, for each number that is added


@dataclass(frozen=True, slots=True, eq=False)
class ToldRow:
    """The likeliest tokens of one place: `ids`, and `logprobs` in descending order, natural logarithms of the model's
    own probabilities. `level`: the logit of a token less its logarithm, the same for all; None: it was not asked.
    `cached`: tokens of the prompt that the engine had computed before.
    """

    ids: npt.NDArray[np.int32]
    logprobs: npt.NDArray[np.float32]
    level: float | None = None
    cached: int = 0

    def likeliest(self, count: int) -> ToldRow:
        """The same with at most so many tokens: some engines tell the one that they chose as well."""
        return self if len(self.ids) <= count else replace(self, ids=self.ids[:count], logprobs=self.logprobs[:count])

    @property
    def seen(self) -> float:
        """The sum of the probabilities that were told."""
        return float(np.exp(self.logprobs, dtype=np.float64).sum())

    def unseen(self, n_vocab: int) -> tuple[float, float]:
        """The probability that was not told, and the most that it can be: none of these tokens is likelier than the
        last that was told, and the engine's own sum was made of as many 32-bit floats as there are tokens.
        """
        rest = n_vocab - len(self.ids)
        if rest <= 0:
            return 0.0, 0.0
        told = max(0.0, 1.0 - self.seen)
        return told, min(rest * float(np.exp(self.logprobs[-1])), told + n_vocab * _FLOAT_SUM)
