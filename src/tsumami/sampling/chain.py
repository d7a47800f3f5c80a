"""The chain: ordered stages, then a choice.

Guarantee: same settings, same seed, same logits, same token as a llama.cpp chain built from the same samplers, and one
roll per token (draw.py). Running the whole chain is two lines (`Chain.choose`); the rest of this module decides which
stages there are.

Four ways to choose (`Settings.mode`): `greedy` (temperature 0: the largest logit after bias, grammar and penalties),
`mirostat` (penalties, temperature, mirostat, which also chooses), `contrastive` (bias, grammar and penalties only; the
choice needs the model and is made in runs/contrastive.py), and otherwise `sample`: all stages in their order, then the
draw.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tsumami import native
from tsumami.errors import DeadEndError, SettingsError
from tsumami.native import Float32Array
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.draw import Draw, Pick, Rolls
from tsumami.sampling.gbnf import grammar_sampler
from tsumami.sampling.stages import BUILDERS, GrammarStage, IdleStage, NativeStage, Stage, Surroundings
from tsumami.settings import Settings

#: Called after each stage with its name, why it is idle (or None), and the candidates it left.
Watch = Callable[[str, str | None, Candidates], None]

_ACTIVE_STAGES: Final = {
    "greedy": {"penalties", "dry"},
    "contrastive": {"penalties", "dry"},
    "mirostat": {"penalties", "temperature"},
}


def effective_seed(settings: Settings) -> int:
    """The seed that is really used: the given one, or a fresh random one if it is below 0."""
    return settings.seed if settings.seed >= 0 else secrets.randbelow(2**31)


class Chooser(Protocol):
    """The end of a chain: picks one of the final candidates."""

    def pick(self, candidates: Candidates) -> Pick:
        """Choose, and leave the final probabilities in the candidates' `p` field."""

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
        self._sampler.apply(candidates.array)
        u = None
        if len(candidates) > 1:
            u = self._rolls[self._used]
            self._used += 1
        return Pick(int(candidates.data["id"][candidates.selected]), candidates.selected, u)

    def clone(self) -> MirostatChooser:
        made = MirostatChooser.__new__(MirostatChooser)
        made._sampler, made._rolls, made._used = self._sampler.clone(), self._rolls, self._used
        return made


@dataclass(frozen=True, slots=True)
class Choice:
    """What a chain chose, and the final candidates with their probabilities in the `p` field."""

    pick: Pick
    candidates: Candidates


class Chain:
    """Stages with their state, and the choice at the end. One chain serves one run; `clone()` it for a fork."""

    def __init__(self, stages: Sequence[Stage], chooser: Chooser) -> None:
        self.stages = tuple(stages)
        self._chooser = chooser

    @classmethod
    def from_settings(cls, settings: Settings, *, seed: int, n_vocab: int, vocab: native.Vocab | None = None) -> Chain:
        """Build the chain of `settings`; `seed` is the effective one (never below 0)."""
        around = Surroundings(seed, n_vocab, vocab)
        mode = settings.mode
        stages = [*_constraints(settings, around), *_ordered(settings, around, mode)]
        if mode == "mirostat":
            return cls(stages, MirostatChooser(settings, around))
        return cls(stages, Draw(seed) if mode == "sample" else GreedyChooser(seed))

    def apply(self, candidates: Candidates, watch: Watch | None = None) -> None:
        """Run every stage on `candidates`, in place."""
        for stage in self.stages:
            stage.apply(candidates)
            if watch is not None:
                watch(stage.name, stage.idle, candidates)

    def process(self, row: Float32Array, watch: Watch | None = None) -> Candidates:
        """What is left of a row of logits, shape (n_vocab,), after all stages.

        Raises:
            DeadEndError: every candidate is forbidden.
        """
        candidates = Candidates.from_row(row)
        if watch is not None:
            watch("model", None, candidates)
        self.apply(candidates, watch)
        if candidates.data["logit"].max() == -np.inf:
            raise DeadEndError("the grammar or logit_bias forbids every token")
        return candidates

    def choose(self, row: Float32Array, watch: Watch | None = None) -> Choice:
        """The next token for a row of logits, shape (n_vocab,). Call `accept` with the token afterwards.

        Raises:
            DeadEndError: every candidate is forbidden.
        """
        candidates = self.process(row, watch)
        pick = self._chooser.pick(candidates)
        if watch is not None and isinstance(self._chooser, MirostatChooser):
            watch("mirostat", None, candidates)
        return Choice(pick, candidates)

    def accept(self, token: int) -> None:
        """Tell every stage which token came next."""
        for stage in self.stages:
            stage.accept(token)

    def accept_prompt(self, tokens: Iterable[int]) -> None:
        """Let the stages that look back (penalties, DRY) see the prompt; a grammar governs the reply only."""
        looking_back = [stage for stage in self.stages if stage.name in ("penalties", "dry")]
        for token in tokens:
            for stage in looking_back:
                stage.accept(token)

    def clone(self) -> Chain:
        """An independent chain in the same state, for a fork."""
        return Chain([stage.clone() for stage in self.stages], self._chooser.clone())


