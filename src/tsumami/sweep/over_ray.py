"""A sweep over Ray: the cells of a grid spread over workers, in parts that share much.

Guarantee: as the package says. Parts are runs of cells that follow one another by prompt, seed and settings, since
neighbours there have the longest beginnings in common; a worker gets the next part when it has handed in one.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from tsumami.engine import EngineOptions
from tsumami.errors import EngineError
from tsumami.explain.measures import measured
from tsumami.explore.design import Design
from tsumami.explore.grids import MEASURES, Cell, Grid, GridPlan, GridProgress, plan_grid
from tsumami.models import DEFAULT_MODEL, is_remote
from tsumami.quoting import theirs
from tsumami.runs import Prompt, Receipt
from tsumami.runs.making import Making
from tsumami.settings import IdleReason, Settings
from tsumami.sweep.cluster import Cluster, cluster
from tsumami.sweep.worker import Asked, GridPart, PartWorker
from tsumami.wording import counted

__all__ = ["Sweep"]

_PARTS: Final = 4  # parts for each worker: few enough to share much, enough to spread evenly
_TRIES: Final = 3  # workers that a part may lose
_PATIENCE: Final = 0.2  # seconds between two looks at a cancellation


class Sweep(Making[Cell, Grid]):
    """Cells as workers hand them in: iterate, then read `grid`. Use it in a `with` block: it ends the workers."""

    def __init__(
        self,
        prompts: Sequence[Asked],
        design: Design,
        *,
        model: str = DEFAULT_MODEL,
        options: EngineOptions | None = None,
        template: str | None = None,
        parse_special: bool | None = None,
        address: str = "auto",
        workers: int | None = None,
        watch: Callable[[GridProgress], None] | None = None,
    ) -> None:
        """Connect and load the model.

        Args:
            prompts: texts or token ids, or messages where a `template` is named.
            design: which settings and seeds they are tried with.
            model: its name, as `tsumami.load` takes it on the workers' machines.
            options: how they load it (`threads`, where it is not said: the cores of each worker).
            template: the prompt format.
            parse_special: whether it reads the names of special tokens in messages (see `Model.prompt`).
            address: of the Ray cluster: `auto`, `local`, or where it is (see `cluster`).
            workers: how many.
            watch: called with the progress when a part was handed in.

        Raises:
            MissingDependencyError: Ray is not installed.
            SettingsError: as in `plan_grid`, or more workers than cores.
            PromptError: something that is no prompt.
            ModelError: a worker cannot load the model.
            EngineError: no cluster answers.
        """
        plan = plan_grid([Prompt("", ())] * len(prompts), design)  # what is wrong is said before anything is started
        self._watch = watch
        self._cancelled = False
        self._lost = self._nodes = 0
        self._pids: list[int] = []
        self._begin, self._seconds = time.perf_counter(), 0.0
        self._ending = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            self._cluster = undo.enter_context(cluster(address, workers))
            self._hire = _hirer(self._cluster, model, options or EngineOptions())
            self._idle = [self._hire() for _ in range(self._cluster.workers)]

            def asked(settings: Settings) -> tuple[Prompt, ...]:  # they are tokens only where the model is
                made = self._idle[0].prompts.remote(list(prompts), template, parse_special, settings)
                return cast("tuple[Prompt, ...]", self._answer(made))

            self._plan = plan.with_prompts(asked)
            self._receipt: Receipt = self._answer(self._idle[0].receipt.remote(self._plan))
            self._thinks, self._asks = cast("tuple[bool, bool]", self._answer(self._idle[0].thinking.remote()))
            self._ending = undo.pop_all()
        self._shared = self._cluster.ray.put(self._plan)
        self._waiting = deque(_parts(self._plan, _PARTS * self._cluster.workers))
        self._tries: dict[tuple[int, ...], int] = {}
        self._busy: dict[Any, tuple[Any, tuple[int, ...]]] = {}
        self._cells: dict[int, Cell] = {}

    def idle_knobs(self, settings: Settings, template: str | None = None) -> dict[str, IdleReason]:
        """As `Model.idle_knobs`, with the model that the workers have loaded."""
        return settings.idle_knobs(thinks=self._thinks, asks=template in (None, "model") and self._asks)

    @property
    def lost(self) -> int:
        """How many workers were lost so far."""
        return self._lost

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of the workers that have handed in something, each on its own machine."""
        return tuple(self._pids)

    def __iter__(self) -> Iterator[Cell]:
        """The cells as they are handed in; each comes once. Who breaks off can go on later."""
        ray = self._cluster.ray
        while (self._waiting or self._busy) and not self._cancelled:
            self._hand_out()
            ready, _ = ray.wait(list(self._busy), timeout=_PATIENCE)
            for reference in ready:
                worker, numbers = self._busy.pop(reference)
                part = self._take(reference, worker, numbers)
                if part is not None:
                    self._hand_out()
                    yield from part.cells
        self._seconds = self._seconds or time.perf_counter() - self._begin

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            worker, numbers = self._idle.pop(), self._waiting.popleft()
            self._busy[worker.make.remote(self._shared, numbers)] = worker, numbers

    def _take(self, reference: Any, worker: Any, numbers: tuple[int, ...]) -> GridPart | None:
        """A part that was handed in; None if its worker was lost, and then it waits for another."""
        try:
            part: GridPart = self._answer(reference)
        except self._cluster.ray.exceptions.RayActorError as error:
            self._lost += 1
            self._tries[numbers] = self._tries.get(numbers, 0) + 1
            if self._tries[numbers] == _TRIES:
                raise EngineError(
                    f"{_TRIES} workers were lost over the same {counted(len(numbers), 'cell')} ({error}); give "
                    "the workers more"
                    " memory, or fewer cells at once"
                ).in_japanese(
                    f"同じ {len(numbers)} セルで {_TRIES} 個のワーカーが失われました（{theirs(error)}）"
                    "。ワーカーのメモリーを増やすか、一度のセルを減らしてください"
                ) from error
            self._waiting.appendleft(numbers)
            self._idle.append(self._hire())
            return None
        self._idle.append(worker)
        self._keep(part)
        return part

    def _keep(self, part: GridPart) -> None:
        if part.receipt.model.fingerprint != self._receipt.model.fingerprint:
            raise EngineError(
                f"a worker has other weights under the name {part.receipt.model.name} (sha256"
                f" {part.receipt.model.fingerprint[:12]}…); give all machines the same file"
            ).in_japanese(
                f"あるワーカーの {part.receipt.model.name} は重みが違います（sha256 "
                f"{part.receipt.model.fingerprint[:12]}…）。すべてのマシンに同じファイルを置いてください"
            )
        if part.receipt.engine != self._receipt.engine and self._receipt.engine.exact:
            self._receipt = replace(self._receipt, engine=_mixed(self._receipt))
        if part.pid not in self._pids:
            self._pids.append(part.pid)
        self._nodes += part.nodes
        self._cells |= {self._plan.number(cell.point): cell for cell in part.cells}
        if self._watch is not None:
            texts = len({cell.text for cell in self._cells.values()})
            alone = sum(max(len(cell.tokens) - 1, 0) for cell in self._cells.values())
            done, busy, waiting = len(self._cells), len(self._busy), len(self._waiting)
            self._watch(GridProgress(done, len(self._plan), texts, busy, waiting, self._nodes, alone - self._nodes))

    def _answer(self, reference: Any) -> Any:
        """What a worker answers; what it raised is raised here as it is."""
        ray = self._cluster.ray
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error

    def cancel(self) -> None:
        """Stop after the parts that were handed in; the other cells of the grid are then empty."""
        self._cancelled = True

    @property
    def grid(self) -> Grid:
        """The grid; waits for all parts. Ctrl-C meanwhile cancels."""
        return self.kept()

    def _finish(self) -> Grid:
        for _ in self:
            pass
        cells = tuple(self._cells.get(number) or _empty(self._plan, number) for number in range(len(self._plan)))
        return Grid(self._plan, cells, self._receipt, self._nodes, self._seconds)

    def close(self) -> None:
        """End the workers, and the cluster if it was started here. Safe to call twice."""
        self._ending.close()


