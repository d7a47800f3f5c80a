"""The chat tab: layout, and handlers that unpack, call one function, and show what it returned.

Guarantee: the conversation lives in the browser (so that a reload or a restart of the server keeps it) and travels
through every handler as a value; whatever fails becomes a message in the page and leaves the conversation as it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

import gradio as gr
from gradio.components import Component

from tsumami.app.parts import downloads, inside_link, knob_panel, model_bar
from tsumami.app.parts.telling import tell, told
from tsumami.app.parts.voice_row import VoiceRow
from tsumami.app.tabs.chat import view
from tsumami.app.tabs.chat.interval_bars import IntervalBars
from tsumami.app.tabs.chat.positions import Positions
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation, outlook
from tsumami.app.work.own_folder import place_for
from tsumami.app.work.replying import reply
from tsumami.app.work.shelf import Shelf
from tsumami.app.work.speaking import speaking
from tsumami.app.work.tasks import Asked, Tasks, session_of
from tsumami.errors import TsumamiError
from tsumami.runs import Stream
from tsumami.settings import Settings

_SAVE_SECONDS: Final = 1.0  # how often a growing reply is put into the browser's storage
# The browser keeps the conversation under this key. The "secret" only has to stay the same: nothing is hidden from the
# person whose browser it is.
_STORAGE_KEY: Final = "tsumami-conversation"


@dataclass(slots=True)
class ChatTab:
    """The components of the tab and the handlers that connect them."""

    texts: Texts
    shelf: Shelf
    sessions: Tasks[Stream]
    n_ctx: int
    store: gr.BrowserState = field(init=False)
    chat: gr.Chatbot = field(init=False)
    message: gr.Textbox = field(init=False)
    inside: gr.HTML = field(init=False)
    context: gr.HTML = field(init=False)
    stop: gr.Button = field(init=False)
    again: gr.Button = field(init=False)
    new_seed: gr.Button = field(init=False)
    go_on: gr.Button = field(init=False)
    undo: gr.Button = field(init=False)
    clear: gr.Button = field(init=False)
    receipt: gr.Button = field(init=False)
    receipt_file: gr.DownloadButton = field(init=False)
    bar: model_bar.ModelBar = field(init=False)
    panel: knob_panel.KnobPanel = field(init=False)
    bars: IntervalBars = field(init=False)
    voice: VoiceRow = field(init=False)
    restored: Any = field(init=False)

    # --- layout ---

    def build(self) -> None:
        """Lay out the tab; call inside a `gr.Blocks`."""
        texts = self.texts
        self.store = gr.BrowserState(Conversation().to_json(), storage_key=_STORAGE_KEY, secret=_STORAGE_KEY)
        with gr.Row(elem_id="desk", equal_height=False):
            with gr.Column(scale=3, min_width=320, elem_id="talk"):
                self.bar = model_bar.build(texts, self.shelf.default)
                self.chat = gr.Chatbot(
                    elem_id="chat",
                    show_label=False,
                    placeholder=texts("chat.placeholder"),
                    editable="user",
                    buttons=["copy", "copy_all"],
                    layout="bubble",
                    allow_tags=True,
                    height=None,
                )
                self.inside = inside_link.listener()
                self.context = gr.HTML(elem_id="context")
                self.message = gr.Textbox(
                    elem_id="message",
                    show_label=False,
                    label=texts("chat.message"),
                    placeholder=texts("chat.type_here"),
                    lines=1,
                    max_lines=6,
                    autofocus=True,
                    submit_btn=True,
                )
                self._buttons()
                self.voice = VoiceRow(texts)
                self.voice.build()
            with gr.Column(scale=2, min_width=320, elem_id="knobs"):
                self.panel = knob_panel.build(texts, self.n_ctx)
                self.bars = IntervalBars(texts, self.shelf)
                self.bars.build()

    def _buttons(self) -> None:
        texts = self.texts
        with gr.Row(elem_classes="tight", elem_id="actions"):
            self.stop = gr.Button(texts("chat.stop"), variant="stop", size="sm", min_width=70, elem_id="stop")
            self.again = gr.Button(texts("chat.again"), size="sm", min_width=70, elem_id="again")
            self.new_seed = gr.Button(texts("chat.new_seed"), size="sm", min_width=70, elem_id="new-seed")
            self.go_on = gr.Button(texts("chat.go_on"), size="sm", min_width=70, elem_id="go-on")
            self.undo = gr.Button(texts("chat.undo"), size="sm", min_width=70, elem_id="undo")
            self.clear = gr.Button(texts("chat.clear"), size="sm", min_width=70, elem_id="clear")
            self.receipt = gr.Button(texts("chat.receipt"), size="sm", min_width=70, elem_id="receipt")
            self.receipt_file = gr.DownloadButton(visible="hidden", elem_id="receipt-file")

    # --- wiring ---

    def wire(self, blocks: gr.Blocks) -> None:
        """Connect events. Handlers of the page are private; scripts use the named endpoints of api/endpoints.py."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        # What answers at once needs no queue. It must not use one, either: Gradio's browser side can lose an event that
        # is sent in the moment in which the stream of the event before it closes, and typing then made a message hang.
        at_once: dict[str, Any] = {**private, "queue": False}
        talking: dict[str, Any] = {**private, "concurrency_limit": None, "concurrency_id": "talk"}
        how = [*self.bar.inputs, *self.panel.inputs, *self.voice.inputs]
        out: list[Component] = [self.chat, self.store, self.message, self.context, self.voice.player]
        heard = self.voice.wire(self.message)
        talks: list[tuple[Any, Any, list[Any]]] = [
            (self.message.submit, self.on_send, [self.message]),
            (heard.then, self.on_send_heard, [self.voice.go, self.message]),
            (self.again.click, self.on_again, []),
            (self.chat.retry, self.on_again, []),
            (self.new_seed.click, self.on_new_seed, []),
            (self.go_on.click, self.on_go_on, []),
            (self.chat.edit, self.on_edit, []),
        ]
        self.bars.before([*(begin for begin, *_ in talks if begin != heard.then), self.undo.click, self.clear.click])
        for begin, talk, first in talks:
            self.bars.after(begin(talk, [*first, self.store, *how], out, **talking), self.bar.choice, self.store)
        self.stop.click(self.on_stop, None, None, **at_once)
        self.undo.click(self.on_undo, [self.store], out, **private)
        gr.on([self.clear.click, self.chat.clear], self.on_clear, None, out, **private)
        made = self.receipt.click(self.on_receipt, [self.store], [self.receipt_file], **private)
        made.success(None, js=downloads.pressed("receipt-file"), **private)
        blocks.load(self.on_load, [self.store], [self.chat], **at_once)
        blocks.unload(self.on_unload)
        ahead: dict[str, Any] = {**at_once, "trigger_mode": "always_last"}
        watched = [self.message, *self.bar.prompt_inputs]
        gr.on(
            [blocks.load, self.store.change, *(part.change for part in watched)],
            self.on_look_ahead,
            [self.message, self.store, *self.bar.inputs],
            [self.context],
            **ahead,
        )
        self._wire_panel(private, at_once)
        others = {**self.bar.positions, **self.voice.positions}
        self.restored = Positions(self.panel.knobs, others, self.n_ctx).wire(blocks)

    def _wire_panel(self, private: dict[str, Any], at_once: dict[str, Any]) -> None:
        panel = self.panel
        greyed = [*panel.inputs, panel.problem]
        gr.on(
            [part.input if name == "samplers" else part.change for name, part in panel.knobs.items()],
            self.on_knobs,
            panel.inputs,
            greyed,
            trigger_mode="always_last",
            preprocess=False,  # while many knobs are being turned at once, a slider may not reach its value yet
            **at_once,
        )
        panel.preset.input(self.on_preset, [self.bar.choice, panel.preset, *panel.inputs], panel.inputs, **at_once)
        panel.neutral.click(self.on_neutral, [self.bar.choice, *panel.inputs], panel.inputs, **at_once)
        panel.defaults.click(self.on_defaults, [self.bar.choice], panel.inputs, **at_once)
        made = panel.save.click(self.on_save_settings, panel.inputs, [panel.saved], **private)
        made.success(None, js=downloads.pressed("saved-settings"), **private)
        panel.load.upload(self.on_load_settings, [self.bar.choice, panel.load], panel.inputs, **private)

    # --- handlers: talking ---

    def on_send(self, request: gr.Request, message: str | None, stored: Any, *how: Any) -> Iterator[Any]:
        """Ask what was typed."""
        conversation = Conversation.from_json(stored)
        message = (message or "").strip()
        if not message:
            gr.Info(self.texts("chat.empty"))
            yield self._skip()
            return
        yield from self._talk(conversation.ask(message), how, request, before=conversation, typed=message)

    def on_send_heard(
        self, request: gr.Request, go: bool, message: str | None, stored: Any, *how: Any
    ) -> Iterator[Any]:
        """Ask what was said, unless it waits to be edited."""
        if go:
            yield from self.on_send(request, message, stored, *how)
        else:
            yield self._skip()

    def on_again(self, request: gr.Request, stored: Any, *how: Any) -> Iterator[Any]:
        """Answer the last message again, with the seed of the last reply."""
        conversation = Conversation.from_json(stored)
        facts = conversation.exchanges[-1].facts if len(conversation) else None
        seed = facts.seed if facts else None
        yield from self._talk(conversation.reopened(), how, request, before=conversation, seed=seed)

    def on_new_seed(self, request: gr.Request, stored: Any, *how: Any) -> Iterator[Any]:
        """Answer the last message again, with a fresh random seed."""
        conversation = Conversation.from_json(stored)
        yield from self._talk(conversation.reopened(), how, request, before=conversation, seed=-1)

    def on_go_on(self, request: gr.Request, stored: Any, *how: Any) -> Iterator[Any]:
        """Go on with the last reply where it ended."""
        conversation = Conversation.from_json(stored)
        yield from self._talk(conversation, how, request, before=conversation)

    def on_edit(self, event: gr.EditData, request: gr.Request, stored: Any, *how: Any) -> Iterator[Any]:
        """Put an earlier message differently and answer it; what followed is dropped."""
        conversation = Conversation.from_json(stored)
        place = event.index[0] if isinstance(event.index, (list, tuple)) else event.index
        index = _exchange_at(self.texts, conversation, int(place))
        yield from self._talk(
            conversation.edited(index, view.as_said(str(event.value))), how, request, before=conversation
        )

    def on_stop(self, request: gr.Request) -> None:
        """Stop the reply that is being written."""
        self.sessions.stop(session_of(request))

    def on_unload(self, request: gr.Request) -> None:
        """The page was closed or the connection lost: give the place in the engine back."""
        session = session_of(request)
        self.sessions.stop(session)
        self.bars.stop(session)
        self.voice.mouth.stop(session)

    def _talk(
        self,
        conversation: Conversation,
        how: Sequence[Any],
        request: gr.Request,
        *,
        before: Conversation,
        typed: str = "",
        seed: int | None = None,
    ) -> Iterator[Any]:
        """Write a reply into the page; if it cannot begin, say why and show what was there before."""
        if not len(conversation):
            gr.Info(self.texts("chat.nothing"))
            yield self._skip()
            return
        session = session_of(request)
        self.bars.stop(session)
        with self.sessions.ask(session) as asked:
            asked.alone()
            try:
                yield from self._write(asked, conversation, how, before=before, typed=typed, seed=seed)
            except TsumamiError as error:
                tell(self.texts, error)
                yield self._show(before, message=typed or None, keep=True)

    def _write(
        self,
        asked: Asked[Stream],
        conversation: Conversation,
        how: Sequence[Any],
        *,
        before: Conversation,
        typed: str,
        seed: int | None,
    ) -> Iterator[Any]:
        """The reply as it grows; what there was before if it was stopped before it could begin."""
        bar_values, rest = how[: len(self.bar.inputs)], how[len(self.bar.inputs) :]
        knob_values, voice_values = rest[: len(self.panel.inputs)], rest[len(self.panel.inputs) :]
        settings = knob_panel.read_panel(knob_values)
        settings = settings if seed is None else settings.replace(seed=seed)
        picked = model_bar.read(bar_values)
        with self.shelf.lend(picked.choice) as model:
            if asked.stopped:
                return
            speech = self.voice.begin(asked.session, voice_values)
            yield self._show(
                conversation,
                message="" if typed else None,  # a draft in the box stays there
                growing=True,
                keep=True,
                spoken=speech.id if speech else "",
            )
            saved, begun = time.monotonic(), False
            for growing in speaking(reply(model, conversation, settings, picked.sending, asked=asked), speech):
                begun = True
                keep = growing.done or time.monotonic() - saved > _SAVE_SECONDS
                saved = time.monotonic() if keep else saved
                yield self._show(growing.conversation, growing=not growing.done, keep=keep)
            if not begun and not asked.dropped:
                yield self._show(before, message=typed or None, keep=True)

    def _show(
        self,
        conversation: Conversation,
        *,
        message: str | None = None,
        growing: bool = False,
        keep: bool = False,
        spoken: str | None = None,
    ) -> tuple[Any, ...]:
        """Chat, stored conversation, message box, context line, the speech to be played."""
        return (
            view.chat_messages(self.texts, conversation, growing=growing),
            conversation.to_json() if keep else gr.skip(),
            gr.skip() if message is None else message,
            gr.skip(),
            gr.skip() if spoken is None else spoken,
        )

    def _skip(self) -> tuple[Any, ...]:
        return (gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip())

    # --- handlers: around the talk ---

    def on_load(self, stored: Any) -> Any:
        """Show the conversation that the browser has kept."""
        return view.chat_messages(self.texts, Conversation.from_json(stored))

    def on_undo(self, request: gr.Request, stored: Any) -> tuple[Any, ...]:
        """Take the last exchange back, its message into the box."""
        self.sessions.drop(session_of(request))
        conversation = Conversation.from_json(stored)
        message = conversation.exchanges[-1].user if len(conversation) else ""
        return self._show(conversation.without_last(), message=message, keep=True)

    def on_clear(self, request: gr.Request) -> tuple[Any, ...]:
        """Forget everything that was said."""
        self.sessions.drop(session_of(request))
        return self._show(Conversation(), keep=True)

    def on_receipt(self, stored: Any) -> Any:
        """The last reply's receipt as a file."""
        conversation = Conversation.from_json(stored)
        facts = conversation.exchanges[-1].facts if len(conversation) else None
        if facts is None:
            gr.Info(self.texts("chat.no_receipt"))
            return None
        path = place_for("receipt.json")
        path.write_text(json.dumps(facts.receipt, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return str(path)

    def on_look_ahead(self, message: str | None, stored: Any, *bar_values: Any) -> str:
        """How much of the context the next prompt would take, and what the memory leaves out."""
        picked = model_bar.read(bar_values)
        conversation = Conversation.from_json(stored)
        conversation = conversation.ask(message.strip()) if message and message.strip() else conversation
        if not len(conversation):
            return ""
        sending = picked.sending
        try:
            with self.shelf.lend(picked.choice) as model:
                ahead = outlook(
                    model, conversation, template=sending.template, system=sending.system, memory=sending.memory
                )
                return view.context_line(self.texts, ahead, model.n_ctx)
        except TsumamiError as error:
            return f'<div class="context full"><span>{escape(self.texts.error(error))}</span></div>'

    # --- handlers: knobs ---

    def on_knobs(self, *values: Any) -> list[Any]:
        """Grey what does nothing."""
        return knob_panel.grey(self.texts, values)

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
        return knob_panel.fill(Settings(), self._context(choice))

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
        """Turn the knobs to the settings of a file."""
        return knob_panel.fill(knob_panel.from_file(path), self._context(choice))


def _exchange_at(texts: Texts, conversation: Conversation, place: int) -> int:
    """Index of the exchange whose user message stands at `place` in the chat component's list."""
    users = [i for i, shown in enumerate(view.chat_messages(texts, conversation)) if shown["role"] == "user"]
    return users.index(place)