def _constraints(settings: Settings, around: Surroundings) -> list[Stage]:
    """Bias and grammar: before everything else, and only if asked for, as they have no neutral form to show."""
    stages: list[Stage] = []
    if settings.logit_bias:
        outside = [token for token, _ in settings.logit_bias if token >= around.n_vocab]
        if outside:
            raise SettingsError(
                f"logit_bias names token {outside[0]}, but this vocabulary ends at {around.n_vocab - 1}"
            )
        stages.append(NativeStage("logit_bias", native.logit_bias(around.n_vocab, settings.logit_bias)))
    gbnf = grammar_text(settings)
    if gbnf is not None:
        if around.vocab is None:
            raise SettingsError("a grammar needs a model's vocabulary; none is at hand here")
        stages.append(GrammarStage("grammar", grammar_sampler(around.vocab, gbnf)))
    return stages


def grammar_text(settings: Settings) -> str | None:
    """The GBNF grammar of the settings, made from the JSON schema if that is what was given."""
    if settings.json_schema:
        return native.json_schema_to_gbnf(settings.json_schema)
    return settings.grammar or None


def _ordered(settings: Settings, around: Surroundings, mode: str) -> list[Stage]:
    """The stages of the `samplers` order; those that `mode` leaves out are there as no-ops.

    Mirostat has an order of its own: penalties, temperature, mirostat.
    """
    active = _ACTIVE_STAGES.get(mode)
    names = settings.chain_order
    if mode == "mirostat":
        names = ("penalties", *(name for name in names if name not in ("penalties", "temperature")), "temperature")
        settings = settings.replace(dynatemp_range=0.0)
    return [
        BUILDERS[name](settings, around) if active is None or name in active else IdleStage(name, mode)
        for name in names
    ]


def apply(
    stage: str,
    settings: Settings,
    candidates: Candidates,
    history: Iterable[int] = (),
    *,
    vocab: native.Vocab | None = None,
) -> Candidates:
    """Apply one stage, by its name in the `samplers` order, to a copy of `candidates`.

    Args:
        stage: one of `BUILDERS`: penalties, dry, top_n_sigma, top_k, tfs_z, typ_p, top_p, min_p, xtc, temperature.
        settings: the values of its knobs.
        candidates: left as they are.
        history: the tokens before this one, oldest first, for the stages that look back.
        vocab: needed only for DRY's sequence breakers, which are texts; without it they are left out.

    Raises:
        SettingsError: no stage of that name.
    """
    if stage not in BUILDERS:
        raise SettingsError(f"no stage is named {stage!r}; the stages are {', '.join(BUILDERS)}")
    result = candidates.copy()
    if len(result):
        around = Surroundings(effective_seed(settings), vocab.n_tokens if vocab else int(result.ids.max()) + 1, vocab)
        made = BUILDERS[stage](settings, around)
        for token in history:
            made.accept(token)
        made.apply(result)
    return result


def idle_stages(settings: Settings) -> dict[str, str]:
    """The stages that do nothing under these settings, and why: `neutral`, or the mode that leaves them out."""
    around = Surroundings(seed=0, n_vocab=1)
    return {stage.name: stage.idle for stage in _ordered(settings, around, settings.mode) if stage.idle is not None}
