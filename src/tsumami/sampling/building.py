"""Building: which stages a chain has, and what each of them is made from.

Guarantee: stages that read the same (`stage_reads`) are the same. That is what lets a chain be carried over to other
settings: what reads the same keeps its memory, the rest is built anew and shown the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from tsumami import native
from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS, Mode, knobs_of
from tsumami.knobs.stages import ROWS, WINDOWS
from tsumami.sampling.constraint import constraint_of, constraint_stage
from tsumami.sampling.guidance import GuidanceStage
from tsumami.sampling.healing import HealStage
from tsumami.sampling.removals import BannedTextsStage, EndTokensStage
from tsumami.sampling.stages import BUILDERS, BiasStage, IdleStage, Stage, Surroundings
from tsumami.sampling.thinking import BudgetStage, ThinkingMarks
from tsumami.sampling.token_texts import TokenTexts, biased_tokens, end_tokens
from tsumami.settings import Settings

_KNOBS_OF: Final = {name: knobs_of(name) for name in ROWS}
_FIRST: Final = tuple(name for name, row in ROWS.items() if row.wanted_by and not row.ordered)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a chain is built from. `seed` is the effective one; `prompt` the tokens that the reply goes on from,
    `n_ctx` how many tokens there can be in all, prompt and reply together; `texts` can be asked about the texts of
    tokens, where there is no llama.cpp vocabulary, too; `thinking`: how the model marks its thinking; `healing`: the
    prompt's end that the reply begins with.
    """

    settings: Settings
    seed: int
    n_vocab: int
    vocab: native.Vocab | None = None
    prompt: tuple[int, ...] = ()
    n_ctx: int | None = None
    texts: TokenTexts | None = None
    thinking: ThinkingMarks | None = None
    healing: bytes = b""

    def counted(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Those that the penalties and DRY count."""
        exempt = self.around.exempt(self.settings)
        return tuple(token for token in tokens if token not in exempt) if exempt else tuple(tokens)

    @property
    def around(self) -> Surroundings:
        """What a stage needs besides the settings."""
        return Surroundings(self.seed, self.n_vocab, self.vocab, self.n_ctx, self.texts or self.vocab)


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
    if name in _FIRST_BUILDERS:
        return _FIRST_BUILDERS[name](origin)
    if mode not in ROWS[name].modes:
        return IdleStage(name, mode)
    unread = {knob: KNOBS[knob].default for knob in _KNOBS_OF[name] if knob not in _read_by(name, mode)}
    return BUILDERS[name](settings.replace(**unread) if unread else settings, origin.around)


def _read_by(name: str, mode: Mode) -> tuple[str, ...]:
    """The knobs of a stage that it reads in this mode."""
    return ROWS[name].reads.get(mode, _KNOBS_OF[name])


def _bias(origin: Origin) -> Stage:
    """By id and by text; what both name gets both. Without a vocabulary texts are left out."""
    made, texts = dict(origin.settings.logit_bias), origin.around.texts
    outside = [token for token in made if token >= origin.n_vocab]
    if outside:
        raise SettingsError(
            f"logit_bias names token {outside[0]}, but this vocabulary ends at {origin.n_vocab - 1}"
        ).in_japanese(f"logit_bias にトークン {outside[0]} がありますが、この語彙は {origin.n_vocab - 1} までです")
    for token, bias in biased_tokens(texts, origin.settings.text_bias).items() if texts is not None else ():
        made[token] = made.get(token, 0.0) + bias
    return BiasStage(tuple(made), native.logit_bias(origin.n_vocab, tuple(made.items())))


def _grammar(origin: Origin) -> Stage:
    if origin.vocab is None:
        raise SettingsError("a grammar needs a model's vocabulary; none is at hand here").in_japanese(
            "文法にはモデルの語彙が要りますが、ここにはありません"
        )
    constraint = constraint_of(origin.settings)
    assert constraint is not None
    return constraint_stage(origin.vocab, *constraint)


def _end_tokens(origin: Origin) -> Stage:
    """Where nobody knows what ends a reply, nothing does."""
    texts, settings = origin.around.texts, origin.settings
    ends = () if texts is None else end_tokens(texts)
    return EndTokensStage(ends, None if settings.ignore_eos else settings.min_tokens)


def _thinking_budget(origin: Origin) -> Stage:
    made = BudgetStage(origin.around.texts, origin.thinking, origin.settings.thinking_budget)
    made.begin(origin.prompt)
    return made


#: How the stages are made that come before those of the order.
_FIRST_BUILDERS: Final[dict[str, Callable[[Origin], Stage]]] = {
    "thinking_budget": _thinking_budget,
    "guidance": lambda origin: GuidanceStage(origin.settings.guidance_scale),
    "logit_bias": _bias,
    "grammar": _grammar,
    "heal_tokens": lambda origin: HealStage(origin.around.texts, origin.healing),
    "end_tokens": _end_tokens,
    "banned_texts": lambda _: BannedTextsStage(),
}


def seen(name: str, origin: Origin) -> tuple[int, ...]:
    """The prompt's tokens that a stage gets to see; of a long prompt it needs what its window can hold."""
    if not (ROWS[name].looks_back and origin.settings.penalize_prompt):
        return ()
    if name not in WINDOWS:
        return origin.prompt
    window = getattr(origin.settings, WINDOWS[name])
    return origin.counted(origin.prompt)[-window:] if window else ()


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
        reads += [origin.n_vocab, origin.vocab, cast(Hashable, origin.texts)]
    if name == "thinking_budget":
        reads += [origin.thinking, origin.prompt]
    if name == "heal_tokens":
        reads.append(origin.healing)
    if row.looks_back:
        reads += [seen(name, origin), settings.penalize_except if name in WINDOWS else ()]
    return tuple(reads)
