"""The tab "grid": the texts of every combination of one or two knobs' values, and seeds, measured and coloured.

What is drawn is grid.js's; handlers unpack, call one function, and show what it gave.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any, ClassVar, Final, NamedTuple

import gradio as gr

from tsumami.app.parts import empty_tab, knob_panel, prompt_form
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.events import QUICK, WORKING
from tsumami.app.parts.experiment import ExperimentTab, RunToken
from tsumami.app.parts.form import unpacked
from tsumami.app.parts.prompt_form import PromptContents, PromptForm
from tsumami.app.parts.scripts import script
from tsumami.app.parts.telling import told
from tsumami.app.tabs.grid import form as grid_form
from tsumami.app.tabs.grid import view as grid_view
from tsumami.app.tabs.grid.form import VARIED_KNOBS, Wishes
from tsumami.app.tabs.grid.work import GridSight, GridWork
from tsumami.app.views import compare_view
from tsumami.app.work.shelf import ModelChoice
from tsumami.app.work.tasks import session_of
from tsumami.errors import TsumamiError
from tsumami.explore.grids import Grid
from tsumami.model import Model
from tsumami.settings import Settings

_KNOBS: Final = ("temperature", "top_p")
_VALUES: Final = ("0:2:0.5", "0.5,0.8,0.95")
_TOKENS: Final = 32
_SEEDS: Final = 1


class WishContents(NamedTuple):
    """What the form holds of `_GridForm.wishes`: two knobs, each with its values, and numbers."""

    knob_1: str
    values_1: str | None
    knob_2: str | None
    values_2: str | None
    seed: float | None
    seeds: float | None
    tokens: float | None


@dataclass(frozen=True, slots=True)
class _GridForm:
    """What a grid is asked for with; two knobs, each with its values."""

    prompt: PromptForm
    own: gr.Checkbox
    knobs: list[gr.Dropdown]
    values: list[gr.Textbox]
    numbers: list[gr.Number]

    @property
    def wishes(self) -> list[Any]:
        """What makes a `WishContents`, in its order."""
        return [self.knobs[0], self.values[0], self.knobs[1], self.values[1], *self.numbers]


@dataclass(slots=True)
class GridTab(ExperimentTab[GridWork, Grid]):
    """The tab. `n_ctx`: the default model's."""

    name: ClassVar[str] = "grid"
    nothing: ClassVar[str] = "grid.nothing"
    kinds: ClassVar[tuple[str, ...]] = grid_view.FILE_KINDS
    n_ctx: int

    # --- layout ---

    def build(self, desk: Desk, place: gr.Tab) -> None:
        """Lay out the tab and connect it; call inside the `gr.Tab`."""
        texts = self.texts
        with gr.Column(elem_id="grid"):
            with gr.Row(elem_classes="split", equal_height=False):
                form = self._form()
            with gr.Row(elem_classes="tight"):
                go, stop = self.buttons(texts("grid.go"))
                outlook = gr.HTML(self._outlook(_first()), elem_id="grid-outlook", apply_default_css=False)
            empty = empty_tab.build(texts, self.name)
            view = gr.HTML(
                value="", html_template=grid_view.skeleton(texts), elem_id="grid-view",
                js_on_load=script(__name__, "grid.js"), apply_default_css=False,
            )  # fmt: skip
            self.wire(desk, stop, view)
        for knob, values in zip(form.knobs, form.values, strict=True):
            knob.change(self.on_knob, [knob], [values], queue=False, **QUICK)
        changes = [part.change for part in form.wishes]
        gr.on(changes, self.on_outlook, form.wishes, [outlook], queue=False, trigger_mode="always_last", **QUICK)
        form.prompt.wire(desk, place)
        asked = [desk.choice, *form.prompt.inputs(desk), form.own, *form.wishes, desk.panel.knobs]
        # pressed again, it makes what is asked for now, and ends the other
        for begin in (go.click, form.prompt.taking(empty.select, desk).then):
            begin(self.on_grid, asked, [view], trigger_mode="multiple", **WORKING)
        view.submit(self.on_choose, None, [view], **QUICK)
        view.select(self.on_compare, [desk.choice], [view], **QUICK)

    def _form(self) -> _GridForm:
        texts = self.texts
        with gr.Column(scale=2, min_width=300):
            prompt = prompt_form.build(texts, "grid", "map.prompt")
            with gr.Row(elem_classes="tight"):
                own = prompt_form.own_knobs(texts, "grid")
            with gr.Row(elem_classes="tight"):
                numbers = [self._number(name, value) for name, value in _numbers().items()]
        with gr.Column(scale=3, min_width=300):
            knobs, values = zip(*(self._varied(number) for number in range(2)), strict=True)
            gr.HTML(f'<p class="tsu-note">{escape(texts("grid.form"))}</p>', apply_default_css=False)
        return _GridForm(prompt, own, list(knobs), list(values), numbers)

    def _varied(self, number: int) -> tuple[gr.Dropdown, gr.Textbox]:
        """A knob to choose and its values to type; the second knob may be none."""
        names: list[str | int | float | tuple[str, str | int | float]] = [*VARIED_KNOBS]
        if number:
            names.insert(0, (self.texts("grid.none"), ""))
        with gr.Row(elem_classes="tight"):
            knob = gr.Dropdown(
                names, value=_KNOBS[number], label=self.texts(f"grid.knob_{number + 1}"), min_width=150,
                elem_id=f"grid-knob-{number + 1}",
            )  # fmt: skip
            values = gr.Textbox(
                _VALUES[number], label=self.texts("grid.values"), max_lines=1, min_width=150,
                elem_id=f"grid-values-{number + 1}",
            )  # fmt: skip
        return knob, values

    def _number(self, name: str, value: float) -> gr.Number:
        label = self.texts(f"grid.{'first' if name == 'seed' else name}")
        return gr.Number(value, label=label, min_width=80, elem_id=f"grid-{name}")

    # --- the form ---

    def on_knob(self, name: str | None) -> str:
        """Values to begin with for another knob."""
        return grid_form.offered(name) if name else ""

    def on_outlook(self, *wishes: Any) -> str:
        """How large the grid would be, or what cannot be."""
        return self._outlook(_wishes(WishContents(*wishes)))

    def _outlook(self, wishes: Wishes) -> str:
        try:
            return f'<p class="facts">{escape(grid_form.outlook(self.texts, wishes, self.n_ctx))}</p>'
        except TsumamiError as error:
            return f'<p class="problem">⚠️ {escape(self.texts.error(error))}</p>'

    # --- making ---

    @told()
    def on_grid(
        self,
        request: gr.Request,
        choice: ModelChoice,
        prompt: str | None,
        template: str,
        chat_template: str,
        system: str | None,
        special: bool,
        own: bool,
        *rest: Any,
    ) -> Iterator[Any]:
        """Make a grid."""
        wished, panel = unpacked(rest, WishContents._fields, ["knobs"])
        wishes = _wishes(WishContents(**wished))
        base = knob_panel.read(panel["knobs"]) if own else Settings()
        with self._tasks.ask(session_of(request)) as asked, self.shelf.lend(choice, wanted=asked.wanted) as model:
            contents = PromptContents(prompt, template, chat_template, system, special)
            plan = grid_form.plan(wishes, partial(prompt_form.asked, model, contents), base, model.n_ctx)
            work = GridWork(plan, model, choice)
            for sight in self.growing(request, asked, work, work.grow()):
                yield self._drawn(work, sight)

    def _drawn(self, work: GridWork, sight: GridSight | None = None, *, pair: tuple[int, str] | None = None) -> str:
        """A grid as the component's value; `pair`: number of a cell, and HTML of it beside the chosen one."""
        texts, found = self.texts, work.found
        if found is not None:
            cells, line = found.cells, grid_view.facts(texts, found)
        else:
            assert sight is not None
            cells, line = sight.cells, grid_view.progress(texts, sight.progress)
        data = grid_view.grid_data(texts, work.plan, cells, facts=line, found=found, beside=work.beside)
        return json.dumps({**data, "key": work.number, "pair": pair}, ensure_ascii=False)

    # --- from a cell to elsewhere ---

    def on_choose(self, event: gr.EventData, request: gr.Request) -> Any:
        """Make a cell the one that the others are compared with."""
        work = self.work_of(request)
        if work is None or self.found_by(request) is None:
            return gr.skip()
        work.beside = int(event.cell)
        return self._drawn(work)

    @told()
    def on_compare(self, event: gr.EventData, request: gr.Request, choice: ModelChoice) -> Any:
        """Put a cell beside the chosen one, and say why they part."""
        work, found = self.work_of(request), self.found_by(request)
        if work is None or found is None:
            return gr.skip()
        cells = found.cells[work.beside], found.cells[int(event.cell)]
        names = [f"{letter} · {grid_view.name_of(found, cell)}" for letter, cell in zip("AB", cells, strict=True)]
        with self.shelf.lend(choice) as model:
            runs = found.run(model, cells[0]), found.run(model, cells[1])
            beside = compare_view.pair(self.texts, model.tokenizer.piece, runs, (names[0], names[1]))
        beside += grid_view.over_seeds(self.texts, found, *cells)
        return self._drawn(work, pair=(int(event.cell), beside))

    def run_at(self, found: Grid, event: gr.EventData, model: Model) -> RunToken:
        """A cell's run."""
        return RunToken(found.run(model, found.cells[int(event.cell)]))

    def settings_of(self, found: Grid, event: gr.EventData) -> Settings:
        """A cell's settings."""
        return found.plan.settings_at(found.cells[int(event.cell)].point)

    def recalled(self, form: str, choice: ModelChoice) -> GridWork:
        """A grid of the history."""
        found = Grid.from_json(form)
        return GridWork(found.plan, None, choice, found)

    def drawn(self, work: GridWork) -> str:
        """A grid that is finished."""
        return self._drawn(work)

    def file(self, work: GridWork, found: Grid, kind: str) -> tuple[str, str | bytes]:
        """The grid as a file."""
        return f"grid.{kind}", self._written(found, work.beside, kind)

    def _written(self, found: Grid, beside: int, kind: str) -> str | bytes:
        match kind:
            case "csv":
                return found.to_csv(found.cells[beside])
            case "json":
                return found.to_json(indent=1)
            case _:
                return grid_view.pictures(self.texts, found, "png" if kind == "png" else "svg")


def _numbers() -> dict[str, float]:
    return {"seed": 0, "seeds": _SEEDS, "tokens": _TOKENS}


def _first() -> Wishes:
    return Wishes(tuple(zip(_KNOBS, _VALUES, strict=True)), *_numbers().values())


def _wishes(form: WishContents) -> Wishes:
    """What the form asks for; a second knob that is none is left out."""
    vary = [(form.knob_1, form.values_1 or "")] + ([(form.knob_2, form.values_2 or "")] if form.knob_2 else [])
    return Wishes(tuple(vary), form.seed, form.seeds, form.tokens)
