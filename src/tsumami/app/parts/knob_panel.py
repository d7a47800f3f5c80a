"""The knob panel: every knob of the table in accordions by group, the fourteen classic ones first.

Guarantee: labels, ranges, defaults and explanations come from the knob table, and the panel's contents always read back
as Settings (knob_values.py) or as a message that says why not. A knob that does nothing under the others is greyed and
says why; it stays movable, because moving another knob may wake it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from tsumami.app.parts import chain_view
from tsumami.app.parts.gradio_seams import put
from tsumami.app.words.texts import Texts
from tsumami.app.work.knob_values import contents_of, settings_of
from tsumami.app.work.own_folder import hand_out
from tsumami.errors import SettingsError
from tsumami.exchange import Imported, foreign_settings
from tsumami.knobs import GROUPS, KNOBS, Knob
from tsumami.presets import PRESETS
from tsumami.settings import Settings, saved_knobs
from tsumami.storage import decoded

_LATEX: list[dict[str, str | bool]] = [{"left": "$$", "right": "$$", "display": True}]


@dataclass(frozen=True, slots=True)
class KnobPanel:
    """The components: one per knob in the table's order, presets, files, and where a problem is shown. `saved` is the
    file behind `save`.
    """

    knobs: dict[str, Any]
    preset: gr.Dropdown
    neutral: gr.Button
    defaults: gr.Button
    save: gr.Button
    saved: gr.DownloadButton
    load: gr.UploadButton
    problem: gr.HTML

    @property
    def inputs(self) -> list[Component]:
        """The knobs' components, in the table's order."""
        return list(self.knobs.values())


def made(texts: Texts, n_ctx: int) -> KnobPanel:
    """The components, for a model with `n_ctx` tokens of context; `lay_out` puts them on the page."""

    def button(name: str, elem_id: str) -> gr.Button:
        return gr.Button(texts(f"knobs.{name}"), size="sm", min_width=70, elem_id=elem_id, render=False)

    presets = ((texts.pick(preset.label_ja, preset.label_en), name) for name, preset in PRESETS.items())
    return KnobPanel(
        knobs={name: _component(texts, knob, n_ctx) for name, knob in KNOBS.items()},
        preset=gr.Dropdown(
            [(texts("knobs.preset"), ""), *presets],
            value="", label=texts("knobs.preset"), show_label=False, container=False, elem_id="preset", min_width=130,
            render=False,
        ),
        neutral=button("neutral", "neutral"),
        defaults=button("defaults", "defaults"),
        save=button("save", "save-settings"),
        saved=gr.DownloadButton(visible="hidden", elem_id="saved-settings", render=False),
        load=gr.UploadButton(
            texts("knobs.load"), size="sm", min_width=70, file_types=[".json"], elem_id="load-settings", render=False
        ),
        problem=gr.HTML(visible=False, elem_id="settings-problem", render=False),
    )  # fmt: skip


def lay_out(texts: Texts, panel: KnobPanel) -> None:
    """Put the panel on the page, the classic knobs first; call where it is to stand."""
    with gr.Row(elem_classes="tight"):
        put(panel.preset, panel.defaults, panel.neutral, panel.save, panel.saved, panel.load)
    put(panel.problem)
    with gr.Accordion(texts("knobs.classic"), open=True, elem_id="classic"):
        _place(texts, panel, [knob for knob in KNOBS.values() if knob.classic])
    with gr.Accordion(texts("chain.title"), open=False, elem_id="chain-group"):
        put(panel.knobs["samplers"])
    for group_name, group in GROUPS.items():
        members = [k for k in KNOBS.values() if k.group == group_name and not k.classic and k.name != "samplers"]
        if members:
            with gr.Accordion(texts.pick(group.title_ja, group.title_en), open=False):
                _place(texts, panel, members)


def _place(texts: Texts, panel: KnobPanel, knobs: Iterable[Knob]) -> None:
    """Put knobs on the page, below each its explanation to unfold."""
    for knob in knobs:
        put(panel.knobs[knob.name])
        gr.Markdown(explanation(texts, knob), latex_delimiters=_LATEX, elem_classes="more")


def _component(texts: Texts, knob: Knob, n_ctx: int) -> Component:
    """The input of one knob, not yet on the page."""
    if knob.name == "samplers":
        return chain_view.build(texts, render=False)
    common: dict[str, Any] = {
        "label": f"{texts.pick(knob.label_ja, knob.label_en)} ({knob.name})",
        "info": texts.pick(knob.line_ja, knob.line_en),
        "elem_id": f"knob-{knob.name}",
        "elem_classes": "knob",
        "render": False,
    }
    value = contents_of(Settings())[knob.name]
    slider = knob.slider_for(n_ctx)
    if knob.name == "seed":
        return gr.Number(value=value, precision=0, step=1, **common)
    if slider is not None:
        return gr.Slider(slider.low, max(slider.high or 1, value), value=value, step=slider.step, **common)
    if knob.kind == "bool":
        return gr.Checkbox(value=value, **common)
    if knob.kind in ("choice", "word"):
        return gr.Radio(list(knob.choices), value=value, **common)
    return gr.Textbox(value=value, lines=2, max_lines=8, **common)


def explanation(texts: Texts, knob: Knob) -> str:
    """A knob's paragraph, formula, range and paper, folded."""
    parts = [texts.pick(knob.paragraph_ja, knob.paragraph_en)]
    if knob.formula:
        parts.append(f"$${knob.formula}$$")
    parts.append(
        texts("knobs.range", allowed=texts.allowed(knob), default=json.dumps(knob.default, ensure_ascii=False))
    )
    if knob.paper:
        parts.append(texts("knobs.paper", paper=knob.paper))
    body = "\n\n".join(parts)
    return f"<details><summary>{texts('knobs.more')}</summary>\n\n{body}\n\n</details>"


