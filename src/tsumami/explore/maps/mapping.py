"""Mapping: making a knob map, all leaves of one depth in one batch.

Guarantee: the tree of texts depends on prompt, settings, knob, range and budget alone. A node is a beginning of a text
and the values that give it (tree.py); it is decoded once, and what its values choose next is found exactly
(next_tokens.py). Of more children than `leaves`, the widest are followed; the others stay as they are, and are the rest
of the map. What was found is kept: going on with more tokens, more leaves or another range (`over`) decodes only
what is new, and gives what it would have given in one go. Of a prompt with a given beginning, all texts have it. Under
guidance a text is followed after both prompts, in one batch.

On an engine that is not exact, the values on both sides of every boundary are run by themselves at the end; a piece
whose values do not give its text again is not `certain`.

Rows of logits live for one token, chains and places in the cache as long as their text is followed: what stays of a
text is its tokens, and for mirostat the sums that its values can reach.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Container, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeVar

from tsumami.boundaries import DEAD_END, Axis, Span
from tsumami.engine import Breath, Feed, Program, Rows, Sequence
from tsumami.errors import CancelledError, EngineError, SettingsError
from tsumami.explore.maps.knob_map import KnobMap, MapProgress
from tsumami.explore.maps.next_tokens import Choosing, Continuations, settle_first
from tsumami.explore.maps.piece import MapPiece
from tsumami.explore.maps.tree import TextNode, by_width, clipped, covers
from tsumami.runs.backend import Backend, Runner
from tsumami.runs.ending import ReplyText
from tsumami.runs.generate import Generation
from tsumami.runs.guiding import both, negative_tokens
from tsumami.runs.healing import healed
from tsumami.runs.making import EngineMaking
from tsumami.runs.prompt import Prompt, check_prompt
from tsumami.runs.run import Run
from tsumami.runs.values import Receipt, Step, StopReason
from tsumami.sampling import effective_seed
from tsumami.settings import Settings

__all__ = ["MapMaking", "MapProgress", "Mapping"]

News = TypeVar("News")

MOST_LEAVES: Final = 100_000
_SIDE_BY_SIDE: Final = 64  # texts whose next tokens are looked for together


class MapMaking(EngineMaking[News, KnobMap]):
    """A map that is being made, or gone on with. Its news are what `watch` gives after a token, where it gives any."""

    def __init__(self, mapping: Mapping, watch: Callable[[MapProgress], News | None] | None) -> None:
        super().__init__()
        self._mapping, self._watch = mapping, watch

    def begin(self, engine: Runner, program: Program[None]) -> None:
        """Hand in the program that makes it."""
        self._submit(engine, program)

    def note(self, progress: MapProgress) -> None:
        """Tell what there is to tell of a token; called in the engine's thread."""
        news = self._watch(progress) if self._watch is not None else None
        if news is not None:
            self._tell(news)

    def _finish(self) -> KnobMap:
        self._join()
        return self._mapping.result


