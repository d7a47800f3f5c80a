"""Next tokens: what the values of a node choose next.

Guarantee: one algorithm makes all maps (mapping.py), whatever decides what a token's values choose: its logits alone,
or under mirostat all tokens before it (`boundaries.token_problem`).
"""

from __future__ import annotations

from collections.abc import Iterable

from tsumami.boundaries import DEAD_END, MAPPED, Axis, Chosen, Past, token_problem
from tsumami.errors import SettingsError
from tsumami.explore.maps.tree import Node, Values
from tsumami.native import Float32Array
from tsumami.runs.backend import Backend
from tsumami.runs.generate import Prompt, make_chain
from tsumami.sampling import Chain
from tsumami.sampling.stages import XtcStage
from tsumami.settings import Settings

__all__ = ["Choosing"]


class Choosing:
    """How one knob's values choose tokens after one prompt."""

    def __init__(self, backend: Backend, prompt: Prompt, axis: Axis, settings: Settings) -> None:
        """With an effective seed in `settings`.

        Raises:
            SettingsError: settings under which the knob cannot be mapped.
        """
        _check_mode(axis.knob.name, settings)
        self._backend = backend
        self._prompt = prompt
        self._axis = axis
        self._settings = settings
        self._mirostat = axis.knob.name in MAPPED

    def children(self, node: Node, row: Float32Array) -> list[Node]:
        """The beginnings that a node's values go on with, given the logits after it, shape (n_vocab,)."""
        chain = node.chain = node.chain or self._chain(node)
        problem = token_problem(chain, self._axis, row, node.past, node.drawn)
        by_outcome: dict[Chosen, Values] = {}
        for span, certain in node.spans:
            for piece in problem.find(span):
                by_outcome.setdefault(piece.outcome, []).append((piece.span, certain and piece.certain))
        children: list[Node] = []
        for outcome, values in by_outcome.items():
            past = problem.after(outcome, [span for span, _ in values])
            children.append(self.child(node, outcome.token, node.drawn + outcome.drew, values, past))
        return children

    def child(self, parent: Node | None, token: int, drawn: int, spans: Values, past: Past | None = None) -> Node:
        """A node below `parent`; without one, a root."""
        width = sum(self._axis.width(span) for span, _ in spans)
        return Node(parent, token, spans, width, drawn, parent.depth + 1 if parent else 0, past=past)

    def hand_on(self, child: Node) -> None:
        """Give a child its parent's chain, one token further."""
        if child.parent is not None and child.parent.chain is not None:
            child.chain = child.parent.chain.clone()
            self._accept(child.chain, (child.token,), child.drawn - child.parent.drawn)

    def _chain(self, node: Node) -> Chain:
        """The chain in the state before a node's next token."""
        value = self._axis.value(node.spans[0][0].first)
        settings = self._settings.replace(**{self._axis.knob.name: value})
        chain = make_chain(self._backend, self._prompt.tokens, settings, settings.seed)
        self._accept(chain, node.path(), node.drawn)
        return chain

    def _accept(self, chain: Chain, tokens: Iterable[int], drawn: int) -> None:
        """Let a chain go on past tokens; XTC's generator has given `drawn` numbers meanwhile. Mirostat's choice is not
        asked, so it stays where it is.
        """
        reply = [token for token in tokens if token != DEAD_END]
        if self._mirostat:
            for token in reply:
                chain.accept(token)
            return
        chain.follow(reply)
        for stage in chain.stages:
            if isinstance(stage, XtcStage) and stage.idle is None:
                stage.skip(drawn)


def _check_mode(knob: str, settings: Settings) -> None:
    if settings.mode == "contrastive":
        raise SettingsError(
            f"{knob} cannot be mapped with penalty_alpha = {settings.penalty_alpha}: contrastive search asks the model"
            " about every candidate; set penalty_alpha to 0, or compare single values in a grid"
        )
    idle = settings.idle_knobs().get(knob)
    if idle is not None and (knob in MAPPED or settings.mode == "mirostat"):
        raise SettingsError(f"{knob} cannot be mapped here, because it does nothing. {idle.en}")
    if settings.mirostat_mode and knob not in MAPPED and (settings.mode == "mirostat" or knob == "temperature"):
        raise SettingsError(
            f"{knob} cannot be mapped with mirostat_mode = {settings.mirostat_mode}: it moves every logit that the"
            f" target mu has followed; map {' or '.join(MAPPED)}, set mirostat_mode to 0, or compare values in a grid"
        )
