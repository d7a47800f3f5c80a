"""Which knobs do nothing under the others, and why.

Guarantee: as long as the other knobs stay, an idle knob can be moved without changing any token, or cannot be moved at
all because it is a second way to do what another knob already does. So a page may grey it and show the reason. A knob
at its neutral value is not idle, since moving it does something; and of two knobs that switch each other off one stays
free, so that nobody is locked out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from tsumami.knobs import CONSTRAINTS, KNOBS, STAGES, Mode, knobs_of
from tsumami.knobs.stages import HEED_MIN_KEEP, LOOKING_BACK, ROWS, row_of

__all__ = ["NOT_ASKED", "NO_THINKING", "IdleReason", "KnobValues", "Mode", "idle_knobs"]


class KnobValues(Protocol):
    """What the rules below read of `Settings`: the knobs that make others idle, and what follows from them."""

    @property
    def mode(self) -> Mode: ...

    @property
    def chain_order(self) -> tuple[str, ...]: ...

    @property
    def top_k(self) -> int: ...

    @property
    def top_p(self) -> float: ...

    @property
    def min_p(self) -> float: ...

    @property
    def typical_p(self) -> float: ...

    @property
    def tfs_z(self) -> float: ...

    @property
    def repeat_last_n(self) -> int: ...

    @property
    def dynatemp_range(self) -> float: ...

    @property
    def no_repeat_ngram_size(self) -> int: ...

    @property
    def ignore_eos(self) -> bool: ...

    @property
    def stop(self) -> tuple[str, ...]: ...

    @property
    def guidance_scale(self) -> float: ...

    @property
    def smoothing_factor(self) -> float: ...

    @property
    def xtc_probability(self) -> float: ...

    @property
    def xtc_threshold(self) -> float: ...

    @property
    def dry_multiplier(self) -> float: ...

    @property
    def dry_penalty_last_n(self) -> int: ...

    @property
    def grammar(self) -> str | None: ...

    @property
    def json_schema(self) -> str | None: ...

    @property
    def regex(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class IdleReason:
    """Why a knob does nothing: the knobs that decide it, and a sentence in each language."""

    because: tuple[str, ...]
    ja: str
    en: str


_Finding = tuple[Iterable[str], IdleReason]

_CUTTING = {name for row in ROWS.values() for name in row.cuts_by}
_SHARED = ("penalize_prompt", "penalize_except")
_PENALTIES = ("frequency_penalty", "presence_penalty", "repeat_penalty")
#: What a way to choose reads besides its stages and the loop around them.
_READ_BESIDES: Mapping[Mode, tuple[str, ...]] = {
    "sample": (),
    "contrastive": ("samplers", "top_k"),
    "greedy": ("samplers", "penalty_alpha", "temperature"),
    "mirostat": ("seed",),
    "adaptive": (),
}


def idle_knobs(settings: KnobValues) -> dict[str, IdleReason]:
    """The idle knobs with their reasons, in the table's order. The first reason that applies is given."""
    found: dict[str, IdleReason] = {}
    rules = (_by_mode, _left_out, _under_top_k_1, _penalties, _dry, _xtc, _singles, _min_keep)
    for rule in rules:
        for names, reason in rule(settings):
            for name in names:
                found.setdefault(name, reason)
    return {name: found[name] for name in KNOBS if name in found}


def _of_stages(*stages: str) -> tuple[str, ...]:
    """The knobs that belong to these stages alone; of those that are shared `_penalties` judges."""
    return tuple(name for name in knobs_of(*stages) if name not in _SHARED)


def _by_mode(settings: KnobValues) -> Iterator[_Finding]:
    """What each way to choose the token leaves unused, whatever the values are."""
    mode = settings.mode
    if mode in ("sample", "adaptive"):
        yield [name for name in knobs_of("mirostat") if name != "mirostat_mode"], _MIROSTAT_OFF
        yield ("adaptive_decay",) if mode == "sample" else (), _ADAPTIVE_OFF
        return
    acting = {*knobs_of("loop", "prompt"), "thinking_settings", *_READ_BESIDES[mode]}
    for stage in ROWS.values():
        acting.update(stage.reads.get(mode, knobs_of(stage.name)) if mode in stage.modes else ())
    yield [name for name in KNOBS if name not in acting], _BY_MODE[mode]


