"""Mapping: making a knob map, all leaves of one depth in one batch.

Guarantee: the tree of texts depends on prompt, settings, knob, range and budget alone. A node is a beginning of a text
and the values that give it; it is decoded once, and what its values choose next is found exactly (pieces.py). Of more
children than `leaves`, the widest are followed; the others stay as they are, and are the rest of the map. What was
found is kept: going on with more tokens or more leaves decodes only what is new, and gives what it would have given in
one go.
"""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Container, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Final

from tsumami.engine.batcher import Program, Ticket
from tsumami.engine.sequence import Feed, Rows, Sequence
from tsumami.errors import CancelledError, EmptyPromptError, SettingsError
from tsumami.explain.axis import Axis, Span
from tsumami.explain.knob_map import KnobMap, MapPiece
from tsumami.explain.pieces import DEAD_END, Outcome, find
from tsumami.explain.trial import Trial
from tsumami.native import Float32Array
from tsumami.runs.backend import Backend
from tsumami.runs.generate import Prompt, make_chain
from tsumami.runs.run import Receipt, StopReason
from tsumami.runs.text import TextStream
from tsumami.sampling import Chain, effective_seed
from tsumami.sampling.stages import XtcStage
from tsumami.settings import Settings

__all__ = ["Mapping", "Progress"]

