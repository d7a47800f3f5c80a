"""The stages: each takes candidates and hands on fewer or reweighted ones.

Guarantee: wherever llama.cpp has a sampler, the stage *is* that sampler, working in place on the same memory; ours are
tail-free sampling, which llama.cpp removed, what it never had (cuts.py, reshaping.py, removals.py), and constraints
(constraint.py). A stage that does nothing under the given settings is a no-op that says why (`idle`).

The extension point is the protocol `Stage`: a name, `apply`, `accept`, `clone`.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tsumami import native
from tsumami.native import Float32Array
from tsumami.sampling import cuts
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.cuts import CutStage
from tsumami.sampling.local import LocalStage
from tsumami.sampling.per_vocabulary import PerVocabulary
from tsumami.sampling.removals import NoRepeatStage
from tsumami.sampling.reshaping import SmoothingStage
from tsumami.sampling.token_texts import TokenTexts, meant
from tsumami.settings import Settings

_MANY: Final = 1024  # candidates; fewer are sorted sooner than looked at


class Stage(Protocol):
    """One step of a chain. State that depends on the tokens so far lives in it and is copied by `clone`."""

    name: str
    idle: str | None
    """Why the stage does nothing under these settings (`neutral`, `greedy`, `mirostat`, `contrastive`), or None."""

    def apply(self, candidates: Candidates) -> None:
        """Remove or reweight candidates in place."""

    def accept(self, token: int) -> None:
        """Take note of the token that was chosen."""

    def clone(self) -> Stage:
        """A copy with the same state, for a fork."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a stage needs besides the settings: the seed that is really used, llama.cpp's vocabulary if there is one,
    how many tokens there can be before the last one (None: nobody knows), and whom to ask about the texts of tokens.
    """

    seed: int
    n_vocab: int
    vocab: native.Vocab | None = None
    n_ctx: int | None = None

    def window(self, wanted: int) -> int:
        """A window of `wanted` tokens, cut to those that there can be: samplers reserve the whole of it."""
        return wanted if self.n_ctx is None else min(wanted, self.n_ctx)

    texts: TokenTexts | None = None

    def exempt(self, settings: Settings) -> frozenset[int]:
        """The tokens that the penalties and DRY do not count; none where nobody knows the tokens' texts."""
        if not settings.penalize_except or self.texts is None:
            return frozenset()
        return meant(self.texts, "penalize_except", settings.penalize_except)


class NativeStage:
    """A llama.cpp sampler under its name in the `samplers` order.

    A neutral one is llama.cpp's empty sampler (`llama_sampler_init_empty`), so it need not be called to do nothing; nor
    need one that takes no note of tokens, which are all but penalties and DRY (`llama_sampler_i.accept`).
    """

    def __init__(self, name: str, sampler: native.NativeSampler) -> None:
        self.name = name
        self.idle = "neutral" if sampler.neutral else None
        self._sampler = sampler

    def apply(self, candidates: Candidates) -> None:
        if self.idle is None:
            self._sampler.apply(candidates.array)

    def accept(self, token: int) -> None:
        """Nothing is remembered."""

    def clone(self) -> NativeStage:
        return NativeStage(self.name, self._sampler.clone())


class TopKStage(NativeStage):
    """The native top-k, which says its k."""

    def __init__(self, k: int, sampler: native.NativeSampler) -> None:
        super().__init__("top_k", sampler)
        self.k = k

    def clone(self) -> TopKStage:
        return TopKStage(self.k, self._sampler.clone())


class TypicalStage(NativeStage):
    """The native typical-p, whose sort is not asked for what is known beforehand.

    A candidate without any probability in 32 bits (banned by a bias, say) makes llama.cpp's entropy 0 · ln 0, which is
    no number, and so every score. To its sort all are alike then, and it leaves an order that depends on nothing but
    how many there are.
    """

    def __init__(self, p: float, min_keep: int, sampler: native.NativeSampler) -> None:
        super().__init__("typ_p", sampler)
        self._p, self._min_keep = p, min_keep

    def apply(self, candidates: Candidates) -> None:
        count, data = len(candidates), candidates.data
        if self.idle is not None or not candidates.sorted or count < _MANY or data["logit"][0] == -np.inf:
            super().apply(candidates)
            return
        p = _softmax(candidates)
        if p[-1] > 0:
            super().apply(candidates)
            return
        order = _order_of_alike(count)
        enough = np.add.accumulate(p[order]) > np.float32(self._p)
        enough[: max(self._min_keep - 1, 0)] = False
        kept = int(enough.argmax()) + 1 if enough.any() else count
        candidates.keep(order[:kept], is_sorted=False)

    def clone(self) -> TypicalStage:
        return TypicalStage(self._p, self._min_keep, self._sampler.clone())


def _softmax(candidates: Candidates) -> Float32Array:
    """llama.cpp's own softmax of sorted candidates, to the last bit of its expf; it is in their `p` field, too."""
    native.top_p(0.5, len(candidates)).apply(candidates.array)  # which has to keep all of them
    return np.ascontiguousarray(candidates.data["p"])


