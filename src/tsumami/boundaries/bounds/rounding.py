"""Rounding: by how much llama.cpp's floating-point arithmetic can miss the numbers that it stands for.

Guarantee: each bound here holds for every input, by the inequality beside it; and each margin that makes something
"certain" (transfer.py, bounds.py, whole_vocabulary.py, mirostat.py) is made of these, so that there is one place to
check. The functions of C were measured on glibc 2.36 (x86-64), over all 32-bit floats that a sampler can hand to them;
any libm whose expf, logf and log2f are within one unit in the last place will do, and a test asks the one at hand.

The model (IEEE 754, round to nearest): one operation gives fl(x) = x · (1 + d) with |d| <= h = 2^-24, and where the
result is below the smallest normal number, fl(x) = x + e with |e| <= 2^-150. Rounding is monotonic: x <= y gives
fl(x) <= fl(y). So where every operation rises (or falls) in its operands, the same operations on the ends of a range
bound all that is in it, and no margin is needed at all.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "DOUBLE",
    "EXPF",
    "HALF_ULP",
    "LEAST_FLOAT",
    "LOG2F",
    "LOGF",
    "NOTHING",
    "OURS",
    "POWF",
    "SMALLEST",
    "after",
    "double_sum_of",
    "draw_of",
    "entropy_of",
    "in_logarithms",
    "others",
    "pick_of",
    "sum_of",
    "surprise",
]

#: h: half a unit in the last place of a 32-bit float, relative to it.
HALF_ULP: Final = 2.0**-24
#: The smallest normal 32-bit float; h times it, 2^-150, is what an operation can lose below.
SMALLEST: Final = 2.0**-126
#: Smaller than half of the smallest 32-bit float that is not 0 (2^-149), whose surprise is the largest finite one.
LEAST_FLOAT: Final = 1e-46
#: Half a unit in the last place of a double, relative to it.
DOUBLE: Final = 2.0**-53
#: Roundings to add for what our own bounds, made in double precision, lose in a sum of n < 2^27 numbers that are not
#: negative: n · 2^-53 in the sum and as much in the rest of it, n · 2^-52 < 2^-24 = h together. So one is enough.
OURS: Final = 1

#: |expf(x) - e^x| <= EXPF · e^x for x <= 0 where expf(x) >= SMALLEST: one unit in the last place is at most 2^-23 of a
#: number. Measured: 0.502 units. The rest is room for e^x in double precision (2^-52) and for e^(x · (1 + 2^-50)).
EXPF: Final = 2.0**-23
#: Where e^x is below SMALLEST, expf gives something from 0 to this (2 % more, for the roundings of a few units).
NOTHING: Final = 1.02 * SMALLEST
#: |logf(x) - ln x| <= LOGF · |ln x| for 0 < x <= 1. Measured: 0.788 units in the last place.
LOGF: Final = 2.0**-23
#: |log2f(x) - log2 x| <= LOG2F · |log2 x| for 0 < x <= 1, and log2f does not fall. Measured: 0.752 units.
LOG2F: Final = 2.0**-23
#: |powf(x, y) - x^y| <= POWF · x^y, for 0 < x <= 1 and y >= 0, where x^y >= SMALLEST. Measured (at 2·10^8 random
#: places): 0.503 units in the last place; two are allowed.
POWF: Final = 2.0**-22


def sum_of(n: int) -> float:
    """How far, relatively, n roundings can take a 32-bit number: that is also the error of a sum of n + 1 numbers none
    of which is negative, added one after another, since none of them takes part in more than n additions.

    With |d_i| <= h and n · h < 1: |(1 + d_1)^±1 · … · (1 + d_n)^±1 - 1| <= n · h / (1 - n · h)  (Higham, Accuracy and
    Stability of Numerical Algorithms, lemma 3.1). That exceeds n · h by n² · h² >= 32 · 2^-53, so up to 30 operations
    of ours in double precision are in it as well.

    For example: the softmax of 40 candidates adds 39 times and divides once, so each probability is off by at most
    sum_of(40) = 2.4e-6 of itself.
    """
    return n * HALF_ULP / (1 - n * HALF_ULP) if n * HALF_ULP < 1 else math.inf


def double_sum_of(n: int) -> float:
    """The same for double precision."""
    return n * DOUBLE / (1 - n * DOUBLE)


def in_logarithms(relative: float) -> float:
    """How far ln p is off where p is off by this part of itself: |ln(1 + d)| <= -ln(1 - |d|)."""
    return -math.log1p(-relative) if relative < 1 else math.inf


def entropy_of(n: int) -> tuple[float, float]:
    """How far the entropy -sum p · logf(p) of n candidates can be off: relatively, and on top of that absolutely.

    A p is off by g = sum_of(n). A term is p · (1 + g) · (|ln p| · (1 + LOGF) + in_logarithms(g)) · (1 + h), and their
    sum takes n - 1 additions. LOGF is 2h, so the first part makes sum_of(n + 2 + 1 + n - 1) of the entropy. For the
    second, sum p = 1 and in_logarithms(g) <= g / (1 - g) = n · h / (1 - 2n · h); with the factors (1 + g) and so on it
    stays below sum_of(2n + 3), as long as n · h < 1/4. `OURS` is in both.
    """
    if 4 * n * HALF_ULP >= 1:
        return math.inf, math.inf
    return sum_of(2 * n + 2 + OURS), sum_of(2 * n + 3 + OURS)


def draw_of(n: int) -> float:
    """The margin k of the draw from n candidates, relative to the sums that a roll u is held against.

    `dist` takes the first candidate whose running sum reaches u · total, all in double precision. With B, w, A the sums
    before, of, and after candidate t, e = double_sum_of(n), and T = B + w + A, the running sums are off by e at most,
    and so is u · T:
        not before t:  B · (1 + e) < u · T · (1 - e)        <=  (1 - u + 2e) · B < u · (1 - e) · (w + A)
        not after t:   (B + w) · (1 - e) >= u · T · (1 + e) <=  (1 - u - 2e) · (B + w) >= u · (1 + e) · A
    The sums that we hold against each other are bounds of B, w, A, added up by ourselves, which costs e on either side
    once more. So with k = double_sum_of(4n + 16) in the place of 2e and of e, both hold.

    It is added to 1 - u and not multiplied with it: at u = 0.999999 and 100,000 candidates an error of 1e-11 in u · T
    is as large as 1e-5 of (1 - u) · B.
    """
    return double_sum_of(4 * n + 16)


def pick_of(n: int) -> float:
    """The same for std::discrete_distribution over the 32-bit p of n candidates (mirostat), where p is w / total: a
    weight's part of the sum is off by h in its own p and by h in those of the others, then by 3n · 2^-53 in the sums.
    """
    return sum_of(2) + double_sum_of(4 * n + 16)


def surprise(bits: float) -> float:
    """How far p can be off, relatively, where -log2f(p) is that many bits: they are off by LOG2F of themselves (and by
    half a unit of a number of 150 at most), so p is off by the factor 2^(LOG2F · bits).

    For example: at 149 bits, the smallest p there is, 1.2e-5.
    """
    return math.expm1(math.log(2) * LOG2F * bits)


# --- sums without a difference ---


def after(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What stands behind each column, added up, shape (boxes, n); nothing in it is negative.

    It is added from the end. The total less the sum up to a column is another thing: of [1e22, 1, 1] that is 0 behind
    the first, for 1e22 + 2 is 1e22.
    """
    behind = np.cumsum(values[:, :0:-1], axis=1)[:, ::-1]
    return np.concatenate([behind, np.zeros((len(values), 1))], axis=1)


def others(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """All columns but each one, added up in the same way."""
    before = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values[:, :-1], axis=1)], axis=1)
    return np.asarray(before + after(values))