MOST_LEAVES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a map is: tokens deep, texts ended, texts being followed, the finished share of the range in 0..1, tokens
    decoded.
    """

    depth: int
    texts: int
    followed: int
    coverage: float
    nodes: int


@dataclass(slots=True, eq=False)
class _Node:
    """A beginning of a text: its last token, and the values that give it. `stop` says why it ends here, if it does;
    `children` are None until it was decoded; `drawn` counts the numbers that XTC has taken.
    """

    parent: _Node | None
    token: int
    spans: list[tuple[Span, bool]]
    width: float
    drawn: int
    depth: int
    stop: StopReason | None = None
    children: list[_Node] | None = None
    chain: Chain | None = None
    sequence: Sequence | None = field(default=None, repr=False)

    def path(self) -> tuple[int, ...]:
        """The tokens from the beginning of the reply to this node."""
        tokens: list[int] = []
        node: _Node | None = self
        while node is not None and node.parent is not None:
            tokens.append(node.token)
            node = node.parent
        return tuple(reversed(tokens))


class Mapping:
    """The making of one map. `map()` starts it, or goes on with it; `result` is what there is."""

    def __init__(
        self, backend: Backend, prompt: Prompt, knob: str, low: float, high: float, settings: Settings
    ) -> None:
        """Nothing is decoded yet.

        Raises:
            SettingsError: a knob that cannot be mapped, a range that cannot be, or settings under which it cannot.
            PromptError: an empty prompt.
        """
        self.axis = Axis.of(knob, low, high)
        if not prompt.tokens:
            raise EmptyPromptError("the prompt is empty: the model needs at least one token to go on from")
        _check_mode(knob, settings)
        self._backend = backend
        self._prompt = prompt
        self._settings = settings.replace(seed=effective_seed(settings))
        self._roots = [self._root(span) for span in self.axis.spans()]
        self._whole = sum(root.width for root in self._roots)
        self._leaves = self._max_tokens = self._nodes = 0
        self._seconds = 0.0
        self._open: list[_Node] = []

    def _root(self, span: Span) -> _Node:
        return _Node(None, -1, [(span, True)], self.axis.width(span), 0, 0)

    # --- making it ---

    def map(
        self,
        *,
        max_tokens: int = 64,
        leaves: int = 64,
        seconds: float | None = None,
        watch: Callable[[Progress], None] | None = None,
    ) -> KnobMap:
        """Follow the texts to `max_tokens` tokens, at most `leaves` at once, for about so many seconds.

        `watch` is called in the engine's thread after each token. Called again with more tokens or leaves, it goes on
        from what there is. Ctrl-C, or `cancel` of a `start`ed one, keeps what there is.

        Raises:
            SettingsError: a budget of nothing.
        """
        ticket = self.start(max_tokens=max_tokens, leaves=leaves, seconds=seconds, watch=watch)
        try:
            ticket.result()
        except KeyboardInterrupt:
            ticket.cancel()
            ticket.result()
        return self.result

    def start(
        self,
        *,
        max_tokens: int = 64,
        leaves: int = 64,
        seconds: float | None = None,
        watch: Callable[[Progress], None] | None = None,
    ) -> Ticket[None]:
        """As `map`, but returns at once; wait for the ticket, or cancel it, then read `result`."""
        for name, value in (("max_tokens", max_tokens), ("leaves", leaves)):
            if not 1 <= value <= MOST_LEAVES:
                raise SettingsError(f"{name} = {value!r}: a map needs 1 to {MOST_LEAVES}")
        if seconds is not None and not seconds > 0:
            raise SettingsError(f"seconds = {seconds!r}: a map needs some time; give more than 0, or nothing")
        room = self._backend.n_ctx - len(self._prompt.tokens)
        if room < 1:
            raise SettingsError(f"the prompt fills the context of {self._backend.n_ctx}; shorten it")
        self._leaves, self._max_tokens = leaves, max_tokens
        return self._backend.engine.submit(self._program(min(max_tokens, room), seconds, watch))

    def stream(
        self, *, max_tokens: int = 64, leaves: int = 64, seconds: float | None = None
    ) -> Iterator[tuple[Progress, KnobMap]]:
        """As `map`, giving the growing map after each token; leaving the iteration cancels it."""
        grown: queue.SimpleQueue[tuple[Progress, KnobMap] | None] = queue.SimpleQueue()

        def watch(progress: Progress) -> None:
            grown.put((progress, self.result))

        ticket = self.start(max_tokens=max_tokens, leaves=leaves, seconds=seconds, watch=watch)
        ticket.future.add_done_callback(_Sentinel(grown))
        try:
            while (item := grown.get()) is not None:
                yield item
        finally:
            ticket.cancel()
        ticket.result()

    def _program(self, limit: int, seconds: float | None, watch: Callable[[Progress], None] | None) -> Program[None]:
        begin = time.perf_counter()
        level = list(self._roots)
        self._reopen(limit)
        try:
            while level:
                yield from self._expand(level, limit)
                self._seconds += time.perf_counter() - begin
                used, begin = self._seconds, time.perf_counter()
                children = [child for node in level for child in node.children or ()]
                level = self._widest([child for child in children if child.stop is None])
                if watch is not None:
                    watch(self._progress(level))
                if seconds is not None and used >= seconds:
                    break
        except CancelledError:
            pass
        finally:
            self._forget()

    def _reopen(self, limit: int) -> None:
        """Texts that ended for want of tokens are open again if there are more now, and longer ones end earlier."""
        for node in self._all():
            if node.stop in ("length", "context", None) and node.parent is not None:
                node.stop = self._limit_reason() if node.depth >= limit else None

    def _limit_reason(self) -> StopReason:
        return "length" if self._max_tokens <= self._backend.n_ctx - len(self._prompt.tokens) else "context"

    def _widest(self, nodes: list[_Node]) -> list[_Node]:
        """The texts to follow: the widest, in their order."""
        if len(nodes) <= self._leaves:
            return nodes
        chosen = sorted(nodes, key=_by_width)[: self._leaves]
        kept = {id(node) for node in chosen}
        return [node for node in nodes if id(node) in kept]

    def _expand(self, level: list[_Node], limit: int) -> Generator[list[Feed], list[Rows], None]:
        """Decode the nodes that were not yet, each beginning once, and find their children."""
        groups: dict[tuple[int, ...], list[_Node]] = {}
        for node in level:
            if node.children is None:
                groups.setdefault(node.path(), []).append(node)
        if not groups:
            return
        feeds: dict[Sequence, Feed] = {}
        for path, nodes in groups.items():
            sequence, tokens = self._sequence(nodes[0], path, feeds)
            for node in nodes:
                node.sequence = sequence
            feeds[sequence] = Feed(sequence, tokens)
        _close(self._open, but=feeds)
        self._open = [node for nodes in groups.values() for node in nodes]
        rows = yield list(feeds.values())
        self._nodes += len(feeds)
        for nodes, got in zip(groups.values(), rows, strict=True):
            for node in nodes:
                node.children = list(self._children(node, got.last, limit))
                node.chain = None

    def _sequence(
        self, node: _Node, path: tuple[int, ...], taken: Container[Sequence]
    ) -> tuple[Sequence, tuple[int, ...]]:
        """A branch for a node, and what is to be fed to it: the first child goes on with its parent's, the others find
        its tokens in the cache.
        """
        found = node.parent.sequence if node.parent is not None else None
        if found is None or found in taken:
            return Sequence(), (*self._prompt.tokens, *path)
        return found, path[-1:]

    def _children(self, node: _Node, row: Float32Array, limit: int) -> Iterator[_Node]:
        chain = node.chain or self._chain(node)
        trial = Trial(chain, self.axis, row)
        by_outcome: dict[Outcome, list[tuple[Span, bool]]] = {}
        for span, certain in node.spans:
            for piece in find(trial, span):
                by_outcome.setdefault(piece.outcome, []).append((piece.span, certain and piece.certain))
        for outcome, spans in by_outcome.items():
            width = sum(self.axis.width(span) for span, _ in spans)
            child = _Node(node, outcome.token, spans, width, node.drawn + outcome.drew, node.depth + 1)
            child.stop = self._stop(child, limit)
            if child.stop is None:
                child.chain = chain.clone()
                _accept(child.chain, (outcome.token,), outcome.drew)
            yield child

    def _chain(self, node: _Node) -> Chain:
        """The chain in the state before a node's next token."""
        value = self.axis.value(node.spans[0][0].first)
        settings = self._settings.replace(**{self.axis.knob.name: value})
        chain = make_chain(self._backend, self._prompt.tokens, settings, settings.seed)
        _accept(chain, node.path(), node.drawn)
        return chain

    def _stop(self, node: _Node, limit: int) -> StopReason | None:
        if node.token == DEAD_END:
            return "dead_end"
        if self._backend.tokenizer.is_eog(node.token):
            return "eog"
        if self._settings.stop and self._text(node.path(), final=False)[1]:
            return "stop"
        return self._limit_reason() if node.depth >= limit else None

    def _text(self, tokens: Iterable[int], *, final: bool = True) -> tuple[str, bool]:
        """The text of tokens as a run shows it, and whether a stop string ends it."""
        stream, tokenizer = TextStream(self._settings.stop), self._backend.tokenizer
        text = ""
        for token in tokens:
            hidden = tokenizer.is_control(token) or tokenizer.is_eog(token)
            released = stream.feed(b"" if hidden else tokenizer.piece(token))
            text += released.text
            if released.stop is not None:
                return text, True
        return text + stream.feed(b"", final=final).text, False

    def _forget(self) -> None:
        """Give the places in the cache back, and the chains."""
        _close(self._open)
        self._open = []
        for node in self._all():
            node.chain = None

    # --- what there is ---

    def _all(self) -> Iterator[_Node]:
        nodes = list(self._roots)
        while nodes:
            node = nodes.pop()
            yield node
            nodes += node.children or ()

    def _ends(self) -> list[_Node]:
        """The nodes at which the map ends: texts that ended, and those that are not followed under this budget."""
        ends: list[_Node] = []
        level = list(self._roots)
        while level:
            children: list[_Node] = []
            for node in level:
                if node.children is None:
                    ends.append(node)
                else:
                    children += node.children
            ends += [child for child in children if child.stop is not None]
            open_ones = [child for child in children if child.stop is None]
            level = self._widest(open_ones)
            followed = {id(node) for node in level}
            ends += [node for node in open_ones if id(node) not in followed]
        return ends

    def _progress(self, level: list[_Node]) -> Progress:
        ends = [node for node in self._ends() if node.stop is not None]
        depth = max((node.depth for node in level), default=self._max_tokens)
        share = sum(node.width for node in ends) / self._whole
        return Progress(depth, len({node.path() for node in ends}), len(level), share, self._nodes)

    @property
    def result(self) -> KnobMap:
        """The map as far as it is."""
        found = sorted(((*item, node) for node in self._ends() for item in node.spans), key=_by_place)
        last = len(found) - 1
        made: list[MapPiece] = []
        for index, (span, certain, node) in enumerate(found):
            high = self.axis.high if index == last else self.axis.value(found[index + 1][0].first)
            _join(made, self._piece(span, high, node, certain=certain))
        finished = math.fsum(node.width for node in self._ends() if node.stop is not None)
        return KnobMap(
            knob=self.axis.knob.name,
            low=self.axis.low,
            high=self.axis.high,
            pieces=tuple(made),
            coverage=min(1.0, finished / self._whole),
            leaves=self._leaves,
            max_tokens=self._max_tokens,
            nodes=self._nodes,
            seconds=self._seconds,
            receipt=self._receipt(),
        )

    def _piece(self, span: Span, high: float, node: _Node, *, certain: bool) -> MapPiece:
        tokens = tuple(token for token in node.path() if token != DEAD_END)
        low, last = (self.axis.value(place) for place in span)
        return MapPiece(
            low=low,
            high=high,
            last=last,
            text=self._text(tokens, final=node.stop is not None)[0],
            tokens=tokens,
            pieces=tuple(map(self._backend.tokenizer.piece, tokens)),
            finished=node.stop is not None,
            stop_reason=node.stop,
            certain=certain,
        )

    def _receipt(self) -> Receipt:
        return Receipt(
            model=self._backend.model_card,
            engine=self._backend.engine_card,
            prompt=self._prompt.text,
            prompt_tokens=self._prompt.tokens,
            template=self._prompt.template,
            settings=self._settings,
            seed=self._settings.seed,
            tsumami=version("tsumami"),
        )


