"""The knob panel: the five knobs that are turned most in sight, all others below in groups, presets above them.

Guarantee: labels, ranges, defaults and explanations come from the knob table, and the panel's contents always read back
as Settings (knob_values.py) or as a message that says why not, beside the knob that it is about. A slider is a handy
range; its box takes everything valid. A knob that does nothing under the others is greyed and says why; it stays
movable, because moving another knob may wake it. The preset box names a preset only while the knobs are it.

It is one component, whose value is the contents of all knobs by name: Gradio's script looks through the whole page for
each component that an event reads or writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypedDict

import gradio as gr

from tsumami.app.parts import chain_view, knob_rows, settings_notes
from tsumami.app.parts.gradio_seams import put
from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts
from tsumami.app.work.knob_values import BEGINNING, contents_of, settings_of
from tsumami.app.work.own_folder import hand_out
from tsumami.errors import SettingsError, japanese
from tsumami.exchange import Imported, foreign_settings
from tsumami.knobs import longest_reply
from tsumami.presets import KEPT, PRESETS
from tsumami.runs.possible import refuses
from tsumami.settings import Settings, saved_knobs
from tsumami.storage import decoded

_BUTTONS: Final = {"defaults": "defaults", "neutral": "neutral", "save-settings": "save", "load-settings": "load"}


@dataclass(frozen=True, slots=True)
class KnobPanel:
    """The components: all knobs, what is said of them, and where is shown what became of a file and what the model's
    own file recommends. The knobs fire `download` when they are to be saved; `saved` and `load` are the files behind
    their buttons.
    """

    knobs: gr.HTML
    notes: gr.HTML
    saved: gr.DownloadButton
    load: gr.UploadButton
    report: gr.HTML
    recommended: gr.HTML


def made(texts: Texts, n_ctx: int) -> KnobPanel:
    """The components, for a model with `n_ctx` tokens of context; `lay_out` puts them on the page."""
    return KnobPanel(
        knobs=gr.HTML(
            value=dict(BEGINNING_CONTENTS), html_template='<div class="knob-panel"></div>',
            js_on_load=_script(texts, n_ctx), elem_id="knob-panel", apply_default_css=False, render=False,
        ),
        notes=gr.HTML(
            value=said(texts, BEGINNING_CONTENTS), html_template='<p role="alert" hidden></p>',
            js_on_load=script(__name__, "knob_notes.js"), elem_id="settings-problem", apply_default_css=False,
            render=False,
        ),
        saved=gr.DownloadButton(visible="hidden", elem_id="saved-settings", render=False),
        load=gr.UploadButton(visible="hidden", elem_id="settings-file", render=False),
        report=settings_notes.report(),
        recommended=settings_notes.recommended(),
    )  # fmt: skip


def lay_out(panel: KnobPanel) -> None:
    """Put the panel on the page; call where it is to stand."""
    put(panel.recommended, panel.report, panel.notes, panel.knobs, panel.saved, panel.load)


def _presets(texts: Texts) -> str:
    """The box of presets, and what keeps the knobs and takes them from files."""
    options = "".join(
        f'<option value="{name}">{escape(texts.pick(one.label_ja, one.label_en))}</option>'
        for name, one in PRESETS.items()
    )
    own, label, name = (escape(texts(f"knobs.{key}")) for key in ("own", "preset", "preset_name"))
    signs = "".join(
        f'<button type="button" class="small" id="{elem_id}" title="{said}" aria-label="{said}"{how}>{sign}</button>'
        for elem_id, sign, said, how in (
            ("preset-keep", "＋", escape(texts("knobs.keep_preset")), ' aria-expanded="false"'),
            ("preset-forget", "×", escape(texts("knobs.forget_preset")), " hidden"),
        )
    )
    buttons = "".join(
        f'<button type="button" class="small" id="{elem_id}">{escape(texts(f"knobs.{key}"))}</button>'
        for elem_id, key in _BUTTONS.items()
    )
    mine = f'<optgroup id="preset-own" label="{escape(texts("knobs.own_presets"))}" hidden></optgroup>'
    return (
        f'<div id="preset-row"><select id="preset" aria-label="{label}"><option value="">{own}</option>{options}{mine}'
        f"</select>{signs}{buttons}"
        f'<form id="preset-name" hidden><input maxlength="60" aria-label="{name}" placeholder="{name}">'
        f'<button class="small">{escape(texts("knobs.keep"))}</button></form></div>'
    )


def _script(texts: Texts, n_ctx: int) -> str:
    """What fills the component and works in it. What it shows is no template of Gradio's: that would be filled in anew
    whenever a knob is turned.
    """
    given = {
        "markup": f"{_presets(texts)}{knob_rows.markup(texts, n_ctx)}",
        "start": BEGINNING_CONTENTS,
        "presets": {name: changed(preset.apply(BEGINNING)) for name, preset in PRESETS.items()},
        "untouched": KEPT,
        "words": {"found": texts("reference.found"), "emptied": texts("knobs.emptied")},
        "index": knob_rows.index(texts),
    }
    made = {
        "makeChain": chain_view.maker(),
        "makeSearch": script(__name__, "knob_search.js"),
        **{name: json.dumps(value, ensure_ascii=False) for name, value in given.items()},
    }
    return "\n".join((*(f"const {name} =\n{one};" for name, one in made.items()), script(__name__, "knob_panel.js")))


def contents(settings: Settings) -> dict[str, Any]:
    """What the panel holds when it shows these settings."""
    return {**contents_of(settings), "samplers": chain_view.shown(settings)}


BEGINNING_CONTENTS: Final[Mapping[str, Any]] = contents(BEGINNING)


def changed(settings: Settings) -> dict[str, Any]:
    """The contents that differ from the beginning's."""
    return {name: value for name, value in contents(settings).items() if value != BEGINNING_CONTENTS[name]}