def _left_out(settings: KnobValues) -> Iterator[_Finding]:
    """Stages that the order does not name, but what greedy and contrastive search read without a stage."""
    if settings.mode == "mirostat":
        return
    brought = {KNOBS[name].stage for name in _READ_BESIDES[settings.mode]}
    for stage in STAGES:
        if stage in settings.chain_order or stage in brought:
            continue
        reason = IdleReason(
            ("samplers",),
            f"samplers の順序に {stage} が入っていないため、このステージは実行されません。",
            f"The order in samplers does not name {stage}, so this stage does not run.",
        )
        # a temperature of 0 is another way to choose, whether there is such a stage or not
        yield [name for name in _of_stages(stage) if name != "temperature"], reason


def _under_top_k_1(settings: KnobValues) -> Iterator[_Finding]:
    """top_k 1 leaves one candidate: nothing after it has a choice, and before it only what can change the best acts."""
    order = settings.chain_order
    if settings.mode not in ("sample", "adaptive") or settings.top_k != 1 or "top_k" not in order:
        return
    at = order.index("top_k")
    last_dropper = max((i for i in range(at) if _may_drop_the_best(settings, order[i])), default=-1)
    keeps_best = [s for s in order[last_dropper + 1 : at] if s not in LOOKING_BACK and row_of(s).leaves == "largest"]
    idle = {*_of_stages("adaptive", *(s for s in order[at + 1 :] if not row_of(s).bans), *keeps_best)}
    if last_dropper >= 0 or any(stage in LOOKING_BACK for stage in order[at + 1 :]):
        idle.discard("temperature")  # at 0 the greedy mode would pass over those stages, or run these
    if not _narrows(settings, "xtc") or "xtc" not in order[:at]:
        idle.add("seed")
    if last_dropper < 0:
        idle.add("min_keep")
    yield idle, _TOP_K_1


def _may_drop_the_best(settings: KnobValues, stage: str) -> bool:
    row = row_of(stage)
    if row.bans:
        return any(getattr(settings, name) != KNOBS[name].neutral for name in row.wanted_by)
    return row.leaves != "largest" and _narrows(settings, stage)


def _penalties(settings: KnobValues) -> Iterator[_Finding]:
    neutral = all(getattr(settings, name) == KNOBS[name].neutral for name in _PENALTIES)
    if settings.repeat_last_n == 0:
        yield _PENALTIES, _NO_WINDOW
    elif neutral:
        yield ("repeat_last_n",), _PENALTIES_NEUTRAL
    counts = _counts(settings, neutral=neutral)
    if not counts and not (settings.no_repeat_ngram_size > 0 and "no_repeat_ngram" in settings.chain_order):
        yield ("penalize_prompt",), _NO_HISTORY
    if not counts:
        yield ("penalize_except",), _NOTHING_COUNTS


def _counts(settings: KnobValues, *, neutral: bool) -> bool:
    """Whether the penalties or DRY act."""
    order = settings.chain_order
    if settings.mode in ("sample", "adaptive") and settings.top_k == 1 and "top_k" in order:
        order = order[: order.index("top_k")]
    penalties = (settings.mode == "mirostat" or "penalties" in order) and settings.repeat_last_n > 0 and not neutral
    dry = settings.mode != "mirostat" and "dry" in order
    return penalties or (dry and settings.dry_multiplier > 0 and settings.dry_penalty_last_n > 0)


def _dry(settings: KnobValues) -> Iterator[_Finding]:
    if settings.dry_multiplier == 0:
        yield [name for name in _of_stages("dry") if name != "dry_multiplier"], _DRY_OFF
    elif settings.dry_penalty_last_n == 0:
        yield [name for name in _of_stages("dry") if name != "dry_penalty_last_n"], _DRY_NO_WINDOW


def _xtc(settings: KnobValues) -> Iterator[_Finding]:
    if settings.xtc_probability == 0:
        yield ("xtc_threshold",), _XTC_OFF
    elif settings.xtc_threshold > ROWS["xtc"].last_that_acts["xtc_threshold"]:
        yield ("xtc_probability",), _XTC_TOO_HIGH


