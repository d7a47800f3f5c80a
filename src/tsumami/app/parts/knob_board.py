"""All knobs of numbers as one component, for tabs beside the chat: cheap to have, and quick to turn.

Guarantee: labels, ranges and defaults come from the knob table. The component's value is a JSON object of the knobs
that differ from their defaults; knobs that the board does not show (a grammar, the order of the stages) stay in the
value as they were taken over, and are named below the board. The seed begins at 0, so that what is shown stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Final

import gradio as gr

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts
from tsumami.errors import SettingsError, japanese
from tsumami.knobs import KNOBS, Knob
from tsumami.settings import Settings

_START: Final = {"seed": 0}


def build(texts: Texts, n_ctx: int, elem_id: str, *, without: Iterable[str] = ()) -> gr.HTML:
    """The component, all knobs at their defaults. `without`: knobs that mean nothing here."""
    shown = [
        knob for knob in KNOBS.values() if knob.kind in ("int", "float", "choice", "bool") and knob.name not in without
    ]
    first = "".join(_row(texts, knob, n_ctx) for knob in shown if knob.classic)
    more = "".join(_row(texts, knob, n_ctx) for knob in shown if not knob.classic)
    template = (
        f'<div class="board">{first}<details><summary>{escape(texts("board.more"))}</summary>{more}</details>'
        f'<p class="board-others" hidden>{escape(texts("board.others"))} <b></b></p></div>'
    )
    return gr.HTML(
        value=json.dumps(_START),
        html_template=template,
        js_on_load=script(__name__, "knob_board.js"),
        elem_id=elem_id,
        apply_default_css=False,
    )


def _row(texts: Texts, knob: Knob, n_ctx: int) -> str:
    start = json.dumps(_START.get(knob.name, knob.default))
    label = escape(texts.pick(knob.label_ja, knob.label_en))
    line = escape(texts.pick(knob.line_ja, knob.line_en))
    return (
        f'<div data-knob="{knob.name}" data-start="{escape(start)}" title="{line}">'
        f"<label><code>{knob.name}</code> {label}</label>{_box(knob, n_ctx, label, escape(start))}</div>"
    )


def _box(knob: Knob, n_ctx: int, label: str, start: str) -> str:
    if knob.kind == "bool":
        return f'<input type="checkbox" aria-label="{label}">'
    if knob.kind == "choice":
        options = "".join(f"<option>{choice}</option>" for choice in knob.choices)
        return f'<select aria-label="{label}">{options}</select>'
    slider = knob.slider_for(n_ctx)
    number = f'<input type="number" step="any" value="{start}" aria-label="{label}">'
    if slider is None or knob.name == "seed":
        return number
    reach = f'min="{slider.low:g}" max="{slider.high or 1:g}" step="{slider.step:g}"'
    return f'<input type="range" {reach} value="{start}" aria-label="{label}">{number}'


def read(value: str | None) -> Settings:
    """The settings that the board's value means.

    Raises:
        SettingsError: a knob's value cannot work.
    """
    try:
        changed = json.loads(value or "{}")
    except ValueError as error:
        raise SettingsError(f"the knobs of this tab cannot be read: {error}").in_japanese(
            f"このタブのつまみが読めません: {japanese(error)}"
        ) from error
    return Settings.from_mapping({**_START, **changed})


def value(settings: Settings) -> str:
    """The board's value for these settings; a random seed becomes 0, so that what is shown stays."""
    return json.dumps({**settings.changed(), "seed": max(settings.seed, 0)}, ensure_ascii=False)


def greyed(board: str, settings: Settings, *, thinks: bool = True) -> str:
    """A style that greys what does nothing under these settings on the board of that id; thinks: as in
    `Settings.idle_knobs`.
    """
    names = ", ".join(f'#{board} [data-knob="{name}"]' for name in settings.idle_knobs(thinks=thinks))
    return f"<style>{names} {{ opacity: .45 }}</style>" if names else ""
