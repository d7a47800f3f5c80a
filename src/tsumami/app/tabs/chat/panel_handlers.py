"""The chat's knob panel at work: what the knobs do is greyed and said, and presets, files and models turn them.

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
        gr.on(
            [choice.change, *(part.input if name == "samplers" else part.change for name, part in panel.knobs.items())],
            self.on_knobs,
            [choice, *panel.inputs],
            [*panel.inputs, panel.problem, panel.preset],
            trigger_mode="always_last",
            preprocess=False,  # while many knobs are being turned at once, a slider may not reach its value yet
            **AT_ONCE,
        )
        panel.preset.input(self.on_preset, [choice, panel.preset, *panel.inputs], panel.inputs, **AT_ONCE)
        panel.neutral.click(self.on_neutral, [choice, *panel.inputs], panel.inputs, **AT_ONCE)
        panel.defaults.click(self.on_defaults, [choice], panel.inputs, **AT_ONCE)
        made = panel.save.click(self.on_save_settings, panel.inputs, [panel.saved], **QUICK)
        made.success(None, js=downloads.pressed("saved-settings"), **QUICK)
        panel.load.upload(self.on_load_settings, [choice, panel.load], [*panel.inputs, panel.report], **QUICK)
        panel.recommended.select(
            self.on_recommended, [choice, *panel.inputs], [*panel.inputs, panel.recommended], **AT_ONCE
        )
        for there in (restored.then, choice.change):
            there(self.on_model, [choice, *panel.inputs], [panel.recommended], **AT_ONCE)

    def on_knobs(self, choice: ModelChoice, *values: Any) -> list[Any]:
        """Grey what does nothing, say what cannot work, and which preset this is."""
        if not self.shelf.has(choice):  # nobody waits for a model here
            return knob_panel.grey(self.texts, values)
        with self.shelf.lend(choice) as model:
            thinks, asks = model.thinking is not None, model.asks_thinking
        return knob_panel.grey(self.texts, values, thinks=thinks, asks=asks)

    @told()
    def on_preset(self, choice: Any, name: str | None, *values: Any) -> list[Any]:
        """Turn the knobs to a preset."""
        return knob_panel.fill(knob_panel.preset_applied(name, values), self._context(choice))

    @told()
    def on_neutral(self, choice: Any, *values: Any) -> list[Any]:
        """Turn every knob to where it does nothing."""
        return knob_panel.fill(knob_panel.preset_applied("neutral", values), self._context(choice))

    @told()
    def on_defaults(self, choice: Any) -> list[Any]:
        """Turn every knob to its default."""
        return knob_panel.fill(BEGINNING, self._context(choice))

    def _context(self, choice: Any) -> int:
        """Tokens of context of the session's model."""
        with self.shelf.lend(choice) as model:
            return model.n_ctx

    @told(None)
    def on_save_settings(self, *values: Any) -> Any:
        """The settings as a file."""
        return knob_panel.to_file(knob_panel.read_panel(values))

    @told()
    def on_load_settings(self, choice: Any, path: str) -> list[Any]:
        """Turn the knobs to the settings of a file, and say what became of another program's."""
        loaded = knob_panel.from_file(path)
        foreign = loaded.foreign
        report = "" if foreign is None else settings_notes.note(self.texts, import_report(self.texts, foreign))
        return [*knob_panel.fill(loaded.settings, self._context(choice)), report]

    @told()
    def on_model(self, choice: Any, *values: Any) -> str:
        """Offer what the model's own file recommends."""
        with self.shelf.lend(choice) as model:
            return settings_notes.offer(self.texts, model.recommended, knob_panel.readable(values))

    @told()
    def on_recommended(self, choice: Any, *values: Any) -> list[Any]:
        """Turn those knobs that the model's own file names."""
        with self.shelf.lend(choice) as model:
            named = {} if model.recommended is None else model.recommended.named
            settings = (knob_panel.readable(values) or BEGINNING).replace(**named)
            return [*knob_panel.fill(settings, model.n_ctx), ""]
