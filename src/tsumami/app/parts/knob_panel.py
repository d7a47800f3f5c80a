"""The knob panel: every knob of the table in accordions by group, the fourteen classic ones first.

Guarantee: labels, ranges, defaults and explanations come from the knob table, and the panel's contents always read back
as Settings (knob_values.py) or as a message that says why not. A knob that does nothing under the others is greyed and
says why; it stays movable, because moving another knob may wake it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from tsumami.app.parts import chain_view
from tsumami.app.words.texts import Texts
from tsumami.app.work.knob_values import contents_of, settings_of
from tsumami.app.work.own_folder import place_for
from tsumami.errors import SettingsError
from tsumami.knobs import GROUPS, KNOBS, Knob
from tsumami.presets import PRESETS
from tsumami.settings import Settings

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
    problem: gr.Markdown

    @property
    def inputs(self) -> list[Component]:
        """The knobs' components, in the table's order."""
        return list(self.knobs.values())


def build(texts: Texts, n_ctx: int) -> KnobPanel:
    """Lay out the panel for a model with `n_ctx` tokens of context."""
    knobs: dict[str, Any] = {}
    with gr.Row(elem_classes="tight"):
        preset = gr.Dropdown(
            [(texts("knobs.preset"), ""), *((texts.pick(p.label_ja, p.label_en), name) for name, p in PRESETS.items())],
            value="",
            label=texts("knobs.preset"),
            show_label=False,
            container=False,
            elem_id="preset",
            min_width=130,
        )
        defaults = gr.Button(texts("knobs.defaults"), size="sm", min_width=70, elem_id="defaults")
        neutral = gr.Button(texts("knobs.neutral"), size="sm", min_width=70, elem_id="neutral")
        save = gr.Button(texts("knobs.save"), size="sm", min_width=70, elem_id="save-settings")
        saved = gr.DownloadButton(visible="hidden", elem_id="saved-settings")
        load = gr.UploadButton(
            texts("knobs.load"), size="sm", min_width=70, file_types=[".json"], elem_id="load-settings"
        )
    problem = gr.Markdown(visible=False, elem_id="settings-problem")
    with gr.Accordion(texts("knobs.classic"), open=True, elem_id="classic"):
        for knob in KNOBS.values():
            if knob.classic:
                knobs[knob.name] = _component(texts, knob, n_ctx)
    with gr.Accordion(texts("chain.title"), open=False, elem_id="chain-group"):
        knobs["samplers"] = chain_view.build(texts)
    for group_name, group in GROUPS.items():
        members = [k for k in KNOBS.values() if k.group == group_name and not k.classic and k.name != "samplers"]
        if members:
            with gr.Accordion(texts.pick(group.title_ja, group.title_en), open=False):
                for knob in members:
                    knobs[knob.name] = _component(texts, knob, n_ctx)
    ordered = {name: knobs[name] for name in KNOBS}
    return KnobPanel(ordered, preset, neutral, defaults, save, saved, load, problem)


def _component(texts: Texts, knob: Knob, n_ctx: int) -> Component:
    """The input of one knob, and its explanation to unfold."""
    common: dict[str, Any] = {
        "label": f"{texts.pick(knob.label_ja, knob.label_en)} ({knob.name})",
        "info": texts.pick(knob.line_ja, knob.line_en),
        "elem_id": f"knob-{knob.name}",
        "elem_classes": "knob",
    }
    value = contents_of(Settings())[knob.name]
    slider = knob.slider_for(n_ctx)
    component: Component
    if knob.name == "seed":
        component = gr.Number(value=value, precision=0, step=1, **common)
    elif slider is not None:
        component = gr.Slider(slider.low, max(slider.high or 1, value), value=value, step=slider.step, **common)
    elif knob.kind == "bool":
        component = gr.Checkbox(value=value, **common)
    elif knob.kind == "choice":
        component = gr.Radio(list(knob.choices), value=value, **common)
    else:
        component = gr.Textbox(value=value, lines=2, max_lines=8, **common)
    gr.Markdown(explanation(texts, knob), latex_delimiters=_LATEX, elem_classes="more")
    return component


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
    contents = dict(zip(KNOBS, values, strict=True))
    contents["samplers"] = chain_view.read(contents["samplers"])
    return settings_of(contents)


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
        return [*skipped, gr.update(value=f"⚠️ {texts.error(error)}", visible=True)]
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
    path = place_for("settings.json")
    path.write_text(json.dumps(settings.to_dict(), ensure_ascii=False, indent=1) + "\n", "utf-8")
    return str(path)


def from_file(path: str) -> Settings:
    """Read settings that `to_file` wrote, or those of a run file.

    Raises:
        SettingsError: not JSON, or not settings.
    """
    try:
        data = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error  # the whole of an OSError tells the path
        raise SettingsError(f"{Path(path).name} is not a settings file: {why}") from error
    if isinstance(data, dict) and isinstance(data.get("receipt"), dict):
        data = data["receipt"].get("settings")
    if not isinstance(data, dict):
        raise SettingsError(f"{Path(path).name} is not a settings file: an object with knob names is expected")
    return Settings.from_mapping(data)


def preset_applied(name: str | None, values: Sequence[Any]) -> Settings:
    """A preset put over the panel's contents, or over the defaults if those cannot be read."""
    try:
        base = read_panel(values)
    except SettingsError:
        base = Settings()
    return PRESETS[name].apply(base) if name else base