def _hirer(found: Cluster, model: str, options: EngineOptions) -> Callable[[], Any]:
    """What makes a worker."""
    if not is_remote(model):
        options = replace(options, threads=options.threads or found.cores)
    actor = found.ray.remote(num_cpus=found.cores, max_restarts=0, max_task_retries=0)(PartWorker)

    def hire() -> Any:
        return actor.remote(model, options)

    return hire


def _parts(plan: GridPlan, count: int) -> list[tuple[int, ...]]:
    """The cells in so many parts: prompt by prompt, in a prompt seed by seed."""
    seeds = len(plan.seeds)
    order = sorted(
        range(len(plan)), key=lambda number: (number // (len(plan.settings) * seeds), number % seeds, number)
    )
    size = -(-len(order) // count)
    return [tuple(order[begin : begin + size]) for begin in range(0, len(order), size)]


def _empty(plan: GridPlan, number: int) -> Cell:
    """A cell of which nothing was made."""
    nothing = measured((), (), ())
    measures = {name: getattr(nothing, name) for name in MEASURES}
    return Cell(plan.point(number), "", (), "cancelled", None, measures)


def _mixed(receipt: Receipt) -> Any:
    """The engine of a grid whose machines compute differently."""
    return replace(
        receipt.engine,
        exact=False,
        why_ja="計算したマシンのプロセッサーまたはビルドが同じではない",
        why_en="the machines that made it have different processors or builds",
    )
