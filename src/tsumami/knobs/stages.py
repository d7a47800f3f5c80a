"""The stages of a chain: one row a stage, in the classic order.

Guarantee: whatever depends on what a stage is like (where it acts, whether it cuts, how far it looks back) reads it
here. So a new stage is a row, a builder (`tsumami.sampling.stages.BUILDERS`) and what it does to bounds
(`tsumami.boundaries.through.THROUGH`), besides the knobs that name it as theirs.

Source of the order: llama.cpp and llama-cpp-python of January 2024, newer stages placed where llama.cpp places them,
and those that it has not beside their kin. The names are llama.cpp's own (`common_sampler_type_to_str`), plus `tfs_z`,
which llama.cpp had until #10071, and those of stages of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

__all__ = [
    "FOLLOWING",
    "HEED_MIN_KEEP",
    "LOOKING_BACK",
    "NO_STAGE",
    "ROLLING",
    "ROWS",
    "WINDOWS",
    "Leaves",
    "Mode",
    "StageRow",
    "row_of",
]

Mode = Literal["sample", "greedy", "mirostat", "adaptive", "contrastive"]
"""How the next token is chosen; see `tsumami.settings.Settings.mode`."""

Leaves = Literal["largest", "typical", "all_but_best"]
"""What a stage that cuts leaves: the largest logits, those of a typical surprise, or all but the best."""

_EVERY: Final[frozenset[Mode]] = frozenset({"sample", "greedy", "mirostat", "adaptive", "contrastive"})
_SAMPLE: Final[frozenset[Mode]] = frozenset({"sample", "adaptive"})

ROLLING: Final[frozenset[Mode]] = frozenset({"sample", "mirostat", "adaptive"})
"""The ways to choose in which the roll decides."""

FOLLOWING: Final[frozenset[Mode]] = frozenset({"mirostat", "adaptive"})
"""Those that follow what they have chosen, so they cannot begin in the middle of a reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """One stage: the facts about it that others go by. Its knobs are those whose row names it (`knobs.knobs_of`)."""

    name: str
    modes: frozenset[Mode] = _SAMPLE
    """The ways to choose in which it acts; in the others it is a no-op."""
    reads: Mapping[Mode, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """In a mode that is named here it reads only these of its knobs."""
    ordered: bool = True
    """Whether the `samplers` order names it; the others have a place of their own."""
    wanted_by: tuple[str, ...] = ()
    """The knobs that bring it into a chain: one of them has to be away from its neutral value. A stage without any is
    always there, as a visible no-op if need be."""
    in_llama_cpp: bool = True
    """Whether llama.cpp has it, or still has it."""

    cuts_by: tuple[str, ...] = ()
    """The knobs that decide how many candidates it leaves, the one that is turned to keep a token first; a stage
    without any leaves all of them."""
    leaves: Leaves = "largest"
    keeps_all: float | None = None
    """The value of its first cutting knob at which it keeps everything; None: larger ones keep more, without an end."""
    last_that_acts: Mapping[str, float] = field(default_factory=dict, hash=False)
    """The largest value of a knob with which it can still do something."""
    switches: Mapping[str, tuple[float, ...]] = field(default_factory=dict, hash=False)
    """Values, beside a knob's neutral one, at which the chain is another (llama-sampler.cpp's `_init` functions)."""
    heeds_min_keep: bool = False
    masks: bool = False
    """Whether what it cuts stays in the list, at -inf."""
    bans: bool = False
    """Whether it takes tokens out whatever their probability, the last one too."""

    looks_back: bool = False
    """Whether it depends on the tokens before."""
    window: str | None = None
    """The knob that says how far it looks back; None: to the beginning, if it does."""
    own_roll: bool = False
    """Whether it takes numbers from a generator of its own, made from the seed."""
    needs_vocabulary: bool = False
    """Whether it is made for one vocabulary."""


def _cutting(knob: str, *, keeps_all: float, heeds_min_keep: bool = False) -> StageRow:
    """A stage that came later: named like its only knob, and there only where that is turned."""
    return StageRow(
        name=knob,
        in_llama_cpp=False,
        wanted_by=(knob,),
        cuts_by=(knob,),
        keeps_all=keeps_all,
        heeds_min_keep=heeds_min_keep,
    )


_ALL: Final = (
    StageRow(
        name="guidance",
        modes=_EVERY - {"contrastive"},
        ordered=False,
        in_llama_cpp=False,
        wanted_by=("guidance_scale",),
    ),
    StageRow(
        name="thinking_budget",
        modes=_EVERY,
        ordered=False,
        in_llama_cpp=False,
        wanted_by=("thinking_budget",),
        bans=True,
        needs_vocabulary=True,
    ),
    StageRow(
        name="logit_bias", modes=_EVERY, ordered=False, wanted_by=("logit_bias", "text_bias"), needs_vocabulary=True
    ),
    StageRow(
        name="grammar",
        modes=_EVERY,
        ordered=False,
        wanted_by=("grammar", "json_schema", "regex"),
        needs_vocabulary=True,
    ),
    StageRow(
        name="heal_tokens",
        modes=_EVERY,
        ordered=False,
        in_llama_cpp=False,
        wanted_by=("heal_tokens",),
        bans=True,
        needs_vocabulary=True,
    ),
    StageRow(
        name="end_tokens",
        modes=_EVERY,
        ordered=False,
        in_llama_cpp=False,
        wanted_by=("min_tokens", "ignore_eos"),
        bans=True,
        needs_vocabulary=True,
    ),
    StageRow(
        name="banned_texts",
        modes=_EVERY,
        ordered=False,
        in_llama_cpp=False,
        wanted_by=("banned_texts",),
        bans=True,
    ),
    StageRow(name="penalties", modes=_EVERY, looks_back=True, window="repeat_last_n", needs_vocabulary=True),
    StageRow(
        name="dry",
        modes=_EVERY - {"mirostat"},
        switches={"dry_base": (1.0,)},
        looks_back=True,
        window="dry_penalty_last_n",
        needs_vocabulary=True,
    ),
    StageRow(
        name="no_repeat_ngram",
        modes=_EVERY,
        in_llama_cpp=False,
        wanted_by=("no_repeat_ngram_size",),
        bans=True,
        looks_back=True,
    ),
    StageRow(name="top_n_sigma", cuts_by=("top_n_sigma",), masks=True),
    StageRow(name="top_k", cuts_by=("top_k",)),
    StageRow(name="tfs_z", in_llama_cpp=False, cuts_by=("tfs_z",), keeps_all=1.0, heeds_min_keep=True),
    StageRow(name="typ_p", cuts_by=("typical_p",), leaves="typical", keeps_all=1.0, heeds_min_keep=True),
    _cutting("epsilon_cutoff", keeps_all=0.0, heeds_min_keep=True),
    _cutting("eta_cutoff", keeps_all=0.0, heeds_min_keep=True),
    StageRow(name="top_p", cuts_by=("top_p",), keeps_all=1.0, heeds_min_keep=True),
    StageRow(name="min_p", cuts_by=("min_p",), keeps_all=0.0, heeds_min_keep=True),
    _cutting("top_a", keeps_all=0.0, heeds_min_keep=True),
    _cutting("top_h", keeps_all=1.0),
    StageRow(
        name="xtc",
        cuts_by=("xtc_threshold", "xtc_probability"),
        leaves="all_but_best",
        keeps_all=1.0,
        last_that_acts={"xtc_threshold": 0.5},  # two tokens cannot both have more
        heeds_min_keep=True,
        own_roll=True,
    ),
    StageRow(
        name="smoothing",
        in_llama_cpp=False,
        wanted_by=("smoothing_factor",),
        switches={"smoothing_curve": (3.0,)},  # beyond it, what was sorted is not any more
    ),
    StageRow(
        name="temperature",
        modes=_SAMPLE | {"mirostat"},
        reads={"mirostat": ("temperature",)},
        switches={"temperature": (0.0,)},  # another way to choose
    ),
    StageRow(name="mirostat", modes=frozenset({"mirostat"}), ordered=False),
    StageRow(name="adaptive", modes=frozenset({"adaptive"}), ordered=False),
    StageRow(name="contrastive", modes=frozenset({"contrastive"}), ordered=False),
)

ROWS: Final[Mapping[str, StageRow]] = MappingProxyType({one.name: one for one in _ALL})
"""Every stage by name: what comes first, the classic order, and the three that choose the token themselves."""

NO_STAGE: Final = StageRow(name="", modes=frozenset(), ordered=False)
"""Stands for what is no stage of a chain: the loop, the draw, the order."""

HEED_MIN_KEEP: Final = tuple(one.name for one in _ALL if one.heeds_min_keep)
"""The stages that leave at least `min_keep` candidates."""

WINDOWS: Final[Mapping[str, str]] = MappingProxyType({one.name: one.window for one in _ALL if one.window is not None})
"""The stages that look back at the last tokens, each with the knob that says how far."""

LOOKING_BACK: Final = tuple(one.name for one in _ALL if one.looks_back)
"""The stages that depend on the tokens before."""


def row_of(stage: str | None) -> StageRow:
    """The row of a stage; `NO_STAGE` for any other name that a knob may have there."""
    return ROWS.get(stage or "", NO_STAGE)
