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
from tsumami.knobs import KNOBS, Mode, knobs_of
from tsumami.knobs.stages import ROWS, WINDOWS
from tsumami.sampling.constraint import constraint_of, constraint_stage
from tsumami.sampling.stages import BUILDERS, BiasStage, IdleStage, Stage, Surroundings
from tsumami.settings import Settings

_KNOBS_OF: Final = {name: knobs_of(name) for name in ROWS}


@dataclass(frozen=True, slots=True)
class Origin:
    """What a chain is built from. `seed` is the effective one; `prompt` the tokens that the reply goes on from,
    `n_ctx` how many tokens there can be in all, prompt and reply together.
    """

    settings: Settings
    seed: int
    n_vocab: int
    vocab: native.Vocab | None = None
    prompt: tuple[int, ...] = ()
    n_ctx: int | None = None

    @property
    def around(self) -> Surroundings:
        """What a stage needs besides the settings."""
        return Surroundings(self.seed, self.n_vocab, self.vocab, self.n_ctx)


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
    if mode not in ROWS[name].modes:
        return IdleStage(name, mode)
    unread = {knob: KNOBS[knob].default for knob in _KNOBS_OF[name] if knob not in _read_by(name, mode)}
    return BUILDERS[name](settings.replace(**unread) if unread else settings, origin.around)


def _read_by(name: str, mode: Mode) -> tuple[str, ...]:
    """The knobs of a stage that it reads in this mode."""
    return ROWS[name].reads.get(mode, _KNOBS_OF[name])


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
    window = getattr(origin.settings, WINDOWS[name]) if name in WINDOWS and origin.settings.penalize_prompt else 0
    return origin.prompt[-window:] if window else ()


def stage_reads(name: str, origin: Origin) -> Hashable:
    """All that a stage is built from. Two chains in the same place whose stages read the same have the same stage, but
    for what it remembers of logits (XTC's generator).
    """
    settings, mode, row = origin.settings, origin.settings.mode, ROWS[name]
    if mode not in row.modes:
        return (name, mode)
    reads: list[Hashable] = [name, *(getattr(settings, knob) for knob in _read_by(name, mode))]
    if row.heeds_min_keep:
        reads.append(settings.min_keep)
    if row.own_roll:
        reads.append(origin.seed)
    if row.needs_vocabulary:
        reads += [origin.n_vocab, origin.vocab, seen(name, origin)]
    return tuple(reads)
