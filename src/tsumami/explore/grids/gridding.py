"""Gridding: making a grid, shared beginnings decoded once.

Guarantee: every cell's text is, to the byte, that of a run by itself. Each cell has its own chain (with its own
penalties, grammar, mirostat, rolls) and its own end; what is shared is the model's part: the cells of one branch have
the same tokens so far, so the same row of logits serves them all. Cells that choose the same token stay together, the
others fork. All branches go into one batch; of more than `WIDTH`, the rest wait, and find their beginning in the cache.

Contrastive search asks the model about every candidate, so its cells are run one by one, without asking again for other
seeds, which it does not use; so are prompts with a given beginning of the reply, and
cells that take banned texts back or have guidance.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tsumami.engine import Breath, Feed, Program, Rows
from tsumami.engine import Sequence as Branch
from tsumami.errors import CancelledError, DeadEndError
from tsumami.explain.measures import measured
from tsumami.explore.grids.grid import MEASURES, Cell, Grid
from tsumami.explore.grids.plan import GridPlan, Point
from tsumami.knobs import KNOBS
from tsumami.native import Float32Array
from tsumami.runs.backend import Backend
from tsumami.runs.ending import Ending
from tsumami.runs.generate import Generation, make_chain
from tsumami.runs.healing import healed
from tsumami.runs.making import EngineMaking
from tsumami.runs.prompt import Prompt, check_prompt
from tsumami.runs.run import Run
from tsumami.runs.values import Receipt, Step, StopReason
from tsumami.sampling import Chain
from tsumami.sampling.measure import measure_raw
from tsumami.settings import Settings

__all__ = ["GridProgress", "Gridding", "grid_receipt"]

#: Branches that are decoded at once: an exact engine computes so many rows in one go.
WIDTH: Final = 32


@dataclass(frozen=True, slots=True)
class GridProgress:
    """How far a grid is: cells that are done and all of them, different texts, branches that are being followed,
    branches that wait, tokens decoded, and tokens that were not decoded once more because cells shared them.
    """

    done: int
    cells: int
    texts: int
    followed: int
    waiting: int
    nodes: int
    saved: int


@dataclass(slots=True, eq=False)
class _Walk:
    """One cell on its way."""

    number: int
    point: Point
    chain: Chain | None
    ending: Ending
    text: str = ""
    tokens: list[int] = field(default_factory=list)
    p_raw: list[float] = field(default_factory=list)
    entropy: list[float] = field(default_factory=list)
    stop: StopReason | None = None
    stop_string: str | None = None


@dataclass(slots=True, eq=False)
class _Bundle:
    """Cells with the same tokens so far; None: their branch of the cache is not open."""

    walks: list[_Walk]
    branch: Branch | None = None


class Gridding(EngineMaking[Cell, Grid]):
    """Cells as they are finished: iterate, then read `grid`; leaving a `with` block cancels what is left."""

    def __init__(
        self,
        backend: Backend,
        plan: GridPlan,
        numbers: Iterable[int] | None = None,
        *,
        watch: Callable[[GridProgress], None] | None = None,
    ) -> None:
        """Start. `numbers`: the cells to make (default: all of the plan); `watch` is called in the engine's thread
        after each token.

        Raises:
            PromptError: a prompt that no run can start from.
            SettingsError: a grammar that does not parse, say.
        """
        super().__init__()
        for prompt in itertools.chain(plan.prompts, *plan.otherwise):
            check_prompt(prompt, backend.n_ctx, backend.engine.n_vocab)
        self._backend, self._plan, self._watch = backend, plan, watch
        self._walks = [self._walk(number) for number in (range(len(plan)) if numbers is None else numbers)]
        self._measured: dict[tuple[tuple[int, int], tuple[int, ...]], dict[str, float | None]] = {}
        self._done = self._nodes = self._saved = 0
        self._texts: set[str] = set()
        self._seconds = 0.0
        self._breath = Breath()
        self._submit(backend.engine, self._program())

    def _walk(self, number: int) -> _Walk:
        point = self._plan.point(number)
        settings, prompt = self._plan.settings_at(point), self._plan.prompt_at(point)
        chain = None if _is_alone(settings, prompt) else make_chain(self._backend, prompt, settings, point.seed)
        return _Walk(number, point, chain, Ending(self._backend, prompt, settings))

    # --- in the engine's thread ---

    def _program(self) -> Program[None]:
        begin = time.perf_counter()
        try:
            yield from self._together()
            yield from self._one_by_one()
        except CancelledError:
            pass
        finally:
            for walk in self._walks:
                if walk.stop is None:
                    walk.text += walk.ending.rest()
                    walk.stop, walk.chain = "cancelled", None
            self._seconds = time.perf_counter() - begin

    def _together(self) -> Generator[list[Feed], list[Rows], None]:
        roots: dict[tuple[int, int], _Bundle] = {}
        for walk in self._walks:
            if walk.chain is not None:
                roots.setdefault(self._plan.prompt_key(walk.point), _Bundle([])).walks.append(walk)
        waiting, followed = list(roots.values())[::-1], list[_Bundle]()
        try:
            while waiting or followed:
                while waiting and len(followed) < WIDTH:
                    followed.append(waiting.pop())
                rows = yield [self._feed(group) for group in followed]
                self._breath.taken()
                grown = list[_Bundle]()
                for group, got in zip(followed, rows, strict=True):
                    grown += yield from self._grow(group, got)
                followed, rest = grown[:WIDTH], grown[WIDTH:]
                _close(rest)
                waiting += rest[::-1]
                self._note(len(followed), len(waiting))
        finally:
            _close(followed)

    def _feed(self, group: _Bundle) -> Feed:
        """The last token, or all of them on a branch that is new."""
        first = group.walks[0]
        if first.tokens:
            self._nodes += 1
            self._saved += len(group.walks) - 1
        if group.branch is not None:
            return Feed(group.branch, first.tokens[-1:])
        group.branch = Branch(lasting=False)
        return Feed(group.branch, (*self._plan.prompt_at(first.point).tokens, *first.tokens))

    def _grow(self, group: _Bundle, rows: Rows) -> Generator[list[Feed], list[Rows], list[_Bundle]]:
        """The groups that go on: each cell chooses by itself; the first group goes on with the branch."""
        chosen: dict[int, list[_Walk]] = {}
        row = rows.last
        for walk in group.walks:
            yield from self._breath.give_way()
            token = self._choose(walk, row)
            if token is not None:
                chosen.setdefault(token, []).append(walk)
        children = [_Bundle(left) for token, walks in chosen.items() if (left := self._take(walks, token, row))]
        if children:
            children[0].branch = group.branch
        else:
            _close([group])
        return children

    def _choose(self, walk: _Walk, row: Float32Array) -> int | None:
        assert walk.chain is not None
        try:
            token = walk.chain.choose(row).pick.token
        except DeadEndError:
            self._end(walk, "dead_end")
            return None
        walk.chain.accept(token)
        return token

    def _take(self, walks: list[_Walk], token: int, row: Float32Array) -> list[_Walk]:
        """Append the token to each cell; those that go on."""
        raw = measure_raw(row, token, 1)
        for walk in walks:
            taken = walk.ending.take(token)
            walk.text += taken.text
            walk.tokens.append(token)
            walk.p_raw.append(raw.p)
            walk.entropy.append(raw.entropy)
            if taken.reason is not None:
                walk.stop_string = taken.stop_string
                self._end(walk, taken.reason)
        return [walk for walk in walks if walk.stop is None]

    def _end(self, walk: _Walk, reason: StopReason) -> None:
        if reason == "dead_end":
            walk.text += walk.ending.rest()
        walk.stop, walk.chain = reason, None
        self._done += 1
        self._texts.add(walk.text)
        self._tell_later(functools.partial(self._cell, walk))

    def _one_by_one(self) -> Generator[list[Feed], list[Rows], None]:
        """The cells that are runs by themselves, those of contrastive search once for all seeds."""
        alone: dict[Any, list[_Walk]] = {}
        for walk in self._walks:
            settings = self._plan.settings_at(walk.point)
            if _is_alone(settings, self._plan.prompt_at(walk.point)):
                seed = None if settings.mode == "contrastive" else walk.point.seed
                alone.setdefault((walk.point.prompt, walk.point.settings, seed), []).append(walk)
        for walks in alone.values():
            point = walks[0].point
            prompt, settings = self._plan.prompt_at(point), self._plan.settings_at(point)
            made = Generation(self._backend, prompt, settings, ledgers=False, emit=self._count)
            run = yield from made.program()
            for walk in walks:
                _fill(walk, run)
                if run.stop_reason != "cancelled":
                    self._end(walk, run.stop_reason)
            if run.stop_reason == "cancelled":
                break

    def _count(self, _: Step) -> None:
        self._nodes += 1
        self._note(1, 0)

    def _note(self, followed: int, waiting: int) -> None:
        if self._watch is not None:
            done, cells, texts = self._done, len(self._walks), len(self._texts)
            self._watch(GridProgress(done, cells, texts, followed, waiting, self._nodes, self._saved))

    # --- what there is ---

    def so_far(self) -> list[Cell]:
        """All cells in order as they are by now; may be asked while they are made. What is not finished has its text so
        far, and no measures.
        """
        nothing = dict.fromkeys(MEASURES)
        return [
            self._cell(walk)
            if walk.stop is not None
            else Cell(walk.point, walk.text, tuple(walk.tokens), "cancelled", None, nothing)
            for walk in self._walks
        ]

    def cells(self) -> list[Cell]:
        """All cells in order, finished or not; waits for the end. Ctrl-C meanwhile cancels."""
        return list(self.kept().cells)

    @property
    def nodes(self) -> int:
        """Tokens decoded so far, those of the prompts not counted."""
        return self._nodes

    @property
    def grid(self) -> Grid:
        """The grid, if all its cells were asked for; waits for the end. Ctrl-C meanwhile cancels."""
        return self.kept()

    def _finish(self) -> Grid:
        self._join()
        cells = tuple(map(self._cell, self._walks))
        return Grid(self._plan, cells, grid_receipt(self._backend, self._plan), self._nodes, self._seconds)

    def _cell(self, walk: _Walk) -> Cell:
        tokens = tuple(walk.tokens)
        key = self._plan.prompt_key(walk.point), tokens
        if key not in self._measured:
            found = measured(tokens, walk.p_raw, walk.entropy)
            self._measured[key] = {name: getattr(found, name) for name in MEASURES}
        return Cell(walk.point, walk.text, tokens, walk.stop or "cancelled", walk.stop_string, self._measured[key])


def _is_alone(settings: Settings, prompt: Prompt) -> bool:
    """Whether a cell is a run by itself, that shares nothing with others."""
    guided = settings.guidance_scale != KNOBS["guidance_scale"].neutral
    own = bool(prompt.begun) or bool(settings.banned_texts) or settings.heal_tokens
    return settings.mode == "contrastive" or own or guided


def grid_receipt(backend: Backend, plan: GridPlan) -> Receipt:
    """The receipt of a plan's first cell on a model: what holds for the whole grid where nothing else is said."""
    prompt, settings = plan.prompts[0], plan.settings[0]
    return Receipt.of(backend, healed(backend, prompt, settings), settings, settings.seed)


def _fill(walk: _Walk, run: Run) -> None:
    walk.text, walk.tokens = run.text, list(run.tokens)
    walk.p_raw = [step.p_raw for step in run.steps]
    walk.entropy = [step.entropy for step in run.steps]
    walk.stop_string = run.stop_string


def _close(groups: Sequence[_Bundle]) -> None:
    """Give the places in the cache back."""
    for group in groups:
        if group.branch is not None:
            group.branch.close()
            group.branch = None
