"""How a reply is asked for: what the model and the talk form, the knobs and the voice row hold when somebody sends.

Guarantee: a knob has its name from here on; the settings are built once, with the seed that the reply is to have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gradio.components import Component

from tsumami.app.parts import knob_panel, talk_form, voice_row
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.form import unpacked
from tsumami.settings import Settings


class Form(NamedTuple):
    """Contents by name."""

    talk: talk_form.TalkContents
    knobs: object
    voice: voice_row.VoiceContents

    @staticmethod
    def inputs(desk: Desk, voice: voice_row.VoiceParts) -> list[Component]:
        """The components whose values `of` takes."""
        return [*talk_form.inputs(desk.choice, desk.talk), desk.panel.knobs, *voice.inputs]

    @classmethod
    def of(cls, values: Sequence[Any]) -> Form:
        """The form that an event brings."""
        groups = talk_form.TalkContents._fields, ["knobs"], voice_row.VoiceContents._fields
        talk, panel, voice = unpacked(values, *groups)
        return cls(talk_form.TalkContents(**talk), panel["knobs"], voice_row.VoiceContents(**voice))

    def settings(self, seed: int | None = None) -> Settings:
        """The settings; `seed`: this one instead of the knob's.

        Raises:
            SettingsError: a content, or a pair of contents, cannot work.
        """
        return knob_panel.read(self.knobs) if seed is None else knob_panel.read(self.knobs, seed=seed)