def read_panel(values: Sequence[Any]) -> Settings:
    """The settings that the panel's contents, in the table's order, add up to.

    Raises:
        SettingsError: a content, or a pair of contents, cannot work.
    """
    return read_contents(dict(zip(KNOBS, values, strict=True)))


def read_contents(contents: Mapping[str, Any]) -> Settings:
    """The settings that the contents of the knobs' components, by name, add up to.

    Raises:
        SettingsError: a content, or a pair of contents, cannot work.
    """
    return settings_of({**contents, "samplers": chain_view.read(contents["samplers"])})


def fill(settings: Settings, n_ctx: int) -> list[Any]:
    """Updates that make the panel show these settings, in the table's order, for a model with `n_ctx` tokens of
    context. A slider is stretched to a value beyond its handy range: Gradio refuses what a slider does not reach.
    """
    contents = contents_of(settings)
    updates: list[Any] = []
    for name, knob in KNOBS.items():
        value, slider = contents[name], knob.slider_for(n_ctx)
        if name == "samplers":
            updates.append(chain_view.update(settings))
        elif slider is None or name == "seed":  # the seed is a plain box
            updates.append(gr.update(value=value))
        else:
            high = slider.high or 1
            updates.append(gr.update(value=value, minimum=min(slider.low, value), maximum=max(high, value)))
    return updates


def grey(texts: Texts, values: Sequence[Any]) -> list[Any]:
    """Updates that grey what does nothing and say why, for every knob in the table's order, and the problem's line."""
    try:
        settings = read_panel(values)
    except SettingsError as error:
        skipped: list[Any] = [gr.skip() for _ in KNOBS]
        return [*skipped, gr.update(value=f"⚠️ {escape(texts.error(error))}", visible=True)]
    idle = settings.idle_knobs()
    updates: list[Any] = []
    for name, knob in KNOBS.items():
        if name == "samplers":
            updates.append(gr.update(idle=",".join(chain_view.idle_stages(settings))))
            continue
        line = texts.pick(knob.line_ja, knob.line_en)
        reason = idle.get(name)
        if reason is None:
            updates.append(gr.update(info=line, elem_classes=["knob"]))
        else:
            why = texts.pick(reason.ja, reason.en)
            updates.append(gr.update(info=f"‖ {why}", elem_classes=["knob", "idle"]))
    return [*updates, gr.update(value="", visible=False)]


def to_file(settings: Settings) -> str:
    """Write settings to a file for download; returns its path."""
    return hand_out("settings.json", json.dumps(settings.to_dict(), ensure_ascii=False, indent=1) + "\n")


class Loaded(NamedTuple):
    """Settings from a file, and where they came from another program, what became of them."""

    settings: Settings
    foreign: Imported | None = None


def from_file(path: str) -> Loaded:
    """Read settings that `to_file` wrote, those of a saved run, whose effective seed then holds, or another program's.

    Raises:
        SettingsError: not settings.
    """
    name = Path(path).name
    try:
        text = decoded(Path(path).read_bytes())
        foreign = foreign_settings(text)
        if foreign is not None:
            return Loaded(foreign.settings, foreign)
        knobs = saved_knobs(json.loads(text))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error  # the whole of an OSError tells the path
        raise SettingsError(f"{name} is not a settings file: {why}") from error
    return Loaded(Settings.from_mapping(knobs))


def preset_applied(name: str | None, values: Sequence[Any]) -> Settings:
    """A preset put over the panel's contents, or over the defaults if those cannot be read."""
    try:
        base = read_panel(values)
    except SettingsError:
        base = Settings()
    return PRESETS[name].apply(base) if name else base
