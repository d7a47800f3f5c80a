"""The tab "knob map": every text that one knob gives, as an icicle that grows while it is computed.

Guarantee: zooming maps the sub-range alone and keeps the way back. What is drawn is icicle.js's; handlers unpack, call
one function, and show what it gave.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar, Final

import gradio as gr

from tsumami.app.parts import empty_tab, knob_panel, prompt_form
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.events import QUICK, WORKING
from tsumami.app.parts.experiment import ExperimentTab, RunToken
from tsumami.app.parts.prompt_form import PromptContents, PromptForm
from tsumami.app.parts.scripts import script
from tsumami.app.parts.telling import told
from tsumami.app.tabs.map.work import MapSight, MapWork
from tsumami.app.views.knob_line import given
from tsumami.app.words.texts import PageProblem, Word
from tsumami.app.work.number_boxes import highest, whole
from tsumami.app.work.shelf import ModelChoice
from tsumami.app.work.tasks import Asked, session_of
from tsumami.boundaries import Axis
from tsumami.charts import handy, icicle_data, icicle_facts, icicle_page, icicle_script, icicle_skeleton, word
from tsumami.explore.intervals import mappable_knobs
from tsumami.explore.maps import MOST_LEAVES, KnobMap
from tsumami.knobs import KNOBS
from tsumami.model import Model
from tsumami.settings import Settings

_KINDS: Final = ("csv", "json", "html")
_FIRST: Final = "temperature"
_TOKENS: Final = 32
_LEAVES: Final = 32


@dataclass(frozen=True, slots=True)
class _MapForm:
    """What a map is asked for with."""

    prompt: PromptForm
    own: gr.Checkbox
    seed: gr.Number
    knob: gr.Dropdown
    low: gr.Number
    high: gr.Number
    tokens: gr.Number
    leaves: gr.Number


@dataclass(slots=True)
class MapTab(ExperimentTab[MapWork, KnobMap]):
    """The tab."""

    name: ClassVar[str] = "map"
    nothing: ClassVar[str] = "map.nothing"
    kinds: ClassVar[tuple[str, ...]] = _KINDS

    # --- layout ---

    def build(self, desk: Desk, place: gr.Tab) -> None:
        """Lay out the tab and connect it; call inside the `gr.Tab`."""
        texts = self.texts
        with gr.Column(elem_id="map"):
            with gr.Row(elem_classes="split", equal_height=False):
                form = self._form()
            with gr.Row(elem_classes="tight"):
                go, stop = self.buttons(texts("map.go"))
                deeper = gr.Button(texts("map.deeper"), size="sm", min_width=90, elem_id="map-deeper")
                wider = gr.Button(texts("map.wider"), size="sm", min_width=90, elem_id="map-wider")
            empty = empty_tab.build(texts, self.name)
            view = gr.HTML(
                value="", html_template=icicle_skeleton(texts.language, extra=self._files()), elem_id="map-view",
                js_on_load=f"{icicle_script()}\n{script(__name__, 'map.js')}", apply_default_css=False,
            )  # fmt: skip
            self.wire(desk, stop, view)
        budget = [form.tokens, form.leaves]
        form.knob.change(self.on_knob, [form.knob], [form.low, form.high], queue=False, **QUICK)
        form.prompt.wire(desk, place)
        asked = [*form.prompt.inputs(desk), form.own, form.seed, form.knob, form.low, form.high]
        asked = [desk.choice, *budget, *asked, desk.panel.knobs]
        for begin in (go.click, form.prompt.taking(empty.select, desk).then):
            # pressed again, it makes what is asked for now, and ends the other
            begin(self.on_map, asked, [view], trigger_mode="multiple", **WORKING)
        deeper.click(self.on_deeper, budget, [form.tokens, view], **WORKING)
        wider.click(self.on_wider, budget, [form.leaves, view], **WORKING)
        view.select(self.on_zoom, budget, [view], **WORKING)
        view.undo(self.on_back, None, [view], **QUICK)

    def _form(self) -> _MapForm:
        texts = self.texts
        with gr.Column(scale=3, min_width=300):
            prompt = prompt_form.build(texts, "map", "map.prompt")
            with gr.Row(elem_classes="tight"):
                own = prompt_form.own_knobs(texts, "map")
                seed = self._number("seed", 0)
        with gr.Column(scale=2, min_width=300):
            with gr.Row(elem_classes="tight"):
                knob = gr.Dropdown(
                    mappable_knobs(), value=_FIRST, label=texts("map.knob"), min_width=150, elem_id="map-knob"
                )
                low, high = (
                    self._number(name, value) for name, value in zip(("low", "high"), self.on_knob(_FIRST), strict=True)
                )
            with gr.Row(elem_classes="tight"):
                tokens, leaves = self._number("tokens", _TOKENS), self._number("leaves", _LEAVES)
            gr.HTML(self._unmappable(), elem_id="map-others", apply_default_css=False)
        return _MapForm(prompt, own, seed, knob, low, high, tokens, leaves)

    def _number(self, name: str, value: float) -> gr.Number:
        return gr.Number(value, label=self.texts(f"map.{name}"), min_width=90, elem_id=f"map-{name}")

    def _files(self) -> str:
        """The buttons that give the map as a file."""
        buttons = "".join(f'<button type="button" data-file="{kind}">{kind.upper()}</button>' for kind in _KINDS)
        return f'<span class="tsu-icicle-files">{escape(self.texts("map.files"))} {buttons}</span>'

    def _unmappable(self) -> str:
        """The knobs of which there is no map, and why."""
        texts = self.texts
        rows = "".join(
            f"<li><code>{name}</code> {escape(texts(_why_not(name)))}</li>"
            for name in KNOBS
            if name not in mappable_knobs()
        )
        return f"<details><summary>{escape(texts('map.others'))}</summary><ul>{rows}</ul></details>"

    # --- making ---

    def on_knob(self, name: str) -> tuple[float, float]:
        """The range that a knob's slider has."""
        axis = Axis.handy(name, KNOBS[name].default)
        return axis.low, axis.high

    @told()
    def on_map(
        self,
        request: gr.Request,
        choice: ModelChoice,
        tokens: float | None,
        leaves: float | None,
        prompt: str | None,
        template: str,
        chat_template: str,
        system: str | None,
        special: bool,
        own: bool,
        seed: float | None,
        knob: str,
        low: float | None,
        high: float | None,
        knobs: Any,
    ) -> Iterator[Any]:
        """Make a map."""
        base = knob_panel.read(knobs) if own else Settings()
        settings = base.replace(seed=whole(Word("map.seed"), seed, 0, highest("seed")))
        with self._tasks.ask(session_of(request)) as asked, self.shelf.lend(choice, wanted=asked.wanted) as model:
            begin = prompt_form.asked(model, PromptContents(prompt, template, chat_template, system, special), settings)
            mapping = model.mapping(begin, knob, *_range(low, high), settings)
            yield from self._growing(request, asked, MapWork(mapping, model, choice), tokens, leaves)

    def on_deeper(self, request: gr.Request, tokens: float | None, leaves: float | None) -> Iterator[tuple[Any, Any]]:
        """Go on with the map to more tokens: those of the box, or twice as many as it has."""
        found = self.found_by(request)
        if found is not None:
            more = tokens if tokens and tokens > found.max_tokens else 2 * found.max_tokens
            for drawn in self._further(request, more, leaves):
                yield more, drawn

    def on_wider(self, request: gr.Request, tokens: float | None, leaves: float | None) -> Iterator[tuple[Any, Any]]:
        """Go on with the map, and follow more texts: as many as the box says, or twice as many."""
        found = self.found_by(request)
        if found is not None:
            more = leaves if leaves and leaves > found.leaves else 2 * found.leaves
            for drawn in self._further(request, max(tokens or 0, found.max_tokens), more):
                yield more, drawn

    def on_zoom(
        self, event: gr.EventData, request: gr.Request, tokens: float | None, leaves: float | None
    ) -> Iterator[Any]:
        """Map a part of the range alone."""
        found = self.found_by(request)
        if found is not None:
            yield from self._further(request, tokens, leaves, span=(float(event.low), float(event.high)))

    def on_back(self, request: gr.Request) -> Any:
        """The map that this one was zoomed out of."""
        session = session_of(request)
        self._tasks.drop(session)
        work = self.work_of(request)
        if work is None or work.parent is None:
            return gr.skip()
        self._works.put(session, work.parent)
        return self._drawn(work.parent, None)

    @told()
    def _further(
        self,
        request: gr.Request,
        tokens: float | None,
        leaves: float | None,
        *,
        span: tuple[float, float] | None = None,
    ) -> Iterator[Any]:
        """Go on with the session's map, or zoom into it."""
        session = session_of(request)
        self._tasks.drop(session)
        work = self.work_of(request)
        if work is not None:
            with self._tasks.ask(session) as asked, self.shelf.lend(work.choice, wanted=asked.wanted) as model:
                yield from self._growing(request, asked, work.further(model, span), tokens, leaves)

    def _growing(
        self, request: gr.Request, asked: Asked[MapWork], work: MapWork, tokens: float | None, leaves: float | None
    ) -> Iterator[Any]:
        most = whole(Word("map.tokens"), tokens, 1, highest("max_tokens"))
        budget = whole(Word("map.leaves"), leaves, 1, MOST_LEAVES)
        for sight in self.growing(request, asked, work, work.grow(max_tokens=most, leaves=budget)):
            yield self._drawn(work, sight)

    def _drawn(self, work: MapWork, sight: MapSight | None) -> str:
        """A map as the component's value."""
        found = work.found if sight is None else sight.found
        assert found is not None
        settings = found.receipt.settings
        turned = {name: value for name, value in settings.changed().items() if name not in ("seed", found.knob)}
        line = given({**turned, "seed": found.receipt.seed})
        data = icicle_data(
            found, self.texts.language, facts=self._facts(found, sight), settings=line, parents=work.parents
        )
        return json.dumps(data, ensure_ascii=False)

    def _facts(self, found: KnobMap, sight: MapSight | None) -> str:
        """How far the map is; while it grows, also where it is and how long it may take."""
        facts = icicle_facts(found, self.texts.language)
        if sight is None or sight.progress is None or sight.remaining is None:
            return facts
        language, at = self.texts.language, sight.progress
        return " · ".join(
            (
                word(language, "icicle.depth", at=at.depth, of=found.max_tokens),
                facts,
                word(language, "icicle.followed", count=at.followed),
                word(language, "icicle.remaining", count=f"{sight.remaining:.0f}"),
            )
        )

    # --- from a text to elsewhere ---

    def run_at(self, found: KnobMap, event: gr.EventData, model: Model) -> RunToken:
        """A text's run."""
        return RunToken(found.run(model, handy(found.pieces[int(event.piece)])), int(event.token))

    def settings_of(self, found: KnobMap, event: gr.EventData) -> Settings:
        """A text's settings, at its handiest value."""
        value = {found.knob: handy(found.pieces[int(event.piece)]), "seed": found.receipt.seed}
        return found.receipt.settings.replace(**value)

    def recalled(self, form: str, choice: ModelChoice) -> MapWork:
        """A map of the history."""
        return MapWork(None, None, choice, found=KnobMap.from_json(form))

    def drawn(self, work: MapWork) -> str:
        """A map that is finished."""
        return self._drawn(work, None)

    def file(self, work: MapWork, found: KnobMap, kind: str) -> tuple[str, str | bytes]:  # noqa: ARG002  (the map is all)
        """The map as a file."""
        return f"{found.knob}.{kind}", self._written(found, kind)

    def _written(self, found: KnobMap, kind: str) -> str:
        match kind:
            case "csv":
                return found.to_csv()
            case "json":
                return found.to_json(indent=1)
            case _:
                return icicle_page(found, self.texts.language)


def _range(low: float | None, high: float | None) -> tuple[float, float]:
    """The two ends in the boxes.

    Raises:
        PageProblem: a box is empty, or they are no range.
    """
    if low is None or high is None:
        raise PageProblem("map.no_range")
    if low >= high:
        raise PageProblem("map.not_a_range", low=f"{low:g}", high=f"{high:g}")
    return low, high


def _why_not(name: str) -> str:
    """The key of the words on why there is no map of a knob."""
    return f"map.not.{name}" if KNOBS[name].kind in ("int", "float", "bool") or name == "mirostat_mode" else "map.not"
