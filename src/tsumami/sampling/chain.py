"""The chain: ordered stages, then a choice.

Guarantee: same settings, same seed, same logits, same token as a llama.cpp chain built from the same samplers, and one
roll per token (draw.py). Running the whole chain is two lines (`Chain.choose`); which stages there are is decided in
building.py.

Five ways to choose (`Settings.mode`): `greedy` (temperature 0: the largest logit after bias, grammar and penalties),
`mirostat` (penalties, temperature, mirostat, which also chooses), `contrastive` (bias, grammar and penalties only; the
choice needs the model and is made in runs/contrastive.py), `adaptive` (all stages in their order, and a choice of its
own: adaptive.py), and otherwise `sample`: all stages in their order, then the
draw.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tsumami import native
from tsumami.errors import DeadEndError, SettingsError
from tsumami.knobs.stages import FOLLOWING, ROWS, row_of
from tsumami.native import Float32Array
from tsumami.sampling.building import Origin, build, is_there, places, seen, stage_names, stage_reads
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.choosers import Chooser, chooser_reads, make_chooser
from tsumami.sampling.constraint import ConstraintStage
from tsumami.sampling.draw import Pick
from tsumami.sampling.guidance import GuidanceStage, GuidedRow
from tsumami.sampling.head import Head
from tsumami.sampling.healing import HealStage
from tsumami.sampling.measure import Summit
from tsumami.sampling.ranks import RankedStages
from tsumami.sampling.removals import BannedTextsStage
from tsumami.sampling.stages import BUILDERS, Stage, Surroundings, XtcStage
from tsumami.sampling.thinking import LOOKED_AT, BudgetStage, ThinkingMarks, ThinkingPlace
from tsumami.sampling.token_texts import TokenTexts
from tsumami.settings import Settings

#: Called after each stage with its name, why it is idle (or None), and the candidates it left.
Watch = Callable[[str, str | None, Candidates], None]


def effective_seed(settings: Settings) -> int:
    """The seed that is really used: the given one, or a fresh random one if it is below 0."""
    return settings.seed if settings.seed >= 0 else secrets.randbelow(2**31)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a chain chose, the final candidates with their probabilities in the `p` field, and the summit of the raw row
    if the chain has looked for it; `set_by`: the stage that put the token there, whatever was likely. A greedy choice
    may hold the first of its candidates alone; then `n_left` says how many there were to choose from.
    """

    pick: Pick
    candidates: Candidates
    near: Summit | None = None
    set_by: str | None = None
    n_left: int | None = None

    @property
    def n_candidates(self) -> int:
        """How many tokens there were to choose from (those masked to -inf cannot come)."""
        if self.n_left is not None:
            return self.n_left
        return int(np.count_nonzero(self.candidates.data["logit"] > -np.inf))


