"""The knob panel: the five knobs that are turned most in sight, all others below in accordions by group.

Guarantee: labels, ranges, defaults and explanations come from the knob table, and the panel's contents always read back
as Settings (knob_values.py) or as a message that says why not, beside the knob that it is about. A slider is a handy
range; its box takes everything valid. A knob that does nothing under the others is greyed and says why; it stays
movable, because moving another knob may wake it. The preset box names a preset only while the knobs are it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

import gradio as gr
from gradio.components import Component

from tsumami.app.parts import chain_view, knob_search, settings_notes
from tsumami.app.parts.events import QUICK
from tsumami.app.parts.gradio_seams import handy_slider, put
from tsumami.app.words.texts import Texts
from tsumami.app.work.knob_values import BEGINNING, contents_of, settings_of
from tsumami.app.work.own_folder import hand_out
from tsumami.errors import SettingsError, japanese
from tsumami.exchange import Imported, foreign_settings
from tsumami.knobs import GROUPS, KNOBS, Knob
from tsumami.presets import PRESETS
from tsumami.settings import Settings, saved_knobs
from tsumami.storage import decoded

FIRST: Final = ("seed", "temperature", "top_k", "top_p", "min_p")
"""The knobs that stand first."""

BEGINNING_CONTENTS: Final = contents_of(BEGINNING)
_OWN: Final = ""
_DICE: Final = "() => Math.floor(Math.random() * 10000)"
_LOCKED: Final = "(lock, seed) => lock ? (seed < 0 ? Math.floor(Math.random() * 10000) : seed) : -1"
_IS_FIXED: Final = "seed => seed >= 0"
_LATEX: list[dict[str, str | bool]] = [{"left": "$$", "right": "$$", "display": True}]


@dataclass(frozen=True, slots=True)
class KnobPanel:
    """The components: one per knob in the table's order, what fixes the seed and what rolls another one, presets,
    files, and where a problem, what became of a file, and what the model's own file recommends are shown. `saved` is
    the file behind `save`.
    """

    knobs: dict[str, Any]
    lock: gr.Checkbox
    dice: gr.Button
    preset: gr.Dropdown
    neutral: gr.Button
    defaults: gr.Button
    save: gr.Button
    saved: gr.DownloadButton
    load: gr.UploadButton
    report: gr.HTML
    recommended: gr.HTML
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
        lock=gr.Checkbox(True, label=texts("knobs.lock"), container=False, elem_id="seed-lock", render=False),
        dice=button("dice", "seed-dice"),
        preset=gr.Dropdown(
            [(texts("knobs.own"), _OWN), *presets],
            value="defaults", label=texts("knobs.preset"), show_label=False, container=False, elem_id="preset",
            min_width=130, render=False,
        ),
        neutral=button("neutral", "neutral"),
        defaults=button("defaults", "defaults"),
        save=button("save", "save-settings"),
        saved=gr.DownloadButton(visible="hidden", elem_id="saved-settings", render=False),
        load=gr.UploadButton(texts("knobs.load"), size="sm", min_width=70, elem_id="load-settings", render=False),
        report=settings_notes.report(),
        recommended=settings_notes.recommended(),
        problem=gr.HTML(visible=False, elem_id="settings-problem", render=False),
    )  # fmt: skip


def lay_out(texts: Texts, panel: KnobPanel) -> None:
    """Put the panel on the page; call where it is to stand."""
    with gr.Row(elem_classes="tight"):
        put(panel.preset, panel.defaults, panel.neutral, panel.save, panel.saved, panel.load)
    put(panel.recommended, panel.report, panel.problem)
    with gr.Column(elem_id="first-knobs"):
        with gr.Row(elem_id="seed-row", elem_classes="tight"):
            put(panel.knobs["seed"], panel.lock, panel.dice)
        _explain(texts, KNOBS["seed"])
        _place(texts, panel, [KNOBS[name] for name in FIRST[1:]])
    groups = _groups(texts)
    members = {"first-knobs": [KNOBS[name] for name in FIRST], **{group.elem_id: group.members for group in groups}}
    knob_search.build(texts, members, {name: BEGINNING_CONTENTS[name] for name in KNOBS if _is_number(KNOBS[name])})
    for group in groups:
        with gr.Accordion(group.title, open=group is groups[0], elem_id=group.elem_id):
            _place(texts, panel, group.members)
    _wire_seed(panel)


class _Accordion(NamedTuple):
    """An accordion and what is in it."""

    elem_id: str
    title: str
    members: list[Knob]


def _groups(texts: Texts) -> list[_Accordion]:
    """The accordions, the classic knobs first, then the order of the stages."""
    rest = [knob for knob in KNOBS.values() if knob.name not in FIRST]
    classic = _Accordion("classic", texts("knobs.classic"), [knob for knob in rest if knob.classic])
    chain = _Accordion("chain-group", texts("chain.title"), [KNOBS["samplers"]])
    others = [knob for knob in rest if not knob.classic and knob.name != "samplers"]
    named = [
        _Accordion(f"group-{name}", texts.pick(group.title_ja, group.title_en), [k for k in others if k.group == name])
        for name, group in GROUPS.items()
    ]
    return [classic, chain, *(group for group in named if group.members)]


def _wire_seed(panel: KnobPanel) -> None:
    """The lock and the dice; nobody waits for the server. Without the lock every reply has another seed."""
    seed, quiet = panel.knobs["seed"], {**QUICK, "queue": False}
    panel.dice.click(None, None, [seed], js=_DICE, **quiet)
    panel.lock.input(None, [panel.lock, seed], [seed], js=_LOCKED, **quiet)
    seed.change(None, [seed], [panel.lock], js=_IS_FIXED, **quiet)


def _place(texts: Texts, panel: KnobPanel, knobs: Iterable[Knob]) -> None:
    """Put knobs on the page, below each its explanation to unfold."""
    for knob in knobs:
        put(panel.knobs[knob.name])
        if knob.name != "samplers":
            _explain(texts, knob)


def _explain(texts: Texts, knob: Knob) -> None:
    gr.Markdown(explanation(texts, knob), latex_delimiters=_LATEX, elem_classes="more", elem_id=f"more-{knob.name}")


def _is_number(knob: Knob) -> bool:
    """Whether its box takes a number."""
    return knob.kind in ("int", "float")


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
    value = BEGINNING_CONTENTS[knob.name]
    slider = knob.slider_for(n_ctx)
    if knob.name == "seed":
        return gr.Number(value=value, precision=0, step=1, **common)
    if slider is not None:
        return handy_slider(slider.low, max(slider.high or 1, value), value=value, step=slider.step, **common)
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
    context.
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
            updates.append(gr.update(value=value, maximum=slider.high or 1))
    return updates


def grey(texts: Texts, values: Sequence[Any], *, thinks: bool = True, asks: bool = True) -> list[Any]:
    """Updates that grey what does nothing and say why, for every knob in the table's order, the problem's line, and the
    preset box. What cannot work is said there and beside its knob. thinks, asks: of the model, as in
    `Settings.idle_knobs`.
    """
    try:
        settings = read_panel(values)
    except SettingsError as error:
        said = f"⚠️ {texts.error(error)}"
        beside = [
            gr.update(info=said, elem_classes=["knob", "wrong"]) if name == error.knob else gr.skip() for name in KNOBS
        ]
        return [*beside, gr.update(value=escape(said), visible=True), _OWN]
    idle = settings.idle_knobs(thinks=thinks, asks=asks)
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
    return [*updates, gr.update(value="", visible=False), preset_of(settings)]


def preset_of(settings: Settings) -> str:
    """The preset that these settings are, or that they are somebody's own."""
    return next((name for name, preset in PRESETS.items() if preset.apply(settings) == settings), _OWN)


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
        raise SettingsError(f"{name} is not a settings file: {why}").in_japanese(
            f"{name} は設定のファイルではありません: {why if isinstance(error, OSError) else japanese(error)}"
        ) from error
    return Loaded(Settings.from_mapping(knobs))


def readable(values: Sequence[Any]) -> Settings | None:
    """The settings that the panel's contents add up to; None: they cannot work."""
    try:
        return read_panel(values)
    except SettingsError:
        return None


def preset_applied(name: str | None, values: Sequence[Any]) -> Settings:
    """A preset put over the panel's contents, or over the defaults if those cannot be read."""
    base = readable(values) or BEGINNING
    return PRESETS[name].apply(base) if name else base
