"""Next tokens: what the values of a node choose next.

Guarantee: one algorithm makes all maps (mapping.py), whatever decides what a token's values choose: its logits alone,
or under mirostat and adaptive-p all tokens before it (`boundaries.token_problem`). The first tokens may be given with
the prompt, whatever a value would choose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tsumami.boundaries import (
    DEAD_END,
    MAPPED,
    Axis,
    Chosen,
    Past,
    TokenProblem,
    settle_together,
    token_problem,
)
from tsumami.errors import SettingsError
from tsumami.explore.maps.tree import TextNode, Values
from tsumami.knobs import KNOBS
from tsumami.native import Float32Array
from tsumami.runs.backend import Backend
from tsumami.runs.generate import make_chain
from tsumami.runs.leading import permitted
from tsumami.runs.prompt import Prompt
from tsumami.sampling import Chain, DeadEndError
from tsumami.sampling.stages import XtcStage
from tsumami.sampling.unseen import SeenRow
from tsumami.settings import Settings

__all__ = ["Choosing", "Continuations", "settle_first"]


@dataclass(frozen=True, slots=True, eq=False)
class Choosing:
    """A node whose next token is looked for. `problem`: None at a dead end; `led`: the token that is given with the
    prompt; `whole`: whether all logits are known.
    """

    node: TextNode
    problem: TokenProblem | None
    led: int | None
    whole: bool


def settle_first(asked: Iterable[Choosing]) -> None:
    """Look at the values of many nodes side by side, as far as that settles them."""
    settle_together((one.problem, [span for span, _ in one.node.spans]) for one in asked if one.problem is not None)


class Continuations:
    """How one knob's values choose tokens after one prompt."""

    def __init__(self, backend: Backend, prompt: Prompt, axis: Axis, settings: Settings) -> None:
        """With an effective seed in `settings`.

        Raises:
            SettingsError: settings under which the knob cannot be mapped.
        """
        _check_mode(axis.knob.name, settings)
        self._backend = backend
        self._prompt = prompt
        self._begun = prompt.begun
        self._axis = axis
        self._settings = settings
        self._follows = axis.knob.stage in MAPPED

    def ask(self, node: TextNode, row: Float32Array) -> Choosing:
        """What decides how a node's values go on, given the logits after it, shape (n_vocab,)."""
        chain = node.chain = node.chain or self._chain(node)
        led = self._begun[node.depth] if node.depth < len(self._begun) else None
        if led is not None and _is_dead_end(chain, row, led):
            return Choosing(node, None, led, whole=True)
        told = not (isinstance(row, SeenRow) and row.most > 0)  # else what was not told might change the choice
        return Choosing(node, token_problem(chain, self._axis, row, node.past, node.drawn, forced=led), led, whole=told)

    def children(self, asked: Choosing) -> list[TextNode]:
        """The beginnings that a node's values go on with."""
        node, problem, led = asked.node, asked.problem, asked.led
        if problem is None:
            return [self.child(node, DEAD_END, node.drawn, node.spans)]
        by_outcome: dict[Chosen, Values] = {}
        for span, certain in node.spans:
            for piece in problem.find(span):
                by_outcome.setdefault(piece.outcome, []).append((piece.span, certain and piece.certain and asked.whole))
        children: list[TextNode] = []
        for outcome, values in by_outcome.items():
            past = problem.after(outcome, [span for span, _ in values])
            token = outcome.token if led is None else led
            children.append(self.child(node, token, node.drawn + outcome.drew, values, past))
        return children

    def child(
        self, parent: TextNode | None, token: int, drawn: int, spans: Values, past: Past | None = None
    ) -> TextNode:
        """A node below `parent`; without one, a root."""
        width = sum(self._axis.width(span) for span, _ in spans)
        return TextNode(parent, token, spans, width, drawn, parent.depth + 1 if parent else 0, past=past)

    def hand_on(self, child: TextNode) -> None:
        """Give a child its parent's chain, one token further."""
        if child.parent is not None and child.parent.chain is not None:
            child.chain = child.parent.chain.clone()
            self._accept(child.chain, (child.token,), child.drawn - child.parent.drawn)

    def _chain(self, node: TextNode) -> Chain:
        """The chain in the state before a node's next token."""
        value = self._axis.value(node.spans[0][0].first)
        settings = self._settings.replace(**{self._axis.knob.name: value})
        chain = make_chain(self._backend, self._prompt, settings, settings.seed)
        self._accept(chain, node.path(), node.drawn)
        return chain

    def _accept(self, chain: Chain, tokens: Iterable[int], drawn: int) -> None:
        """Let a chain go on past tokens; XTC's generator has given `drawn` numbers meanwhile. A choice that
        follows what it has chosen is not asked, so it stays where it is.
        """
        reply = [token for token in tokens if token != DEAD_END]
        if self._follows:
            for token in reply:
                chain.accept(token)
            return
        chain.follow(reply)
        for stage in chain.stages:
            if isinstance(stage, XtcStage) and stage.idle is None:
                stage.skip(drawn)