class Mapping:
    """The making of one map. `map()` starts it, or goes on with it; `result` is what there is."""

    def __init__(
        self, backend: Backend, prompt: Prompt, knob: str, low: float, high: float, settings: Settings
    ) -> None:
        """Nothing is decoded yet.

        Raises:
            SettingsError: a knob that cannot be mapped, a range that cannot be, or settings under which it cannot.
            PromptError: no run can start from the prompt.
        """
        self.axis = Axis.of(knob, low, high)
        check_prompt(prompt, backend.n_ctx, backend.engine.n_vocab)
        if settings.thinking_settings is not None and backend.thinking is not None:
            raise SettingsError(
                "a map turns one knob for the whole text, and thinking_settings give it another value for a part of it;"
                " leave them out"
            ).in_japanese(
                "地図は文章全体で 1 つのつまみを回しますが、thinking_settings が一部で別の値にしています。"
                "外してください"
            )
        self._backend = backend
        self._settings = settings.replace(seed=effective_seed(settings))
        self._prompt = prompt = healed(backend, prompt, settings)
        self._continuations = Continuations(backend, prompt, self.axis, self._settings)
        negative = negative_tokens(backend, self._settings, prompt.tokens)
        self._starts = (prompt.tokens, negative) if negative else (prompt.tokens,)
        self._room = backend.n_ctx - max(map(len, self._starts))
        self._roots = [self._continuations.child(None, -1, 0, [(span, True)]) for span in self.axis.spans()]
        self._whole = sum(root.width for root in self._roots)
        self._leaves = self._max_tokens = self._nodes = 0
        self._seconds = 0.0
        self._open: list[TextNode] = []
        self._ran: dict[int, tuple[int, ...]] = {}
        self._starting = threading.Lock()
        self._last: MapMaking[Any] | None = None

    def over(self, low: float, high: float) -> Mapping:
        """The map of another range, wider or a part: what is known here is not decoded again.

        Raises:
            SettingsError: a range that cannot be.
        """
        made = Mapping(self._backend, self._prompt, self.axis.knob.name, low, high, self._settings)
        for root in made._roots:
            root.source = next((old for old in self._roots if clipped(old.spans, root.spans)), None)
        made._ran = dict(self._ran)
        return made

    # --- making it ---

    def map(
        self,
        *,
        max_tokens: int = 64,
        leaves: int = 64,
        seconds: float | None = None,
        watch: Callable[[MapProgress], object] | None = None,
    ) -> KnobMap:
        """Follow the texts to `max_tokens` tokens, at most `leaves` at once, for about so many seconds.

        `watch` is called in the engine's thread after each token. Called again with more tokens or leaves, it goes on
        from what there is. Ctrl-C, or `cancel` of a `start`ed one, keeps what there is.

        Raises:
            SettingsError: a budget of nothing.
            EngineError: this map is being made already.
        """
        return self.start(max_tokens=max_tokens, leaves=leaves, seconds=seconds, watch=watch).kept()

    def start(
        self,
        *,
        max_tokens: int = 64,
        leaves: int = 64,
        seconds: float | None = None,
        watch: Callable[[MapProgress], News | None] | None = None,
    ) -> MapMaking[News]:
        """As `map`, but returns at once: iterate for what `watch` gives, then read `result`; or cancel it."""
        for name, value in (("max_tokens", max_tokens), ("leaves", leaves)):
            if not 1 <= value <= MOST_LEAVES:
                raise SettingsError(f"{name} = {value!r}: a map needs 1 to {MOST_LEAVES}").in_japanese(
                    f"{name} = {value!r}: 地図で使えるのは 1〜{MOST_LEAVES} です"
                )
        if seconds is not None and not seconds > 0:
            raise SettingsError(
                f"seconds = {seconds!r}: a map needs some time; give more than 0, or nothing"
            ).in_japanese(f"seconds = {seconds!r}: 地図には時間が要ります。0 より大きくするか、指定しないでください")
        made: MapMaking[News] = MapMaking(self, watch)
        with self._starting:
            self._check_idle()
            self._leaves, self._max_tokens, self._last = leaves, max_tokens, made
            made.begin(self._backend.engine, self._program(min(max_tokens, self._room), seconds, made.note))
        return made

    def _check_idle(self) -> None:
        """One program at a time changes the tree: wait for the last one if it was cancelled, else refuse."""
        if self._last is not None and not self._last.wait(None if self._last.cancelled else 0):
            raise EngineError("this map is being made already; wait for it, or cancel it").in_japanese(
                "この地図はもう作っています。待つか、取り消してください"
            )

    def _program(self, limit: int, seconds: float | None, tell: Callable[[MapProgress], None]) -> Program[None]:
        begin, before = time.perf_counter(), self._seconds
        level = list(self._roots)
        self._reopen(limit)
        try:
            while level:
                yield from self._expand(level, limit)
                level = self._next_level(level)
                self._seconds = before + time.perf_counter() - begin
                tell(self._progress(level))
                if seconds is not None and self._seconds - before >= seconds:
                    return
            if not self._backend.engine_card.exact:
                yield from self._run_boundaries()
        except CancelledError:
            pass
        finally:
            self._seconds = before + time.perf_counter() - begin
            self._forget()

    def _reopen(self, limit: int) -> None:
        """Texts that ended for want of tokens are open again if there are more now, and longer ones end earlier."""
        for node in self._all():
            if node.stop in ("length", "context", None) and node.parent is not None:
                node.stop = self._limit_reason() if node.depth >= limit else None

    def _limit_reason(self) -> StopReason:
        return "length" if self._max_tokens <= self._room else "context"

    def _next_level(self, level: list[TextNode]) -> list[TextNode]:
        """The texts to follow from here; they alone keep a chain."""
        children = [child for node in level for child in node.children or ()]
        followed = self._widest([child for child in children if child.stop is None])
        for child in followed:
            if child.children is None:
                self._continuations.hand_on(child)
        for node in level:
            node.chain = None
        return followed

    def _widest(self, nodes: list[TextNode]) -> list[TextNode]:
        """The texts to follow: the widest, in their order."""
        if len(nodes) <= self._leaves:
            return nodes
        chosen = sorted(nodes, key=by_width)[: self._leaves]
        kept = {id(node) for node in chosen}
        return [node for node in nodes if id(node) in kept]

    def _expand(self, level: list[TextNode], limit: int) -> Generator[list[Feed], list[Rows], None]:
        """Decode the nodes that were not yet, each beginning once, and find their children."""
        groups: dict[tuple[int, ...], list[TextNode]] = {}
        for node in level:
            if node.children is None and not self._take_over(node, limit):
                groups.setdefault(node.path(), []).append(node)
        if not groups:
            return
        feeds: list[Feed] = []
        for path, nodes in groups.items():
            made = self._feeds(nodes[0], path, {feed.sequence for feed in feeds})
            for node in nodes:
                node.sequences = tuple(feed.sequence for feed in made)
            feeds += made
        _close(self._open, but={feed.sequence for feed in feeds})
        self._open = [node for nodes in groups.values() for node in nodes]
        rows = yield feeds
        self._nodes += len(feeds)
        each = len(self._starts)
        pairs = [
            (node, rows[index * each : (index + 1) * each])
            for index, nodes in enumerate(groups.values())
            for node in nodes
        ]
        breath = Breath()
        for begin in range(0, len(pairs), _SIDE_BY_SIDE):
            yield from self._choose(pairs[begin : begin + _SIDE_BY_SIDE], limit, breath)

    def _choose(
        self, pairs: list[tuple[TextNode, list[Rows]]], limit: int, breath: Breath
    ) -> Generator[list[Feed], list[Rows], None]:
        """Find the children of nodes, given the rows after each: those of its prompt, and of the negative one."""
        asked: list[Choosing] = []
        for node, got in pairs:
            yield from breath.give_way()
            row, *others = (one.last for one in got)
            asked.append(self._continuations.ask(node, both([row], others)[0]))
        settle_first(asked)
        for one in asked:
            yield from breath.give_way()
            self._settle(one.node, self._continuations.children(one), limit)

    def _take_over(self, node: TextNode, limit: int) -> bool:
        """Take the children from the map of another range, if it knows them for all values of the node."""
        source = node.source
        if source is None or source.children is None or not covers(source.spans, node.spans):
            return False
        found = [(old, clipped(old.spans, node.spans)) for old in source.children]
        children = [
            self._continuations.child(node, old.token, old.drawn, spans, old.past) for old, spans in found if spans
        ]
        self._settle(node, children, limit)
        return True

    def _settle(self, node: TextNode, children: list[TextNode], limit: int) -> None:
        for child in children:
            child.source = node.source.child_like(child) if node.source is not None else None
            child.stop = self._stop(child, limit)
        node.children, node.source = children, None

    def _feeds(self, node: TextNode, path: tuple[int, ...], taken: Container[Sequence]) -> list[Feed]:
        """What a node's branches are fed: the first child goes on with its parent's, the others find its tokens in the
        cache.
        """
        found = node.parent.sequences if node.parent is not None else ()
        if not found or found[0] in taken:
            return [Feed(Sequence(), (*start, *path)) for start in self._starts]
        return [Feed(one, path[-1:]) for one in found]

    def _stop(self, node: TextNode, limit: int) -> StopReason | None:
        if node.token == DEAD_END:
            return "dead_end"
        if self._backend.tokenizer.is_eog(node.token):
            return "eog"
        if self._settings.stop and self._text(node.path(), final=False)[1]:
            return "stop"
        return self._limit_reason() if node.depth >= limit else None

    def _text(self, tokens: Iterable[int], *, final: bool = True) -> tuple[str, bool]:
        """The text of tokens as a run shows it, and whether a stop string ends it."""
        stream, text = ReplyText(self._backend.tokenizer, self._settings, self._prompt.healing), ""
        for token in tokens:
            released = stream.feed(token)
            text += released.text
            if released.stop is not None:
                return text, True
        return text + stream.rest(final=final), False

    def _forget(self) -> None:
        """Give the places in the cache back, and the chains."""
        _close(self._open)
        self._open = []
        for node in self._all():
            node.chain = None

    # --- boundaries of an engine that is not exact ---

    def _run_boundaries(self) -> Generator[list[Feed], list[Rows], None]:
        """Run the values on both sides of each boundary, one after another, as lone runs are computed."""
        for piece in self.result.pieces:
            for value in {piece.low, piece.last}:
                known = self._ran.get(self.axis.ordinal(value), ())
                if piece.tokens and len(known) < len(piece.tokens):
                    run = yield from self._lone(value, len(piece.tokens))
                    if run.stop_reason == "cancelled":
                        return
                    self._ran[self.axis.ordinal(value)] = run.tokens

    def _lone(self, value: float, max_tokens: int) -> Program[Run]:
        settings = self._settings.replace(**{self.axis.knob.name: value, "max_tokens": max_tokens})
        made = Generation(self._backend, self._prompt, settings, ledgers=False, emit=_nobody_waits)
        return (yield from made.program())

    def _came_again(self, piece: MapPiece) -> bool:
        """Whether the values at both ends of a piece have given its text when they were run."""
        ends = (self._ran.get(self.axis.ordinal(value), ()) for value in (piece.low, piece.last))
        return all(tokens[: len(piece.tokens)] == piece.tokens for tokens in ends)

    # --- what there is ---

    def _all(self) -> Iterator[TextNode]:
        for root in self._roots:
            yield from root.all()

    def _ends(self) -> list[TextNode]:
        """The nodes at which the map ends: texts that ended, and those that are not followed under this budget."""
        ends: list[TextNode] = []
        level = list(self._roots)
        while level:
            children: list[TextNode] = []
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

    def _progress(self, level: list[TextNode]) -> MapProgress:
        ends = [node for node in self._ends() if node.stop is not None]
        depth = max((node.depth for node in level), default=self._max_tokens)
        share = sum(node.width for node in ends) / self._whole
        return MapProgress(depth, len({node.path() for node in ends}), len(level), share, self._nodes)

    @property
    def result(self) -> KnobMap:
        """The map as far as it is."""
        ends = self._ends()
        finished = math.fsum(node.width for node in ends if node.stop is not None)
        pieces = self._pieces(ends)
        if not self._backend.engine_card.exact:
            pieces = [replace(piece, certain=piece.certain and self._came_again(piece)) for piece in pieces]
        return KnobMap(
            knob=self.axis.knob.name,
            low=self.axis.low,
            high=self.axis.high,
            pieces=tuple(pieces),
            coverage=min(1.0, finished / self._whole),
            leaves=self._leaves,
            max_tokens=self._max_tokens,
            nodes=self._nodes,
            seconds=self._seconds,
            receipt=self._receipt(),
        )

    def _pieces(self, ends: list[TextNode]) -> list[MapPiece]:
        found = sorted(((*item, node) for node in ends for item in node.spans), key=_by_place)
        last = len(found) - 1
        made: list[MapPiece] = []
        for index, (span, certain, node) in enumerate(found):
            high = self.axis.high if index == last else self.axis.value(found[index + 1][0].first)
            _join(made, self._piece(span, high, node, certain=certain))
        return made

    def _piece(self, span: Span, high: float, node: TextNode, *, certain: bool) -> MapPiece:
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
        return Receipt.of(self._backend, self._prompt, self._settings, self._settings.seed)


def _close(nodes: Iterable[TextNode], but: Container[Sequence] = ()) -> None:
    """Let go of the places of nodes in the cache; those of `but` have a new owner."""
    for node in nodes:
        for one in node.sequences:
            if one not in but:
                one.close()
        node.sequences = ()


def _nobody_waits(_: Step) -> None:
    """The steps are wanted all at once."""


def _by_place(item: tuple[Span, bool, TextNode]) -> Span:
    return item[0]


def _join(made: list[MapPiece], piece: MapPiece) -> None:
    """Add a piece; one with the very same text as its neighbour becomes a part of it."""
    if made and (made[-1].tokens, made[-1].stop_reason) == (piece.tokens, piece.stop_reason):
        before = made.pop()
        piece = replace(piece, low=before.low, certain=before.certain and piece.certain)
    made.append(piece)
