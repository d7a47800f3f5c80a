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
_FIRST: Final = tuple(name for name, row in ROWS.items() if row.wanted_by and not row.ordered)


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


def stage_names(settings: Settings) -> tuple[str, ...]:
    """The stages that a chain has: those of `places`, but for what is there only where it is wanted and is not."""
    return tuple(name for name in places(settings) if is_there(name, settings))


def places(settings: Settings) -> tuple[str, ...]:
    """All stages that have a place in a chain of these settings. What the order does not name comes before everything
    else; mirostat has an order of its own: penalties, temperature, mirostat.
    """
    names = settings.chain_order
    if settings.mode == "mirostat":
        names = ("penalties", *(name for name in names if name not in ("penalties", "temperature")), "temperature")
    return (*_FIRST, *names)


def is_there(name: str, settings: Settings) -> bool:
    """Whether a chain has the stage: one that nobody wants, or that the way to choose leaves out, is none at all, if it
    is one of those that come only where they are wanted (`StageRow.wanted_by`).
    """
    row = ROWS[name]
    wanted = any(getattr(settings, knob) != KNOBS[knob].neutral for knob in row.wanted_by)
    return not row.wanted_by or (wanted and settings.mode in row.modes)


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
    if not (ROWS[name].looks_back and origin.settings.penalize_prompt):
        return ()
    window = getattr(origin.settings, WINDOWS[name]) if name in WINDOWS else len(origin.prompt)
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
