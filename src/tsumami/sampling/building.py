"""Building: which stages a chain has, and what each of them is made from.

Guarantee: stages that read the same (`stage_reads`) are the same. That is what lets a chain be carried over to other
settings: what reads the same keeps its memory, the rest is built anew and shown the same tokens.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from tsumami import native
from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS
from tsumami.sampling.constraint import constraint_of, constraint_stage
from tsumami.sampling.stages import BUILDERS, BiasStage, IdleStage, Stage, Surroundings
from tsumami.settings import Settings

_ACTIVE_STAGES: Final = {
    "greedy": {"penalties", "dry"},
    "contrastive": {"penalties", "dry"},
    "mirostat": {"penalties", "temperature"},
}


@dataclass(frozen=True, slots=True)
class Origin:
    """What a chain is built from. `seed` is the effective one; `prompt` the tokens that the reply goes on from."""

    settings: Settings
    seed: int
    n_vocab: int
    vocab: native.Vocab | None = None
    prompt: tuple[int, ...] = ()

    @property
    def around(self) -> Surroundings:
        """What a stage needs besides the settings."""
        return Surroundings(self.seed, self.n_vocab, self.vocab)


#: How far each stage that looks back does so, and what else a stage reads besides its own knobs.
_WINDOWS: Final = {"penalties": "repeat_last_n", "dry": "dry_penalty_last_n"}
_HEED_MIN_KEEP: Final = ("tfs_z", "typ_p", "top_p", "min_p", "xtc")
_KNOBS_OF: Final = {
    stage: tuple(name for name, knob in KNOBS.items() if knob.stage == stage)
    for stage in ("logit_bias", "grammar", *BUILDERS)
}


def stage_names(settings: Settings) -> tuple[str, ...]:
    """The stages that a chain has. Bias and grammar come before everything else, and only if asked for, as they have no
    neutral form to show; mirostat has an order of its own: penalties, temperature, mirostat.
    """
    wishes = {"logit_bias": settings.logit_bias, "grammar": constraint_of(settings)}
    asked = [name for name, wish in wishes.items() if wish]
    names = settings.chain_order
    if settings.mode == "mirostat":
        names = ("penalties", *(name for name in names if name not in ("penalties", "temperature")), "temperature")
    return (*asked, *names)


def build(name: str, origin: Origin) -> Stage:
    """A stage that has seen nothing yet; one that the mode leaves out is there as a no-op."""
    settings, mode = origin.settings, origin.settings.mode
    if name == "logit_bias":
        return _bias(origin)
    if name == "grammar":
        return _grammar(origin)
    if name not in _ACTIVE_STAGES.get(mode, BUILDERS):
        return IdleStage(name, mode)
    return BUILDERS[name](settings.replace(dynatemp_range=0.0) if mode == "mirostat" else settings, origin.around)


def _bias(origin: Origin) -> Stage:
    biases = origin.settings.logit_bias
    outside = [token for token, _ in biases if token >= origin.n_vocab]
    if outside:
        raise SettingsError(f"logit_bias names token {outside[0]}, but this vocabulary ends at {origin.n_vocab - 1}")
    return BiasStage(tuple(token for token, _ in biases), native.logit_bias(origin.n_vocab, biases))


def _grammar(origin: Origin) -> Stage:
    if origin.vocab is None:
        raise SettingsError("a grammar needs a model's vocabulary; none is at hand here")
    constraint = constraint_of(origin.settings)
    assert constraint is not None
    return constraint_stage(origin.vocab, *constraint)


def seen(name: str, origin: Origin) -> tuple[int, ...]:
    """The prompt's tokens that a stage gets to see; of a long prompt it needs what its window can hold."""
    window = getattr(origin.settings, _WINDOWS[name]) if name in _WINDOWS and origin.settings.penalize_prompt else 0
    return origin.prompt[-window:] if window else ()


def stage_reads(name: str, origin: Origin) -> Hashable:
    """All that a stage is built from. Two chains in the same place whose stages read the same have the same stage, but
    for what it remembers of logits (XTC's generator).
    """
    settings, mode = origin.settings, origin.settings.mode
    if name in BUILDERS and name not in _ACTIVE_STAGES.get(mode, BUILDERS):
        return (name, mode)
    own = [getattr(settings, knob) for knob in _KNOBS_OF[name]]
    more: tuple[object, ...] = (settings.min_keep,) if name in _HEED_MIN_KEEP else ()
    match name:
        case "xtc":
            more += (origin.seed,)
        case "temperature" if mode == "mirostat":
            own = [settings.temperature]
        case "penalties" | "dry" | "grammar" | "logit_bias":
            more += (origin.n_vocab, origin.vocab, seen(name, origin))
    return (name, *own, *more)
