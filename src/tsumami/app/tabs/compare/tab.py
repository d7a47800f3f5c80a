"""The tab "compare": two to eight lanes from one prompt and one roll, side by side, and why they part.

Guarantee: the lanes are `Comparing`'s (each is its lone run); what is said about them is the library's sentence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from string import ascii_uppercase
from typing import Any, ClassVar, Final, NamedTuple

import gradio as gr
from gradio.components import Component

from tsumami import charts
from tsumami.app.parts import empty_tab, knob_panel, prompt_form
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.events import QUICK, WORKING
from tsumami.app.parts.prompt_form import PromptContents, PromptForm
from tsumami.app.parts.scripts import script
from tsumami.app.parts.telling import tell_not_kept, told
from tsumami.app.tabs.compare import lanes
from tsumami.app.tabs.compare.pairs import Lanes
from tsumami.app.views import compare_view
from tsumami.app.words.texts import Texts, Word
from tsumami.app.work.keeping import Keeper, Keeping
from tsumami.app.work.kept import Kept
from tsumami.app.work.number_boxes import highest, lowest, whole
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Asked, Tasks, session_of
from tsumami.errors import CancelledError
from tsumami.explain.measures import TOKEN_MEASURES
from tsumami.explore.lanes import Comparing, Comparison, LanePlan, compared
from tsumami.knobs import KNOBS
from tsumami.model import Model
from tsumami.runs import Run
from tsumami.runs.making import Pace
from tsumami.sampling import effective_seed
from tsumami.settings import Settings

_LEAST_SECONDS: Final = 0.15
_EXAMPLE: Final = "temperature=0.8\ntemperature=0\ntemperature=3"


class Compared(NamedTuple):
    """What is shown of a comparison: the lanes, why they part, and what was measured; what is not given stays."""

    lanes: Any = gr.skip()
    why: Any = gr.skip()
    measured: Any = gr.skip()


@dataclass(slots=True)
class CompareTab:
    """The tab."""

    name: ClassVar[str] = "compare"
    texts: Texts
    shelf: Shelf
    history: Keeping = field(default_factory=lambda: Keeping(wanted=False), kw_only=True)
    _tasks: Tasks[Comparing] = field(default_factory=Tasks)
    _lanes: Kept[Lanes] = field(default_factory=Kept)

    def build(self, desk: Desk, place: gr.Tab) -> None:
        """Lay out the tab and connect it; call inside the `gr.Tab`."""
        with gr.Column(elem_id="compare"):
            with gr.Row(elem_classes="split", equal_height=False):
                prompt, how = self._form()
            with gr.Row(elem_classes="tight"):
                go = gr.Button(self.texts("compare.go"), variant="primary", size="sm", elem_id="compare-go")
                stop = gr.Button(self.texts("chat.stop"), variant="stop", size="sm", elem_id="compare-stop")
            empty = empty_tab.build(self.texts, self.name)
            with gr.Column(elem_id="compare-view"):
                view = gr.HTML(elem_id="compare-lanes-view", apply_default_css=False)
                why = gr.HTML(
                    elem_id="compare-why", apply_default_css=False,
                    js_on_load=script(__name__, "pairs.js", looking=self.texts("log.looking")),
                )  # fmt: skip
                measured = gr.HTML(elem_id="compare-measures", apply_default_css=False)
        prompt.wire(desk, place)
        asked = [desk.choice, *prompt.inputs(desk), *how, desk.panel.knobs]
        # pressed again, it makes what is asked for now, and ends the other
        for begin in (go.click, prompt.taking(empty.select, desk).then):
            begin(self.on_compare, asked, [view, why, measured], trigger_mode="multiple", **WORKING)
        why.select(self.on_reference, [desk.choice], [why], **WORKING)
        stop.click(self.on_stop, None, None, queue=False, **QUICK)
        desk.blocks.unload(self.on_gone)

    def _form(self) -> tuple[PromptForm, list[Component]]:
        """The prompt, and whose knobs, seed, length and lanes, as `on_compare` takes them."""
        texts = self.texts
        with gr.Column(scale=3, min_width=300):
            prompt = prompt_form.build(texts, "compare", "compare.prompt")
            with gr.Row(elem_classes="tight"):
                own = prompt_form.own_knobs(texts, "compare")
                seed = gr.Number(0, label=texts("map.seed"), precision=0, min_width=90, elem_id="compare-seed")
                most = gr.Number(96, label="max_tokens", precision=0, min_width=90, elem_id="compare-most")
        with gr.Column(scale=2, min_width=300):
            written = gr.Textbox(
                _EXAMPLE, label=texts("compare.lanes"), info=texts("compare.lanes_info"), lines=4, max_lines=9,
                elem_id="compare-lanes",
            )  # fmt: skip
            self._maker(written)
        return prompt, [own, seed, most, written]

    def _maker(self, written: gr.Textbox) -> None:
        """What writes lanes for the values of one knob."""
        bare: dict[str, Any] = {"show_label": False, "container": False}
        names = [name for name in KNOBS if name not in ("max_tokens", "samplers")]
        with gr.Row(elem_classes="tight"):
            knob = gr.Dropdown(
                names, value="top_k", label=self.texts("compare.knob"), min_width=130, elem_id="compare-knob", **bare
            )
            values = gr.Textbox(
                "40, 100", label=self.texts("compare.values"), min_width=110, elem_id="compare-values", **bare
            )
            make = gr.Button(self.texts("compare.make"), size="sm", min_width=90, elem_id="compare-make")
        make.click(self.on_make, [knob, values], [written], queue=False, **QUICK)

    def on_make(self, knob: str, values: str | None) -> str:
        """Lanes for the values of one knob."""
        return lanes.written(knob, values or "")

    def stop(self, session: str) -> None:
        """Stop all lanes; they keep what they have."""
        self._tasks.stop(session)

    def on_stop(self, request: gr.Request) -> None:
        """Stop."""
        self.stop(session_of(request))

    def on_gone(self, request: gr.Request) -> None:
        """The page was closed."""
        self._tasks.stop(session_of(request))
        self._lanes.forget(session_of(request))

    @told()
    def on_reference(self, event: gr.EventData, request: gr.Request, choice: ModelChoice) -> Any:
        """Explain the lanes from another one, or each from its neighbour."""
        lanes_there = self._lanes.get(session_of(request))
        if lanes_there is None:
            return gr.skip()
        try:
            with self._tasks.ask(session_of(request)) as asked, asked.working(), self.shelf.lend(choice) as model:
                return lanes_there.explained(self.texts, model.tokenizer.piece, str(event.to))
        except CancelledError:
            return lanes_there.unexplained(self.texts)

    @told()
    def on_compare(
        self,
        request: gr.Request,
        choice: ModelChoice,
        prompt: str | None,
        template: str,
        chat_template: str,
        system: str | None,
        special: bool,
        own: bool,
        seed: float | None,
        most: float | None,
        written: str | None,
        knobs: Any,
    ) -> Iterator[Compared]:
        """Generate the lanes together, and say why they part."""
        base = (knob_panel.read(knobs) if own else Settings()).replace(
            seed=whole(Word("map.seed"), seed, lowest("seed"), highest("seed")),
            max_tokens=whole("max_tokens", most, 0, highest("max_tokens")),
        )
        base = base.replace(seed=effective_seed(base))  # a random one is the same for all lanes
        written_lanes = lanes.read(written or "")
        names = [
            f"{letter} · {name}" for letter, name in zip(ascii_uppercase, lanes.names(written_lanes), strict=False)
        ]
        with self._tasks.ask(session_of(request)) as asked, self.shelf.lend(choice, wanted=asked.wanted) as model:
            plans = _plans(model, written_lanes, PromptContents(prompt, template, chat_template, system, special), base)
            if asked.stopped:
                return
            with Comparing(model, plans) as comparing, _kept(comparing, self.history.keeper(request)):
                yield from asked.growing(comparing, self._growing(comparing, names))
                if not asked.dropped:
                    yield self._drawn(asked.session, model, _found(comparing, asked), names)
            tell_not_kept(self.texts, self.history, request)

    def _growing(self, comparing: Comparing, names: Sequence[str]) -> Iterator[Compared]:
        texts, pace = [""] * len(names), Pace(_LEAST_SECONDS)
        for lane, step in comparing:
            texts[lane] += step.text
            if pace.due():
                shown = [charts.LaneColumn(name, text=text) for name, text in zip(names, texts, strict=True)]
                yield Compared(charts.side_by_side(shown, None, self.texts.language), "", "")

    def _drawn(self, session: str, model: Model, found: Comparison, names: Sequence[str]) -> Compared:
        texts, shown = self.texts, Lanes.of(found, names)
        self._lanes.put(session, shown)
        columns = [
            charts.LaneColumn(name, lane.run, problem="" if lane.error is None else texts.error(lane.error))
            for name, lane in zip(names, found.lanes, strict=True)
        ]
        beside = charts.side_by_side(columns, found.alignment, texts.language)
        known = len(found.divergences) == len(found.runs[1:])
        why = shown.explained(texts, model.tokenizer.piece) if known else shown.unexplained(texts)
        return Compared(beside, why, self._measured(found, shown))

    def _measured(self, found: Comparison, shown: Lanes) -> str:
        texts, runs = self.texts, dict(zip(shown.names, shown.runs, strict=True))
        table = compare_view.measures(texts, shown.names, found.metrics)
        lines = [charts.measure_line(runs, one.name, texts.language) for one in TOKEN_MEASURES if _any_step(runs)]
        pictures = "".join(map(charts.inline, lines))
        return f'<h2>{escape(texts("compare.measures"))}</h2>{table}<div class="pictures">{pictures}</div>'


@contextlib.contextmanager
def _kept(comparing: Comparing, keeper: Keeper) -> Iterator[None]:
    """Whatever ends the block, the lanes are kept as far as they have come."""
    try:
        yield
    finally:
        if keeper.store is not None:
            comparing.cancel()
            for run in (lane.run for lane in comparing.lanes if lane.run is not None):
                keeper.run(run, "compare")


def _found(comparing: Comparing, asked: Asked[Comparing]) -> Comparison:
    """What is to be said about the lanes; once it was stopped, only what is known without computing."""
    try:
        with asked.working():
            return comparing.comparison
    except CancelledError:
        return compared(comparing.lanes, why=False)


def _any_step(runs: Mapping[str, Run]) -> bool:
    """Whether there is anything to draw."""
    return any(run.steps for run in runs.values())


def _plans(model: Model, asked: Sequence[lanes.Written], common: PromptContents, base: Settings) -> list[LanePlan]:
    """What each lane is made from."""
    made = []
    for lane in asked:
        contents = common if lane.prompt is None else common._replace(text=lane.prompt)
        settings = base.replace(**lane.knobs)
        made.append(LanePlan(prompt_form.asked(model, contents, settings), settings))
    return made