def _close(nodes: Iterable[_Node], but: Container[Sequence | None] = ()) -> None:
    """Let go of the places of nodes in the cache; those of `but` have a new owner."""
    for node in nodes:
        if node.sequence is not None and node.sequence not in but:
            node.sequence.close()
        node.sequence = None


class _Sentinel:
    """Ends a queue when the work is done."""

    def __init__(self, grown: queue.SimpleQueue[tuple[Progress, KnobMap] | None]) -> None:
        self._grown = grown

    def __call__(self, _: object) -> None:
        self._grown.put(None)


def _by_width(node: _Node) -> tuple[float, Span]:
    return -node.width, node.spans[0][0]


def _by_place(item: tuple[Span, bool, _Node]) -> Span:
    return item[0]


def _join(made: list[MapPiece], piece: MapPiece) -> None:
    """Add a piece; one with the very same text as its neighbour becomes a part of it."""
    if made and (made[-1].tokens, made[-1].stop_reason) == (piece.tokens, piece.stop_reason):
        before = made.pop()
        piece = replace(piece, low=before.low, certain=before.certain and piece.certain)
    made.append(piece)


def _accept(chain: Chain, tokens: tuple[int, ...], drawn: int) -> None:
    """Let a chain go on past tokens; XTC's generator has given `drawn` numbers meanwhile."""
    chain.follow(token for token in tokens if token != DEAD_END)
    for stage in chain.stages:
        if isinstance(stage, XtcStage) and stage.idle is None:
            stage.skip(drawn)


def _check_mode(knob: str, settings: Settings) -> None:
    if settings.mode == "contrastive":
        raise SettingsError(
            f"{knob} cannot be mapped with penalty_alpha = {settings.penalty_alpha}: contrastive search asks the model"
            " about every candidate; set penalty_alpha to 0, or compare single values in a grid"
        )
    if settings.mirostat_mode:
        raise SettingsError(
            f"{knob} cannot be mapped with mirostat_mode = {settings.mirostat_mode}: its target mu follows every"
            " choice; set mirostat_mode to 0, or compare single values in a grid"
        )
    if knob.startswith("mirostat"):
        raise SettingsError(f"{knob} does nothing while mirostat_mode is 0; there is nothing to map")