def _singles(settings: KnobValues) -> Iterator[_Finding]:
    """Knobs that one other knob makes idle."""
    if settings.dynatemp_range == 0:
        yield ("dynatemp_exponent",), _DYNATEMP_OFF
    if settings.ignore_eos and not settings.stop:
        yield ("min_tokens",), _NEVER_ENDS
    if settings.guidance_scale == 1:
        yield ("negative_prompt",), _NO_GUIDANCE
    if any(getattr(settings, name) is not None for name in _CONSTRAINT_SET):
        yield ("heal_tokens",), _CONSTRAINED
    if settings.smoothing_factor == 0:
        yield ("smoothing_curve",), _SMOOTHING_OFF
    if settings.top_k < 2:
        yield ("penalty_alpha",), _ALPHA_NEEDS_K
    for name, reason in _CONSTRAINT_SET.items():
        if getattr(settings, name) is not None:
            yield tuple(other for other in _CONSTRAINT_SET if other != name), reason


def _min_keep(settings: KnobValues) -> Iterator[_Finding]:
    """min_keep is heeded by the stages that cut by probability; top_k and top_n_sigma do not read it."""
    if not any(stage in settings.chain_order and _narrows(settings, stage) for stage in HEED_MIN_KEEP):
        yield ("min_keep",), _NOTHING_TO_KEEP


def _narrows(settings: KnobValues, stage: str) -> bool:
    """Whether this stage, where it runs, can remove a candidate."""
    cuts_by, last = row_of(stage).cuts_by, row_of(stage).last_that_acts
    values = {name: getattr(settings, name) for name in cuts_by}
    return bool(values) and all(
        value != KNOBS[name].neutral and value <= last.get(name, value) for name, value in values.items()
    )