class Chain:
    """Stages with their state, and the choice at the end. One chain serves one run; `clone()` it for a fork.

    `origin` and `reply` (the tokens accepted since the prompt) say how it got there, so that `carried` can make the
    chain that other settings would have in the same place.
    """

    def __init__(self, stages: Sequence[Stage], chooser: Chooser, origin: Origin, reply: Iterable[int] = ()) -> None:
        self.stages = tuple(stages)
        self.origin = origin
        self.reply = list(reply)
        self._chooser = chooser
        self._find_ways()
        self._healing = next((one for one in self.stages if isinstance(one, HealStage) and one.idle is None), None)
        self._whole = origin.settings
        self._place = ThinkingPlace(origin.thinking) if origin.thinking is not None else None

    def _find_ways(self) -> None:
        """Look for ways in which the stages need not touch every token of a vocabulary."""
        greedy = self.origin.settings.mode == "greedy"
        self._head = Head.of(self.stages)
        self._first = Head.of_largest(self.stages) if greedy else None
        self._ranked = RankedStages.of(self.stages)
        self._budgets = [stage for stage in self.stages if isinstance(stage, BudgetStage)]

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        seed: int,
        n_vocab: int,
        vocab: native.Vocab | None = None,
        n_ctx: int | None = None,
        texts: TokenTexts | None = None,
        thinking: ThinkingMarks | None = None,
        healing: bytes = b"",
    ) -> Chain:
        """Build the chain of `settings`; `seed` is the effective one (never below 0). `n_ctx`: how many tokens there
        can be in all, so that no window takes memory for more. `texts`: whom to ask about the texts of tokens, if that
        is not `vocab`. `thinking`: how the model marks its thinking. `healing`: what the reply has to begin with.
        """
        origin = Origin(settings, seed, n_vocab, vocab, n_ctx=n_ctx, texts=texts, thinking=thinking, healing=healing)
        return cls([build(name, origin) for name in stage_names(settings)], make_chooser(origin), origin)

    @classmethod
    def carried(cls, origin: Origin, *sources: Chain) -> Chain:
        """The chain of `origin` in the place that `sources` have reached, which is the same reply for all of them.

        Each stage, and the choice, comes with its memory from the first source that has the very same. What none has is
        built anew, is shown the same tokens, and rolls on from where the first source stands.

        Raises:
            SettingsError: the memory cannot be had: mirostat, adaptive-p, or a grammar, that no source has had from the
            start.
        """
        reply, place = sources[0].reply, sources[0]._place
        whole = origin.settings
        origin = replace(origin, settings=_now(whole, place))
        stages = [
            next((found for source in sources if (found := source._carry(name, origin))), None)
            or _anew(name, origin, sources[0])
            for name in stage_names(origin.settings)
        ]
        chooser = next((s._chooser for s in sources if chooser_reads(s.origin) == chooser_reads(origin)), None)
        if chooser is None:
            chooser = make_chooser(origin)
            chooser.skip(len(reply))
        else:
            chooser = chooser.clone()
        return cls(stages, chooser, origin, reply)._in(whole, place)

    def _in(self, whole: Settings, place: ThinkingPlace | None) -> Chain:
        """The same, where a reply of these settings has come to this place."""
        self._whole, self._place = whole, place
        return self

    def _go_to(self, place: ThinkingPlace) -> None:
        """The reply begins to think, or has ended it: other knobs may hold from here on."""
        before, self._place = self._place, place
        same = before is not None and (before.part == "inside") == (place.part == "inside")
        if same or self._whole.thinking_settings is None:
            return
        made = Chain.carried(replace(self.origin, settings=self._whole), self)
        self.stages, self.origin, self._chooser = made.stages, made.origin, made._chooser
        self._find_ways()

    def variant(self, settings: Settings) -> Chain:
        """The chain that other settings would have in this place: same history, same roll (see `carried`)."""
        return Chain.carried(replace(self.origin, settings=settings), self)

    def _carry(self, name: str, origin: Origin) -> Stage | None:
        """A copy of this chain's stage of that name, if a chain of `origin` would have the same in this place."""
        for stage in self.stages:
            if stage.name == name:
                return stage.clone() if stage_reads(name, self.origin) == stage_reads(name, origin) else None
        return None

    @property
    def remembers_rows(self) -> bool:
        """Whether its state depends on the logits it has seen, not on the tokens alone: mirostat's mu, XTC's roll, the
        mean that adaptive_target follows.
        """
        rolled = any(row_of(stage.name).own_roll and stage.idle is None for stage in self.stages)
        if self._place is not None:
            rolled = rolled or self._whole.xtc_probability > 0 or self._whole.while_thinking.xtc_probability > 0
        return rolled or self.origin.settings.mode in FOLLOWING

    @property
    def absolute(self) -> bool:
        """Whether a stage asks for the logits themselves, and not for their differences alone."""
        return self._whole.repeat_penalty != 1 or self._whole.while_thinking.repeat_penalty != 1

    @property
    def removed(self) -> frozenset[int]:
        """The tokens that were taken back in this place, because they began a banned text."""
        return next((stage.removed for stage in self.stages if isinstance(stage, BannedTextsStage)), frozenset())

    def remove(self, tokens: Iterable[int]) -> None:
        """Take these, and no others, out of the choice in this place: each began a banned text."""
        for stage in self.stages:
            if isinstance(stage, BannedTextsStage):
                stage.removed = frozenset(tokens)

    @property
    def complete(self) -> bool | None:
        """Whether the reply matches its grammar as it stands; None if nothing constrains it."""
        return next((stage.complete for stage in self.stages if isinstance(stage, ConstraintStage)), None)

    def guide(self, row: Float32Array) -> None:
        """Take the second row for guidance from a row that has one."""
        for stage in self.stages:
            if isinstance(stage, GuidanceStage):
                stage.other = row.other if isinstance(row, GuidedRow) else None

    def begin(self, row: Float32Array) -> Candidates:
        """The candidates of a row as the first stage gets them, all stages ready for this place."""
        self.guide(row)
        return Candidates.from_row(row)

    def follow(self, tokens: Iterable[int]) -> None:
        """Go on past tokens that were chosen before: every stage takes note, and one roll passes for each.

        It leaves the state in which choosing them would have left it, unless the chain `remembers_rows`.
        """
        before = len(self.reply)
        for token in tokens:
            self.accept(token)
        self._chooser.skip(len(self.reply) - before)

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
        return self._left(row, self._look(row) if watch is None else None, watch)

    def _look(self, row: Float32Array) -> Summit | None:
        return self._head.look(row) if self._head is not None else None

    def _left(self, row: Float32Array, near: Summit | None, watch: Watch | None) -> Candidates:
        """What all stages leave, by way of the row's head (head.py) where its summit was found and tells, or of
        ranks (ranks.py).
        """
        candidates = self._head.cut(row, near) if self._head is not None and near is not None else None
        if self._head is not None and candidates is not None:
            for stage in self._head.rest:
                stage.apply(candidates)
        elif self._ranked is not None and watch is None:
            candidates = self._ranked.take(row)
        if candidates is None:
            candidates = self.begin(row)
            if watch is not None:
                watch("model", None, candidates)
            self.apply(candidates, watch)
        if candidates.data["logit"].max() == -np.inf:
            raise DeadEndError("the grammar, logit_bias or banned_texts forbids every token").in_japanese(
                "文法か logit_bias か banned_texts が、すべてのトークンを禁じています"
            )
        return candidates

    def choose(self, row: Float32Array, watch: Watch | None = None) -> Choice:
        """The next token for a row of logits, shape (n_vocab,). Call `accept` with the token afterwards.

        Raises:
            DeadEndError: every candidate is forbidden.
        """
        first = self._choose_first(row) if watch is None else None
        if first is not None:
            return first
        near = self._look(row) if watch is None else None
        candidates = self._left(row, near, watch)
        pick = self.pick(candidates)
        if watch is not None and self.origin.settings.mode in FOLLOWING:
            watch(self.origin.settings.mode, None, candidates)
        return Choice(pick, candidates, near, self.set_by)

    def _choose_first(self, row: Float32Array) -> Choice | None:
        """A greedy choice from the two largest; None if there are equals, or more than logits in the row."""
        near = self._first.look(row) if self._first is not None and type(row) is np.ndarray else None
        candidates = self._first.cut(row, near) if self._first is not None and near is not None else None
        if self._first is None or candidates is None:
            return None
        return Choice(self.pick(candidates), candidates, near, self.set_by, self._first.n_left(row))

    @property
    def set_by(self) -> str | None:
        """The stage that puts the next token there, whatever is likely; None: it is chosen."""
        return next((stage.name for stage in self._budgets if stage.next_token is not None), None)

    def peek(self, candidates: Candidates) -> Pick:
        """What the choice would make of these final candidates here; its roll stays unused."""
        return self._chooser.clone().pick(candidates)

    def pick(self, candidates: Candidates) -> Pick:
        """Choose one of the candidates that the stages left; the roll is used."""
        return self._chooser.pick(candidates)

    def chooses_like(self, other: Chain) -> bool:
        """Whether both choose in the same way with the same roll, if they have come to the same place."""
        return chooser_reads(self.origin) == chooser_reads(other.origin)

    def accept(self, token: int) -> None:
        """Tell every stage which token came next."""
        for stage in self.stages:
            stage.accept(token)
        self._chooser.accept(token)
        self.reply.append(token)
        if self._healing is not None and self._healing.idle is not None:
            self._healing = None  # from here on it is as if there were none
            self._find_ways()
        texts = self.origin.around.texts
        if self._place is not None and self._place.part != "after" and texts is not None:
            self._go_to(self._place.after(texts.piece(token)))

    def accept_prompt(self, tokens: Iterable[int]) -> None:
        """Tell the chain what the reply goes on from. The stages that look back (penalties, DRY) see it, unless
        `penalize_prompt` is off; a grammar governs the reply only.
        """
        self.origin = replace(self.origin, prompt=tuple(tokens))
        for stage in self.stages:
            if isinstance(stage, BudgetStage):
                stage.begin(self.origin.prompt)
            for token in seen(stage.name, self.origin):
                stage.accept(token)
        if self._place is not None and self.origin.around.texts is not None:
            pieces = [self.origin.around.texts.piece(token) for token in self.origin.prompt[-LOOKED_AT:]]
            self._go_to(ThinkingPlace.after_prompt(self._place.marks, pieces))

    def clone(self) -> Chain:
        """An independent chain in the same state, for a fork."""
        stages = [stage.clone() for stage in self.stages]
        return Chain(stages, self._chooser.clone(), self.origin, self.reply)._in(self._whole, self._place)


