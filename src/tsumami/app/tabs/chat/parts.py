"""What the chat tab shows, as components and as their contents.

Guarantee: whatever is said, every event answers with a `Shown`, so that what changes is named and the rest stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from tsumami.app.parts import knob_panel, talk_form, voice_row
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.gradio_seams import put
from tsumami.app.tabs.chat import conversation_list, interval_bars, log
from tsumami.app.words.texts import Texts


class Shown(NamedTuple):
    """Contents of `ChatParts.outputs`; what is not given stays as it is. store: the conversation of this
    window; spoken: name of the speech to be played.
    """

    chat: Any = gr.skip()
    store: Any = gr.skip()
    message: Any = gr.skip()
    spoken: Any = gr.skip()


@dataclass(frozen=True, slots=True)
class Buttons:
    """The buttons below the message box. `receipt_file` is the file behind `receipt`."""

    stop: gr.Button
    again: gr.Button
    new_seed: gr.Button
    go_on: gr.Button
    undo: gr.Button
    clear: gr.Button
    receipt: gr.Button
    receipt_file: gr.DownloadButton


@dataclass(frozen=True, slots=True)
class ChatParts:
    """The components of the tab; what it shares with others is the desk's."""

    desk: Desk
    chat: gr.HTML
    context: gr.HTML
    message: gr.Textbox
    buttons: Buttons
    voice: voice_row.VoiceParts
    bars: gr.HTML
    talks: gr.HTML

    @property
    def outputs(self) -> list[Component]:
        """What a `Shown` fills, in its order."""
        return [self.chat, self.desk.store, self.message, self.voice.player]


def lay_out(texts: Texts, desk: Desk, voice: voice_row.VoiceRow) -> ChatParts:
    """Put the tab on the page, and the desk's parts with it."""
    put(desk.store, desk.brought)
    with gr.Row(elem_id="desk", equal_height=False):
        with gr.Column(scale=3, min_width=320, elem_id="talk"):
            talk_form.lay_out(texts, desk.talk)
            talks = conversation_list.build(texts)
            chat = log.build(texts)
            put(desk.inside)
            context = gr.HTML(elem_id="context")
            message = gr.Textbox(
                elem_id="message", show_label=False, label=texts("chat.message"), placeholder=texts("chat.type_here"),
                lines=1, max_lines=6, autofocus=True, submit_btn=True,
            )  # fmt: skip
            buttons = _buttons(texts)
            row = voice.build()
        with gr.Column(scale=2, min_width=320, elem_id="knobs"):
            knob_panel.lay_out(desk.panel)
            bars = interval_bars.build()
    return ChatParts(desk, chat, context, message, buttons, row, bars, talks)


def _buttons(texts: Texts) -> Buttons:
    def button(name: str, **how: Any) -> gr.Button:
        elem_id = name.replace("_", "-")
        return gr.Button(texts(f"chat.{name}"), size="sm", min_width=70, elem_id=elem_id, **how)

    with gr.Row(elem_classes="tight", elem_id="actions"):
        return Buttons(
            stop=button("stop", variant="stop"),
            again=button("again"),
            new_seed=button("new_seed"),
            go_on=button("go_on"),
            undo=button("undo"),
            clear=button("clear"),
            receipt=button("receipt"),
            receipt_file=gr.DownloadButton(visible="hidden", elem_id="receipt-file"),
        )