_CONTRASTIVE = IdleReason(
    ("penalty_alpha",),
    "コントラスティブサーチ中（penalty_alpha が 0 より大きい）です。"
    "上位 top_k 個のうちスコアが最大のトークンを選ぶので、"
    "乱数もほかの絞り込みも使いません。",
    "Contrastive search is on (penalty_alpha above 0): it takes the best score among the top_k tokens, without a draw"
    " and without other narrowing.",
)
_GREEDY = IdleReason(
    ("temperature",),
    "温度が 0（貪欲法）なので、つねにロジットが最大のトークンを選びます。"
    "働くのはペナルティ、DRY、ガイダンス、禁止とロジットバイアス、文法だけです。",
    "At temperature 0 (greedy) the largest logit always wins; only penalties, DRY, guidance, bans, logit bias and"
    " grammar act.",
)
_MIROSTAT_ON = IdleReason(
    ("mirostat_mode",),
    "Mirostat がオンなので、候補の絞り込みは Mirostat に任されます。"
    "ほかに働くのはペナルティ、温度、ガイダンス、禁止とロジットバイアス、文法だけです。",
    "With mirostat on, mirostat does the narrowing; besides it only penalties, temperature, guidance, bans, logit bias"
    " and grammar act.",
)
_BY_MODE: Mapping[Mode, IdleReason] = {
    "contrastive": _CONTRASTIVE,
    "greedy": _GREEDY,
    "mirostat": _MIROSTAT_ON,
}
_MIROSTAT_OFF = IdleReason(
    ("mirostat_mode",),
    "mirostat_mode が 0（オフ）なので、Mirostat の値は使われません。",
    "mirostat_mode is 0 (off), so mirostat's values are not used.",
)
_ADAPTIVE_OFF = IdleReason(
    ("adaptive_target",),
    "adaptive_target が負（オフ）なので、減衰は使われません。",
    "adaptive_target is below 0 (off), so its decay is not used.",
)
_TOP_K_1 = IdleReason(
    ("top_k",),
    "top_k が 1 なので候補は 1 個しか残らず、選ぶ余地がありません。",
    "top_k is 1, so one candidate is left and there is nothing to choose.",
)
_NO_WINDOW = IdleReason(
    ("repeat_last_n",),
    "repeat_last_n が 0 なので、ペナルティの対象になるトークンがありません。",
    "repeat_last_n is 0, so the penalties look back at no token.",
)
_PENALTIES_NEUTRAL = IdleReason(
    _PENALTIES,
    "3 つのペナルティがどれも中立の値なので、どこまでさかのぼっても何も変わりません。",
    "All three penalties are neutral, so it does not matter how far they look back.",
)
_NO_HISTORY = IdleReason(
    (*_PENALTIES, "repeat_last_n", "dry_multiplier", "no_repeat_ngram_size"),
    "ペナルティも DRY も n-gram の禁止も働いていないので、過去のトークンを見るものがありません。",
    "Neither the penalties nor DRY nor no_repeat_ngram_size act, so nothing looks back at earlier tokens.",
)
_NOTHING_COUNTS = IdleReason(
    (*_PENALTIES, "repeat_last_n", "dry_multiplier"),
    "ペナルティも DRY も働いていないので、数えないトークンを決めても何も変わりません。",
    "Neither the penalties nor DRY act, so it does not matter which tokens they do not count.",
)
_DRY_OFF = IdleReason(
    ("dry_multiplier",),
    "dry_multiplier が 0 なので、DRY はオフです。",
    "dry_multiplier is 0, so DRY is off.",
)
_DRY_NO_WINDOW = IdleReason(
    ("dry_penalty_last_n",),
    "dry_penalty_last_n が 0 なので、DRY が繰り返しを探す範囲がありません。",
    "dry_penalty_last_n is 0, so DRY has no tokens to search for repeats.",
)
_XTC_OFF = IdleReason(
    ("xtc_probability",),
    "xtc_probability が 0 なので、XTC は発動しません。",
    "xtc_probability is 0, so XTC never fires.",
)
_XTC_TOO_HIGH = IdleReason(
    ("xtc_threshold",),
    "xtc_threshold が 0.5 を超えています。"
    "確率 0.5 を超えるトークンは同時に 2 個ありえないので、XTC は何も除外しません。",
    "xtc_threshold is above 0.5, which two tokens can never reach together, so XTC removes nothing.",
)
_DYNATEMP_OFF = IdleReason(
    ("dynatemp_range",),
    "dynatemp_range が 0 なので温度は一定で、指数は使われません。",
    "dynatemp_range is 0: the temperature is fixed and the exponent is not used.",
)
_NEVER_ENDS = IdleReason(
    ("ignore_eos",),
    "ignore_eos がオンで停止文字列もないので、どのみち終了トークンでは終わりません。",
    "ignore_eos is on and there is no stop text, so the reply never ends by itself anyway.",
)
_CONSTRAINED = IdleReason(
    ("grammar", "json_schema", "regex"),
    "文法か JSON スキーマか正規表現が返事を最初のトークンから決めるので、プロンプトの末尾は取り戻しません。",
    "A grammar, a JSON schema or a regex governs the reply from its first token on, so nothing of the prompt is taken"
    " back.",
)
_NO_GUIDANCE = IdleReason(
    ("guidance_scale",),
    "guidance_scale が 1 なので、否定プロンプトは使われません。",
    "guidance_scale is 1, so the negative prompt is not used.",
)
_SMOOTHING_OFF = IdleReason(
    ("smoothing_factor",),
    "smoothing_factor が 0 なので、スムージングはオフです。",
    "smoothing_factor is 0, so smoothing is off.",
)
NO_THINKING = IdleReason(
    (),
    "このモデルのテンプレートと語彙には考える部分の印がないので、何もしません。",
    "Neither this model's template nor its vocabulary marks any thinking, so it does nothing.",
)
NOT_ASKED = IdleReason(
    (),
    "プロンプトを作るチャットテンプレートが enable_thinking を読まないので、切り替えても何も変わりません。",
    "No chat template that asks for enable_thinking makes the prompt, so this switches nothing.",
)
_ALPHA_NEEDS_K = IdleReason(
    ("top_k",),
    "コントラスティブサーチは上位 top_k 個を比べる方法なので、top_k を 2 以上にすると使えます。",
    "Contrastive search compares the top_k best tokens: set top_k to 2 or more to use it.",
)
_CONSTRAINT_SET = {
    name: IdleReason(
        (name,),
        f"{name} が設定されています。grammar、json_schema、regex は同時に使えません。どれか一つにしてください。",
        f"{name} is set; grammar, json_schema and regex are three ways to say one thing, so only one can be used.",
    )
    for name in CONSTRAINTS
}
_HEEDING = tuple(name for name in knobs_of(*HEED_MIN_KEEP) if name in _CUTTING and KNOBS[name].neutral is not None)
_NOTHING_TO_KEEP = IdleReason(
    _HEEDING,
    f"min_keep を参照する絞り込み（{'、'.join(_HEEDING)}）がどれも働いていません。",
    f"None of the stages that heed min_keep ({', '.join(_HEEDING)}) narrows anything.",
)