def _now(whole: Settings, place: ThinkingPlace | None) -> Settings:
    """The settings that hold at a place."""
    return whole.while_thinking if place is not None and place.part == "inside" else whole


def _anew(name: str, origin: Origin, source: Chain) -> Stage:
    """A stage in the place that `source` has reached."""
    stage = build(name, origin)
    if name == "grammar" and source.reply:
        raise SettingsError("a grammar governs a reply from its first token on; run it from the prompt").in_japanese(
            "文法は返事の最初のトークンから働きます。プロンプトから実行してください"
        )
    if isinstance(stage, XtcStage) and stage.idle is None:
        theirs = [one for one in source.stages if isinstance(one, XtcStage) and one.idle is None]
        stage.skip(theirs[0].taken if theirs else len(source.reply))
    for token in (*seen(name, origin), *source.reply):
        stage.accept(token)
    return stage


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
        stage: one of `BUILDERS`.
        settings: the values of its knobs.
        candidates: left as they are.
        history: the tokens before this one, oldest first, for the stages that look back.
        vocab: needed only for DRY's sequence breakers, which are texts; without it they are left out.

    Raises:
        SettingsError: no stage of that name.
    """
    if stage not in BUILDERS:
        raise SettingsError(f"no stage is named {stage!r}; the stages are {', '.join(BUILDERS)}").in_japanese(
            f"{stage!r} というステージはありません。あるのは {', '.join(BUILDERS)} です"
        )
    result = candidates.copy()
    if len(result):
        history = tuple(history)
        n_vocab = vocab.n_tokens if vocab else int(result.ids.max()) + 1
        around = Surroundings(effective_seed(settings), n_vocab, vocab, n_ctx=len(history) or 1)
        made = BUILDERS[stage](settings, around)
        for token in history:
            made.accept(token)
        made.apply(result)
    return result


def idle_stages(settings: Settings) -> dict[str, str]:
    """The stages that do nothing under these settings, and why: `neutral`, or the mode that leaves them out."""
    origin, mode = Origin(settings, seed=0, n_vocab=1), settings.mode
    found: dict[str, str] = {}
    for name in places(settings):
        if name in BUILDERS:
            there = is_there(name, settings)
            idle = build(name, origin).idle if there else "neutral" if mode in ROWS[name].modes else mode
            found |= {name: idle} if idle is not None else {}
    return found
