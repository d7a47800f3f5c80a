"""The chat's knob panel at work: what the knobs do is greyed and said, and files and models turn them.

Guarantee: what cannot be read or done is said, and turns no knob; nobody waits for a model that is not loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsumami.app.parts import downloads, knob_panel, settings_notes
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.events import AT_ONCE, QUICK
from tsumami.app.parts.telling import told
from tsumami.app.views.import_report import import_report
from tsumami.app.words.texts import Texts
from tsumami.app.work.knob_values import BEGINNING
from tsumami.app.work.shelf import ModelChoice, Shelf


@dataclass(frozen=True, slots=True)
class PanelHandlers:
    """What the panel's events do."""

    texts: Texts
    shelf: Shelf

    def wire(self, desk: Desk, restored: Any) -> None:
        """Connect the panel's events; `restored` is the one after which the panel has its values again."""
        panel, choice = desk.panel, desk.choice
        of_knobs = [choice, panel.knobs]
        gr.on(
            [choice.change, panel.knobs.change], self.on_knobs, of_knobs, [panel.notes],
            trigger_mode="always_last", **AT_ONCE,
        )  # fmt: skip
        restored.then(self.on_knobs, of_knobs, [panel.notes], **AT_ONCE)
        made = panel.knobs.download(self.on_save_settings, [panel.knobs], [panel.saved], **QUICK)
        made.success(None, js=downloads.pressed("saved-settings"), **QUICK)
        panel.load.upload(self.on_load_settings, [panel.load], [panel.knobs, panel.report], **QUICK)
        panel.recommended.select(self.on_recommended, of_knobs, [panel.knobs, panel.recommended], **AT_ONCE)
        for there in (restored.then, choice.change):
            there(self.on_model, of_knobs, [panel.recommended], **AT_ONCE)

    def on_knobs(self, choice: ModelChoice, contents: Any) -> knob_panel.Notes:
        """Say what does nothing and what cannot work, and how far sliders reach."""
        if not self.shelf.has(choice):  # nobody waits for a model here
            return knob_panel.said(self.texts, contents)
        with self.shelf.lend(choice) as model:
            thinks, asks, n_ctx, lacks = model.thinking is not None, model.asks_thinking, model.n_ctx, model.lacks
        return knob_panel.said(self.texts, contents, thinks=thinks, asks=asks, n_ctx=n_ctx, lacks=lacks)

    @told(None)
    def on_save_settings(self, contents: Any) -> Any:
        """The settings as a file."""
        return knob_panel.to_file(knob_panel.read(contents))

    @told()
    def on_load_settings(self, path: str) -> tuple[Any, str]:
        """Turn the knobs to the settings of a file, and say what became of another program's."""
        loaded = knob_panel.from_file(path)
        foreign = loaded.foreign
        report = "" if foreign is None else settings_notes.note(self.texts, import_report(self.texts, foreign))
        return knob_panel.contents(loaded.settings), report

    @told()
    def on_model(self, choice: Any, contents: Any) -> str:
        """Offer what the model's own file recommends."""
        with self.shelf.lend(choice) as model:
            return settings_notes.offer(self.texts, model.recommended, knob_panel.readable(contents))

    @told()
    def on_recommended(self, choice: Any, contents: Any) -> tuple[Any, str]:
        """Turn those knobs that the model's own file names."""
        with self.shelf.lend(choice) as model:
            named = {} if model.recommended is None else model.recommended.named
        return knob_panel.contents((knob_panel.readable(contents) or BEGINNING).replace(**named)), ""