def _is_dead_end(chain: Chain, row: Float32Array, led: int) -> bool:
    """Whether a run ends before a token that it was made to go on with: all are forbidden, or the grammar forbids it.
    Bans are infinite, so no value of a knob can lift one.
    """
    try:
        chain.clone().process(row)
        permitted(chain, led)
    except DeadEndError:
        return True
    return False


def _check_mode(knob: str, settings: Settings) -> None:
    if KNOBS[knob].off_below is not None:  # at no value of the map it is off
        settings = settings.replace(**{knob: KNOBS[knob].off_below})
    if settings.mode == "contrastive":
        raise SettingsError(
            f"{knob} cannot be mapped with penalty_alpha = {settings.penalty_alpha}: contrastive search asks the model"
            " about every candidate; set penalty_alpha to 0, or compare single values in a grid"
        ).in_japanese(
            f"penalty_alpha = {settings.penalty_alpha} では {knob} の地図を作れません。"
            "コントラスティブサーチは候補ごとにモデルに尋ねるからです。penalty_alpha "
            "を 0 にするか、グリッドで値を比べてください"
        )
    if settings.banned_texts:
        raise SettingsError(
            f"{knob} cannot be mapped with banned_texts: whether a token is taken back is decided by what would come"
            " after it; take them away, or compare single values in a grid"
        ).in_japanese(
            f"banned_texts があると {knob} の地図を作れません。トークンを取り消すかどうかが、"
            "その後に来るもので決まるからです。外すか、グリッドで値を比べてください"
        )
    idle = settings.idle_knobs().get(knob)
    own = MAPPED.get(settings.mode, ())
    if idle is not None and (KNOBS[knob].stage in MAPPED or settings.mode in MAPPED):
        raise SettingsError(f"{knob} cannot be mapped here, because it does nothing. {idle.en}").in_japanese(
            f"{knob} は働いていないので、ここでは地図を作れません。{idle.ja}"
        )
    warm = settings.mode if settings.mode != "greedy" else settings.replace(temperature=1).mode
    if knob not in own and (settings.mode in MAPPED or (knob == "temperature" and warm in MAPPED)):
        switch = "mirostat_mode" if warm == "mirostat" else "adaptive_target"
        raise SettingsError(
            f"{knob} cannot be mapped with {switch} = {getattr(settings, switch)}: it moves every logit that the choice"
            f" has followed; map {' or '.join(MAPPED[warm])}, set {switch} to {KNOBS[switch].neutral:g}, or compare"
            " values in a grid"
        ).in_japanese(
            f"{switch} = {getattr(settings, switch)} では {knob} の地図を作れません。"
            f"選択が従ったすべてのロジットを動かすからです。{'、'.join(MAPPED[warm])} "
            f"の地図にするか、{switch} を {KNOBS[switch].neutral:g} にするか、"
            "グリッドで値を比べてください"
        )