@functools.lru_cache(maxsize=4)
def _order_of_alike(count: int) -> npt.NDArray[np.intp]:
    """Into which order llama.cpp's typical-p brings `count` candidates whose scores are no numbers."""
    logits = np.full(count, -np.inf, np.float32)
    logits[0] = 0
    candidates = Candidates.from_row(logits)
    candidates.array.sorted = True
    native.typical(0.5, count).apply(candidates.array)
    return candidates.ids.astype(np.intp)


class TemperatureStage(NativeStage):
    """The native temperature, which where dynamic temperature comes so close to 0 that a logit divided by it is beyond
    32 bits leaves only the largest, as at 0. (llama.cpp's own then holds the roll against numbers that are none.)
    """

    def __init__(self, sampler: native.NativeSampler, *, dynamic: bool) -> None:
        super().__init__("temperature", sampler)
        self._dynamic = dynamic

    def apply(self, candidates: Candidates) -> None:
        before = candidates.data["logit"].max(initial=-np.inf) if self._dynamic else -np.inf
        super().apply(candidates)
        if np.isfinite(before):
            logits = candidates.data["logit"]
            if not np.isfinite(logits.max()):  # llama.cpp has sorted them, so the first was the largest
                logits[:] = -np.inf
                logits[0] = before

    def clone(self) -> TemperatureStage:
        return TemperatureStage(self._sampler.clone(), dynamic=self._dynamic)


class NativeLocalStage(NativeStage, LocalStage):
    """A native stage that is local; where the candidates are still in id order, its few are found without a search."""

    def change(self, candidates: Candidates) -> None:
        NativeStage.apply(self, candidates)

    def apply(self, candidates: Candidates) -> None:
        data, distinct = candidates.data, set(self.tokens())
        tokens = np.fromiter(distinct, np.int32, len(distinct))
        n = len(data)
        if not 0 < len(tokens) < n or tokens.max() >= n or not np.array_equal(data["id"][tokens], tokens):
            self.change(candidates)
            return
        seen = Candidates.of(tokens, data["logit"][tokens], is_sorted=candidates.sorted)
        self.change(seen)
        data["logit"][tokens] = seen.data["logit"]
        candidates.array.sorted = seen.array.sorted


class IdleStage:
    """A stage that the mode of choosing leaves out, kept so that a ledger can show it."""

    def __init__(self, name: str, idle: str) -> None:
        self.name = name
        self.idle: str | None = idle

    def apply(self, candidates: Candidates) -> None:
        """Do nothing."""

    def accept(self, token: int) -> None:
        """Do nothing."""

    def clone(self) -> IdleStage:
        return self


class BiasStage(NativeLocalStage):
    """The native logit bias (`llama_sampler_logit_bias_apply`: look the biased tokens up, add to their logits)."""

    def __init__(self, tokens: tuple[int, ...], sampler: native.NativeSampler) -> None:
        super().__init__("logit_bias", sampler)
        self._tokens = tokens

    def tokens(self) -> tuple[int, ...]:
        return self._tokens

    def apply(self, candidates: Candidates) -> None:
        NativeStage.apply(self, candidates)

    def clone(self) -> BiasStage:
        return BiasStage(self._tokens, self._sampler.clone())


class PenaltiesStage(NativeLocalStage):
    """The native penalties, which can change only the tokens in the window (`llama_sampler_penalties_apply`: look each
    candidate's id up in the window's counts, change its logit).
    """

    def __init__(self, sampler: native.NativeSampler, window: deque[int], exempt: frozenset[int] = frozenset()) -> None:
        super().__init__("penalties", sampler)
        self._window = window
        self._exempt = exempt

    def tokens(self) -> Iterable[int]:
        return self._window

    def accept(self, token: int) -> None:
        if token not in self._exempt:
            if self.idle is None:
                self._sampler.accept(token)
            self._window.append(token)

    def clone(self) -> PenaltiesStage:
        return PenaltiesStage(self._sampler.clone(), self._window.copy(), self._exempt)


class DryStage(NativeStage):
    """The native DRY, which is not told of tokens that are not to count."""

    def __init__(self, sampler: native.NativeSampler, exempt: frozenset[int] = frozenset()) -> None:
        super().__init__("dry", sampler)
        self._exempt = exempt

    def accept(self, token: int) -> None:
        if self.idle is None and token not in self._exempt:
            self._sampler.accept(token)

    def clone(self) -> DryStage:
        return DryStage(self._sampler.clone(), self._exempt)


class XtcStage(NativeStage):
    """The native XTC. `taken` counts the numbers that its own generator has given: one where two or more candidates
    are left (`llama_sampler_xtc_apply`), so that an XTC with another value can go on from the same place.
    """

    def __init__(self, sampler: native.NativeSampler, taken: int = 0) -> None:
        super().__init__("xtc", sampler)
        self.taken = taken

    def apply(self, candidates: Candidates) -> None:
        self.taken += self.idle is None and len(candidates) > 1
        super().apply(candidates)

    def skip(self, count: int) -> None:
        """Let `count` numbers of the generator pass unused."""
        for _ in range(count):
            self.apply(Candidates.from_row(np.zeros(2, np.float32)))

    def clone(self) -> XtcStage:
        return XtcStage(self._sampler.clone(), self.taken)


