"""How a reply is asked for: what the model bar, the knobs and the voice row hold when somebody sends.

Guarantee: a knob has its name from here on; the settings are built once, with the seed that the reply is to have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gradio.components import Component

from tsumami.app.parts import knob_panel, model_bar, voice_row
from tsumami.app.parts.form import unpacked
from tsumami.knobs import KNOBS
from tsumami.settings import Settings


class Form(NamedTuple):
    """Contents by name."""

    bar: model_bar.BarContents
    knobs: Mapping[str, Any]
    voice: voice_row.VoiceContents

    @staticmethod
    def inputs(bar: model_bar.ModelBar, panel: knob_panel.KnobPanel, voice: voice_row.VoiceParts) -> list[Component]:
        """The components whose values `of` takes."""
        return [*bar.inputs, *panel.inputs, *voice.inputs]

    @classmethod
    def of(cls, values: Sequence[Any]) -> Form:
        """The form that an event brings."""
        bar, knobs, voice = unpacked(values, model_bar.BarContents._fields, KNOBS, voice_row.VoiceContents._fields)
        return cls(model_bar.BarContents(**bar), knobs, voice_row.VoiceContents(**voice))

    def settings(self, seed: int | None = None) -> Settings:
        """The settings; `seed`: this one instead of the knob's.

        Raises:
            SettingsError: a content, or a pair of contents, cannot work.
        """
        return knob_panel.read_contents(self.knobs if seed is None else {**self.knobs, "seed": seed})
