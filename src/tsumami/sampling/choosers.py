"""Choosers: what chooses at the end of a chain, from what its stages have left.

Guarantee: each takes the same number of rolls for a token whatever is left, so that two runs with the same seed can be
compared roll by roll; adaptive-p, whose own generator takes none for a single candidate, is the exception.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tsumami import native
from tsumami.errors import SettingsError
from tsumami.native import Float32Array
from tsumami.sampling.adaptive import AdaptiveChooser
from tsumami.sampling.building import Origin
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.draw import Draw, Pick, Rolls
from tsumami.sampling.ranks import Ranked
from tsumami.sampling.stages import Surroundings
from tsumami.settings import Settings

_NO_ADDEND: Final = 17.0  # so far below the largest, a logit's exp is less than half of the last bit of 1
_ESTIMATED: Final = 100  # candidates from which mirostat 1 estimates how steep they are

__all__ = ["Chooser", "chooser_reads", "make_chooser"]


class Chooser(Protocol):
    """The end of a chain: picks one of the final candidates."""

    def pick(self, candidates: Candidates) -> Pick:
        """Choose, and leave the final probabilities in the candidates' `p` field."""

    def skip(self, count: int) -> None:
        """Let `count` rolls pass unused."""

    def accept(self, token: int) -> None:
        """Take note of the token that came."""

    def clone(self) -> Chooser:
        """A copy at the same roll."""


class GreedyChooser:
    """The first candidate with the largest logit. The roll of the step is named, but does not matter."""

    def __init__(self, seed: int, step: int = 0) -> None:
        self._sampler = native.greedy()
        self._rolls = Rolls(seed)
        self.step = step

    def pick(self, candidates: Candidates) -> Pick:
        self._sampler.apply(candidates.array)
        data, index = candidates.data, candidates.selected
        data["p"] = 0
        data["p"][index] = 1
        u = self._rolls[self.step]
        self.step += 1
        return Pick(int(data["id"][index]), index, u)

    def skip(self, count: int) -> None:
        self.step += count

    def accept(self, token: int) -> None:
        """Nothing is remembered."""

    def clone(self) -> GreedyChooser:
        made = GreedyChooser.__new__(GreedyChooser)
        made._sampler, made._rolls, made.step = self._sampler, self._rolls, self.step
        return made


class MirostatChooser:
    """llama.cpp's mirostat 1 or 2: cuts to the running surprise target mu, rolls, and moves mu.

    Its roll comes from `std::discrete_distribution`, which takes none when one candidate is left; then `u` is None and
    the next token takes the roll that this one left. Everywhere else the roll is that of `dist`.
    """

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._sampler = native.mirostat(
            settings.mirostat_mode, around.n_vocab, around.seed, settings.mirostat_tau, settings.mirostat_eta
        )
        self._rolls = Rolls(around.seed)
        self._used = 0

    def pick(self, candidates: Candidates) -> Pick:
        self._cut(candidates)
        u = None
        if len(candidates) > 1:
            u = self._rolls[self._used]
            self._used += 1
        return Pick(int(candidates.data["id"][candidates.selected]), candidates.selected, u)

    def _cut(self, candidates: Candidates) -> None:
        """Apply the sampler. Its first step is to sort all candidates; ranks will do (ranks.py), and of these the
        nearest to the largest. If they do not tell what is left, the sampler sorts by itself.
        """
        logits, ids = np.ascontiguousarray(candidates.data["logit"]), candidates.data["id"]
        for places in _worth_trying(logits):
            ranked = Ranked(logits if places is None else logits[places])
            left, count = ranked.candidates, len(ranked.candidates)
            sampler = self._sampler.clone()
            sampler.apply(left.array)
            if (places is None or len(left) < count) and ranked.resolve():
                found = left.data["id"] if places is None else places[left.data["id"]]
                left.data["id"] = ids[found]
                candidates.become(left)
                self._sampler = sampler
                return
        self._sampler.apply(candidates.array)

    def skip(self, count: int) -> None:
        """Not possible after the start: what mu would be there depends on the logits of every token before."""
        if count:
            raise SettingsError(
                "mirostat can be gone on with only where it has chosen all along: its target mu follows every choice; "
                "run it from the prompt"
            ).in_japanese(
                "mirostat の目標 mu はすべての選択に従うので、初めから働いていた所でしか続けられません。"
                "プロンプトから実行してください"
            )

    def accept(self, token: int) -> None:
        """mu has followed the choice already."""

    def clone(self) -> MirostatChooser:
        made = MirostatChooser.__new__(MirostatChooser)
        made._sampler, made._rolls, made._used = self._sampler.clone(), self._rolls, self._used
        return made


def _worth_trying(logits: Float32Array) -> Iterator[npt.NDArray[np.intp] | None]:
    """The places of the logits near the largest, if they are few, and then all (None).

    Both mirostats make a softmax of all candidates and keep a beginning. Its sum is made from the largest on, in 32
    bits: it is 1 or more, so what is below exp(-17) < 2^-24 does not change it. So whatever ends before them is
    the same without them. The first version also looks at the ratios of the first 100.
    """
    near = (logits >= logits.max() - np.float32(_NO_ADDEND)).nonzero()[0]
    if _ESTIMATED < len(near) < len(logits) // 2:
        yield near
    yield None


def make_chooser(origin: Origin) -> Chooser:
    """The chooser of settings, at the beginning of a reply."""
    mode = origin.settings.mode
    if mode == "mirostat":
        return MirostatChooser(origin.settings, origin.around)
    if mode == "adaptive":
        return AdaptiveChooser(origin.settings.adaptive_target, origin.settings.adaptive_decay, origin.seed)
    return Draw(origin.seed) if mode == "sample" else GreedyChooser(origin.seed)


def chooser_reads(origin: Origin) -> Hashable:
    """All that a chooser depends on: equal where two choose alike from the same candidates."""
    settings = origin.settings
    own: tuple[object, ...] = ()
    if settings.mode == "mirostat":
        own = (settings.mirostat_mode, settings.mirostat_tau, settings.mirostat_eta, origin.n_vocab)
    if settings.mode == "adaptive":
        own = (settings.adaptive_target, settings.adaptive_decay)
    return (settings.mode, origin.seed, *own)