def read(contents: object, **instead: Any) -> Settings:
    """The settings that the panel's contents add up to, with those of `instead` in their places. What is missing is as
    in the beginning: a page may be older than its server.

    Raises:
        SettingsError: a content, or a pair of contents, cannot work.
    """
    if not isinstance(contents, Mapping):
        raise SettingsError("the knobs of the page cannot be read").in_japanese("ページのつまみを読めません")
    known = {name: contents.get(name, start) for name, start in BEGINNING_CONTENTS.items()} | instead
    order = known["samplers"]
    return settings_of({**known, "samplers": chain_view.read(order) if isinstance(order, str) else order})


def readable(contents: object) -> Settings | None:
    """The settings that the panel's contents add up to; None: they cannot work."""
    try:
        return read(contents)
    except SettingsError:
        return None


class Notes(TypedDict, total=False):
    """What is said of the knobs. wrong: of those that cannot work; problem: the same where no knob is in sight; idle:
    why those that do nothing do nothing; stages: those of the order that do nothing; reach: how far a slider goes.
    """

    wrong: dict[str, str]
    problem: str
    idle: dict[str, str]
    stages: list[str]
    reach: dict[str, int]


def said(
    texts: Texts,
    contents: object,
    *,
    thinks: bool = True,
    asks: bool = True,
    n_ctx: int | None = None,
    lacks: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> Notes:
    """What is to be said of the panel's contents. thinks, asks: of the model, as in `Settings.idle_knobs`; n_ctx: its
    tokens of context, if it is known; lacks: the knobs that cannot be used with it, and why, in ja and en.
    """
    reach = {} if n_ctx is None else {"max_tokens": longest_reply(n_ctx)}
    try:
        settings = read(contents)
    except SettingsError as error:
        problem = f"⚠️ {texts.error(error)}"
        return Notes(wrong={error.knob: problem} if error.knob else {}, problem=problem, reach=reach)
    idle = {name: texts.pick(why.ja, why.en) for name, why in settings.idle_knobs(thinks=thinks, asks=asks).items()}
    missing = {name: texts.pick(*why) for name, why in lacks.items()}
    refused = {name: why for name, why in missing.items() if refuses(settings, name)}
    return Notes(
        wrong={name: f"⚠️ {why}" for name, why in refused.items()},
        problem="",
        idle={**idle, **{name: why for name, why in missing.items() if name not in refused}},
        stages=list(chain_view.idle_stages(settings)),
        reach=reach,
    )


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