class TailFreeStage:
    """Tail-free sampling with llama.cpp's arithmetic before it was removed (PR #10071).

    With probabilities p sorted descending: d1_i = p_i - p_{i+1}, d2_i = |d1_i - d1_{i+1}|, normalised to w (all equal
    if the sum is at most 1e-6); the first i with w_0 + … + w_i > z and i >= min_keep is where the list is cut, keeping
    i candidates. Unlike the original, `min_keep` 0 keeps one candidate instead of none.

    Source: llama.cpp@61715d5 src/llama-sampling.cpp:736; idea: https://www.trentonbricken.com/Tail-Free-Sampling/
    """

    name = "tfs_z"

    def __init__(self, z: float, min_keep: int) -> None:
        self._z = np.float32(z)
        self._min_keep = max(1, min_keep)
        self.idle = "neutral" if z >= 1 else None

    def apply(self, candidates: Candidates) -> None:
        if self.idle is not None or len(candidates) <= 2:
            return
        if not candidates.sorted:
            native.top_k(len(candidates)).apply(candidates.array)  # llama.cpp's own sort, ties and all
        p = _softmax(candidates)
        second = np.abs(np.diff(p[:-1] - p[1:]))
        total = np.add.accumulate(second)[-1]
        weights = second / total if total > 1e-6 else np.full(len(second), np.float32(1) / np.float32(len(second)))
        reached = np.add.accumulate(weights, dtype=np.float32) > self._z
        reached[: self._min_keep] = False
        if reached.any():
            candidates.keep(np.arange(int(reached.argmax())), is_sorted=True)

    def accept(self, token: int) -> None:
        """Tail-free sampling has no memory."""

    def clone(self) -> TailFreeStage:
        return self


def _penalties(settings: Settings, around: Surroundings) -> Stage:
    window = around.window(settings.repeat_last_n)
    sampler = native.penalties(
        around.n_vocab,
        window,
        settings.repeat_penalty,
        settings.frequency_penalty,
        settings.presence_penalty,
    )
    return PenaltiesStage(sampler, deque(maxlen=window), around.exempt(settings))


def _dry(settings: Settings, around: Surroundings) -> Stage:
    values = (
        settings.dry_multiplier,
        settings.dry_base,
        settings.dry_allowed_length,
        around.window(settings.dry_penalty_last_n),
        settings.dry_sequence_breakers,
    )
    if around.vocab is None:
        sampler = native.dry(None, *values)
    else:
        sampler = _DRY.get(around.vocab, values, lambda: native.dry(around.vocab, *values))
    return DryStage(sampler, around.exempt(settings))


#: llama.cpp looks through the whole vocabulary for what each sequence breaker can be spelt with: up to two tenths
#: of a second a breaker.
_DRY: Final = PerVocabulary(native.NativeSampler.clone)


def _temperature(settings: Settings, _around: Surroundings) -> Stage:
    sampler = native.temperature(settings.temperature, settings.dynatemp_range, settings.dynatemp_exponent)
    return TemperatureStage(sampler, dynamic=settings.dynatemp_range > 0)


def _xtc(settings: Settings, around: Surroundings) -> Stage:
    sampler = native.xtc(settings.xtc_probability, settings.xtc_threshold, settings.min_keep, around.seed)
    return XtcStage(sampler)


#: How each stage of the `samplers` order is made; the keys are its names.
BUILDERS: Final[dict[str, Callable[[Settings, Surroundings], Stage]]] = {
    "penalties": _penalties,
    "dry": _dry,
    "no_repeat_ngram": lambda s, _: NoRepeatStage(s.no_repeat_ngram_size),
    "top_n_sigma": lambda s, _: NativeStage("top_n_sigma", native.top_n_sigma(s.top_n_sigma)),
    "top_k": lambda s, _: TopKStage(s.top_k, native.top_k(s.top_k)),
    "tfs_z": lambda s, _: TailFreeStage(s.tfs_z, s.min_keep),
    "typ_p": lambda s, _: TypicalStage(s.typical_p, s.min_keep, native.typical(s.typical_p, s.min_keep)),
    "epsilon_cutoff": lambda s, _: CutStage("epsilon_cutoff", cuts.epsilon_cutoff, s.epsilon_cutoff, 0, s.min_keep),
    "eta_cutoff": lambda s, _: CutStage("eta_cutoff", cuts.eta_cutoff, s.eta_cutoff, 0, s.min_keep),
    "top_p": lambda s, _: NativeStage("top_p", native.top_p(s.top_p, s.min_keep)),
    "min_p": lambda s, _: NativeStage("min_p", native.min_p(s.min_p, s.min_keep)),
    "top_a": lambda s, _: CutStage("top_a", cuts.top_a, s.top_a, 0, s.min_keep),
    "top_h": lambda s, _: CutStage("top_h", cuts.top_h, s.top_h, 1),
    "xtc": _xtc,
    "smoothing": lambda s, _: SmoothingStage(s.smoothing_factor, s.smoothing_curve),
    "temperature": _temperature,
}
