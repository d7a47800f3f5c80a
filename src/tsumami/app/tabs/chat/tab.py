"""The chat tab: layout, and handlers that unpack, call one function, and show what it returned.

Guarantee: the conversation travels through every handler as a value, or as the ids of what was said; a reload or a
restart of the server keeps it, in the history or, for whom nothing is kept there, in the browser (work/notebook.py);
whatever fails becomes a message in the page and leaves the conversation as it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

import gradio as gr

from tsumami.app.parts import browser, downloads, talk_form
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.events import AT_ONCE, QUICK, WORKING
from tsumami.app.parts.gradio_seams import data_of
from tsumami.app.parts.model_bar import ModelLoading
from tsumami.app.parts.scripts import script
from tsumami.app.parts.telling import say, tell, tell_not_kept
from tsumami.app.parts.voice_row import VoiceContents, VoiceRow
from tsumami.app.tabs.chat import log, view
from tsumami.app.tabs.chat import parts as chat_parts
from tsumami.app.tabs.chat.conversation_list import ConversationList
from tsumami.app.tabs.chat.form import Form
from tsumami.app.tabs.chat.interval_bars import IntervalBars
from tsumami.app.tabs.chat.looking import ReplyLooks
from tsumami.app.tabs.chat.panel_handlers import PanelHandlers
from tsumami.app.tabs.chat.parts import ChatParts, Shown
from tsumami.app.tabs.chat.positions import Positions
from tsumami.app.tabs.chat.rewriting import Rewriting
from tsumami.app.tabs.chat.showing import Showing
from tsumami.app.words.texts import PageProblem, Texts
from tsumami.app.work.common import Common
from tsumami.app.work.conversation import Conversation, ReplyFacts
from tsumami.app.work.notebook import Notebook, exchanges_on_page, on_page, opened
from tsumami.app.work.own_folder import hand_out
from tsumami.app.work.replying import ahead, reply
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.speaking import speaking
from tsumami.app.work.tasks import Asked, Tasks, session_of
from tsumami.errors import CancelledError, TsumamiError
from tsumami.explain.tokens import Fork, fork, open_receipt
from tsumami.model import Model
from tsumami.prompts import Exchange
from tsumami.runs import Stream

Forking: TypeAlias = Callable[[Model], Fork]
"""Where a reply parts from another one, once there is the model."""

_SAVE_SECONDS: Final = 1.0  # how often a growing reply is saved


class Asking(NamedTuple):
    """How a reply is asked for. seed: this one instead of the knob's; fork: what it parts from; first: the exchanges
    before this one stand on the page as they are.
    """

    form: Form
    seed: int | None
    fork: Forking | None
    first: int


@dataclass(slots=True)
class ChatTab:
    """The tab. n_ctx: tokens of context of the default model."""

    name: ClassVar[str] = "chat"
    texts: Texts
    common: Common
    n_ctx: int
    shelf: Shelf = field(init=False)
    sessions: Tasks[Stream] = field(init=False)
    bars: IntervalBars = field(init=False)
    voice: VoiceRow = field(init=False)
    talks: ConversationList = field(init=False)
    rewriting: Rewriting = field(init=False)
    looking: ReplyLooks = field(init=False)
    showing: Showing = field(init=False)
    loading: ModelLoading = field(init=False)

    def __post_init__(self) -> None:
        self.shelf, self.sessions = self.common.shelf, self.common.replies
        self.bars = IntervalBars(self.texts, self.shelf, self.common.history)
        self.voice = VoiceRow(self.texts, self.common.ears, self.common.mouth)
        self.talks = ConversationList(self.texts, self.common.history, self.sessions)
        self.rewriting = Rewriting(self.texts, self.common.history, self.sessions)
        self.showing = Showing(self.texts)
        self.looking = ReplyLooks(self.texts, self.shelf)
        self.loading = ModelLoading(self.texts, self.shelf)

    # --- layout and wiring. Handlers of the page are private; scripts use the named endpoints of api/endpoints.py.

    def build(self, desk: Desk, place: gr.Tab) -> None:  # noqa: ARG002  (it is open from the beginning)
        """Lay out the tab and connect its events; call inside the `gr.Tab`."""
        parts = chat_parts.lay_out(self.texts, desk, self.voice)
        self._wire_talk(parts)
        self._wire_around(parts)
        others = {**desk.talk.positions, **parts.voice.positions}
        restored = Positions(desk.panel.knobs, others).wire(desk.blocks)
        PanelHandlers(self.texts, self.shelf).wire(desk, restored)
        self.loading.wire(desk.bar, restored)

    def _wire_talk(self, parts: ChatParts) -> None:
        """What asks for a reply, and what becomes of the bars meanwhile."""
        desk, buttons = parts.desk, parts.buttons
        heard = self.voice.wire(parts.voice, parts.message)
        talks: list[tuple[Any, Any, list[Any]]] = [
            (parts.message.submit, self.on_send, [parts.message]),
            (heard.then, self.on_send_heard, [parts.voice.go, parts.message]),
            (buttons.again.click, self.on_again, []),
            (buttons.new_seed.click, self.on_new_seed, []),
            (buttons.go_on.click, self.on_go_on, []),
            (parts.chat.edit, self.on_edit, []),
        ]
        said = [begin for begin, *_ in talks if begin != heard.then]
        self.bars.before(
            [*said, buttons.undo.click, buttons.clear.click, parts.chat.select, parts.chat.input], parts.bars
        )
        how = Form.inputs(desk, parts.voice)
        for begin, talk, first in talks:
            replied = begin(talk, [*first, desk.store, *how], parts.outputs, **WORKING)
            self.bars.after(replied, parts.bars)
            self.talks.after(replied)
        self.bars.wire(desk.choice, desk.store, parts.bars)

    def _wire_around(self, parts: ChatParts) -> None:
        """What changes the conversation without the model, and what looks ahead at the next prompt."""
        desk, buttons, blocks = parts.desk, parts.buttons, parts.desk.blocks
        buttons.stop.click(self.on_stop, None, None, **AT_ONCE)
        buttons.undo.click(self.on_undo, [desk.store], parts.outputs, **QUICK)
        cleared, kept = browser.kept("cleared", {}), browser.kept("conversation", {})
        self.talks.after(buttons.clear.click(self.on_clear, [desk.store], [*parts.outputs, cleared], **QUICK))
        self.talks.after(parts.chat.undo(self.on_bring_back, [cleared], parts.outputs, **QUICK))
        parts.chat.select(self.on_turn, [desk.store], parts.outputs, **QUICK)
        self.talks.after(self.rewriting.wire(parts))
        parts.chat.apply(self.on_look, [desk.choice, desk.store], [parts.chat], **WORKING)
        parts.chat.play(self.on_aloud, [desk.store, *parts.voice.inputs], [parts.voice.player], **AT_ONCE)
        parts.chat.expand(self.on_unfold, [desk.store], [parts.chat], **AT_ONCE)
        made = buttons.receipt.click(self.on_receipt, [desk.store], [buttons.receipt_file], **QUICK)
        made.success(None, js=downloads.pressed("receipt-file"), **QUICK)
        of_window = script(__name__, "window.js")
        blocks.load(self.on_load, [kept, cleared], [parts.chat, desk.store, parts.talks], js=of_window, **AT_ONCE)
        desk.store.change(None, [desk.store, kept], [kept], js=script(__name__, "link.js"), **AT_ONCE)
        desk.brought.change(self.on_brought, [desk.store], [parts.chat], **AT_ONCE)
        self.talks.wire(parts.talks, desk.store, parts.chat)
        blocks.unload(self.on_unload)
        how = talk_form.inputs(desk.choice, desk.talk)
        watched: list[Any] = [parts.message, *how]
        gr.on(
            [desk.store.change, *(part.change for part in watched)],
            self.on_look_ahead,
            [parts.message, desk.store, *how],
            [parts.context],
            **AT_ONCE,
            trigger_mode="always_last",
        )

    # --- handlers: talking ---

    def on_send(self, request: gr.Request, message: str | None, stored: Any, *how: Any) -> Iterator[Shown]:
        """Ask what was typed."""
        conversation = self._opened(request, stored)
        message = (message or "").strip()
        if not message:
            say(self.texts("chat.empty"))
            yield Shown()
            return
        yield from self._talk(
            conversation.ask(message), how, request, before=conversation, stored=stored, typed=message
        )

    def on_send_heard(
        self, request: gr.Request, go: bool, message: str | None, stored: Any, *how: Any
    ) -> Iterator[Shown]:
        """Ask what was said, unless it waits to be edited."""
        if go:
            yield from self.on_send(request, message, stored, *how)
        else:
            yield Shown()

    def on_again(self, request: gr.Request, stored: Any, *how: Any) -> Iterator[Shown]:
        """Answer the last message again, with the seed of the reply that is shown; that one stays beside it."""
        conversation = self._opened(request, stored)
        facts = conversation.exchanges[-1].facts if len(conversation) else None
        seed = facts.seed if facts else None
        yield from self._talk(conversation.beside(), how, request, before=conversation, stored=stored, seed=seed)

    def on_new_seed(self, request: gr.Request, stored: Any, *how: Any) -> Iterator[Shown]:
        """Answer the last message again, with a fresh random seed; the reply that is shown stays beside it."""
        conversation = self._opened(request, stored)
        yield from self._talk(conversation.beside(), how, request, before=conversation, stored=stored, seed=-1)

    def on_go_on(self, request: gr.Request, stored: Any, *how: Any) -> Iterator[Shown]:
        """Go on with the last reply where it ended."""
        conversation = self._opened(request, stored)
        yield from self._talk(conversation, how, request, before=conversation, stored=stored)

    def on_edit(self, event: gr.EventData, request: gr.Request, stored: Any, *how: Any) -> Iterator[Shown]:
        """Put an earlier message differently and answer it, or answer it with another token at one place; what was
        there, and what followed it, stays beside it.
        """
        conversation, data = self._opened(request, stored), data_of(event)
        number = int(data["exchange"])
        if not 0 <= number < len(conversation):  # the page was faster than its server
            yield Shown()
            return
        if "token" in data:
            at, token = int(data["at"]), int(data["token"])
            parting = partial(_forked, conversation.exchanges[number], at, token)
            yield from self._talk(
                conversation.forked(number, at), how, request, before=conversation, stored=stored, fork=parting
            )
            return
        said = str(data["value"]).strip()
        if not said:
            say(self.texts("chat.empty"))
            yield Shown()
            return
        yield from self._talk(conversation.beside(number, said), how, request, before=conversation, stored=stored)

    def stop(self, session: str) -> None:
        """Stop the reply that is being written, what is looked into, and a model that is being loaded."""
        for one in (self.sessions, self.looking, self.loading):
            one.stop(session)

    def on_stop(self, request: gr.Request) -> None:
        """Stop it."""
        self.stop(session_of(request))

    def on_unload(self, request: gr.Request) -> None:
        """The page was closed or the connection lost: give the place in the engine back."""
        session = session_of(request)
        self.stop(session)
        self.bars.stop(session)
        self.voice.leave(session)
        self.talks.leave(session)
        self.rewriting.leave(session)

    def _talk(
        self,
        conversation: Conversation,
        how: Sequence[Any],
        request: gr.Request,
        *,
        before: Conversation,
        stored: Any,
        typed: str = "",
        seed: int | None = None,
        fork: Forking | None = None,
    ) -> Iterator[Shown]:
        """Write a reply into the page; if it cannot begin, say why and show what was there before."""
        if not len(conversation):
            say(self.texts("chat.nothing"))
            yield Shown()
            return
        session = session_of(request)
        self.bars.stop(session)
        with self.sessions.ask(session) as asked:
            asked.alone()
            notes = self._notes(request)
            try:
                whole = exchanges_on_page(stored) != len(before)  # something of it was forgotten elsewhere
                asking = Asking(Form.of(how), seed, fork, 0 if whole else len(conversation) - 1)
                yield from self._write(asked, conversation, asking, notes, before=before, typed=typed)
                tell_not_kept(self.texts, self.common.history, request)
            except CancelledError:  # stopped while its model was loaded: the page is as it was
                yield Shown()
            except TsumamiError as error:
                tell(self.texts, error)
                yield self.showing.of(before, message=typed or None, keep=notes)

    def _opened(self, request: gr.Request, stored: Any) -> Conversation:
        """What the page shows."""
        return opened(self.common.history, request, stored)

    def _notes(self, request: gr.Request) -> Notebook:
        return Notebook.of(self.common.history, request)

    def _write(
        self,
        asked: Asked[Stream],
        conversation: Conversation,
        asking: Asking,
        notes: Notebook,
        *,
        before: Conversation,
        typed: str,
    ) -> Iterator[Shown]:
        """The reply as it grows; what there was before if it was stopped before it could begin."""
        form = asking.form
        settings, picked = form.settings(asking.seed), talk_form.read(form.talk)
        with self.shelf.lend(picked.choice, wanted=asked.wanted) as model:
            if asked.stopped:
                return
            parting = None if asking.fork is None else asking.fork(model)
            speech = self.voice.begin(asked.session, form.voice)
            yield self.showing.of(
                conversation,
                message="" if typed else None,  # a draft in the box stays there
                growing=True,
                keep=notes,
                spoken=speech.id if speech else "",
                first=asking.first,
            )
            saved, begun = time.monotonic(), False
            written = reply(
                model, conversation, settings, picked.sending, asked=asked, keeper=notes.keeper, fork=parting
            )
            for growing in speaking(written, speech):
                begun = True
                due = growing.done or time.monotonic() - saved > _SAVE_SECONDS
                saved = time.monotonic() if due else saved
                grown = growing.conversation.settled() if growing.done else growing.conversation
                shown = self.showing.of(
                    grown, growing=not growing.done, keep=notes if due else None, first=len(grown) - 1
                )
                if asked.dropped:  # while it was saved
                    break
                yield shown
                if grown is not growing.conversation:
                    say(self.texts("chat.same_again"))
            if asked.dropped:
                yield Shown()  # when this ends, Gradio shows once more what came last, over what is shown by then
            elif not begun:
                yield self.showing.of(before, message=typed or None, keep=notes)

    # --- handlers: around the talk ---

    def on_load(self, request: gr.Request, kept: Any, cleared: Any) -> tuple[Any, Any, Any]:
        """Show the conversation that the browser has kept or knows of, or the way back to the one before."""
        history, before = self.common.history, Conversation.from_json(cleared)
        conversation = opened(history, request, kept)
        shown = log.shown(view.talk(self.texts, conversation), cleared=before != Conversation())
        return shown, on_page(conversation), {"on": history.keeps(request), "talks": []}

    def on_brought(self, request: gr.Request, stored: Any) -> Any:
        """Show a conversation of the history."""
        return log.shown(view.talk(self.texts, self._opened(request, stored)), cleared=False)

    def on_unfold(self, event: gr.EventData, request: gr.Request, stored: Any) -> Any:
        """The account of a reply."""
        number = int(data_of(event)["exchange"])
        said = self._opened(request, stored).exchanges[number]
        if said.facts is None:
            return gr.skip()
        return log.with_account(number, view.account(self.texts, said.facts, said.own))

    def on_turn(self, event: gr.EventData, request: gr.Request, stored: Any) -> Shown:
        """Show another reply to the same message, with what was said after it."""
        self.sessions.drop(session_of(request))
        data = data_of(event)
        turned = self._opened(request, stored).turned(int(data["exchange"]), int(data["by"]))
        return self.showing.of(turned, keep=self._notes(request))

    def on_aloud(self, event: gr.EventData, request: gr.Request, stored: Any, *voice: Any) -> Any:
        """Read a message or a reply aloud."""
        exchanges, data = self._opened(request, stored).exchanges, data_of(event)
        number = int(data["exchange"])
        if not 0 <= number < len(exchanges):
            return gr.skip()
        text = exchanges[number].user if data["asked"] else exchanges[number].answer
        return self.voice.read(session_of(request), text, VoiceContents(*voice))

    def on_look(self, event: gr.EventData, request: gr.Request, choice: ModelChoice, stored: Any) -> Any:
        """Why the reply that is shown and the one beside it part, or its tokens."""
        return self.looking.at(data_of(event), request, choice, self._opened(request, stored))

    def on_undo(self, request: gr.Request, stored: Any) -> Shown:
        """Take the last exchange back, its message into the box; it can be brought back."""
        self.sessions.drop(session_of(request))
        conversation = self._opened(request, stored)
        if not len(conversation):
            return self.showing.of(conversation, message="", keep=self._notes(request))
        message, less = conversation.exchanges[-1].user, conversation.without_last()
        gone = self.rewriting.taken_out(conversation, less, request)
        return self.showing.of(less, message=message, keep=self._notes(request), gone=gone)

    def on_clear(self, request: gr.Request, stored: Any) -> tuple[Any, ...]:
        """Begin a new conversation; there is a way back to this one until another is left like this."""
        self.sessions.drop(session_of(request))
        conversation = self._opened(request, stored)
        if not len(conversation):
            return (*Shown(), gr.skip())
        return (*Shown(log.shown([], cleared=True), Conversation().to_json()), conversation.to_link())

    def on_bring_back(self, request: gr.Request, cleared: Any) -> Shown:
        """The conversation before this one."""
        self.sessions.drop(session_of(request))
        conversation = opened(self.common.history, request, cleared)
        return Shown(log.shown(view.talk(self.texts, conversation), cleared=False), on_page(conversation))

    def on_receipt(self, request: gr.Request, stored: Any) -> Any:
        """The last reply's receipt as a file."""
        conversation = self._opened(request, stored)
        facts = conversation.exchanges[-1].facts if len(conversation) else None
        if facts is None:
            say(self.texts("chat.no_receipt"))
            return None
        return hand_out("receipt.json", json.dumps(facts.receipt, ensure_ascii=False, indent=1) + "\n")

    def on_look_ahead(self, request: gr.Request, message: str | None, stored: Any, *how: Any) -> str:
        """How much of the context the next prompt would take, and what the memory leaves out."""
        picked = talk_form.read(talk_form.TalkContents(*how))
        conversation = self._opened(request, stored)
        conversation = conversation.ask(message.strip()) if message and message.strip() else conversation
        if not len(conversation):
            return ""
        try:
            with self.shelf.lend(picked.choice) as model:
                return view.context_line(self.texts, ahead(model, conversation, picked.sending), model.n_ctx)
        except TsumamiError as error:
            return view.context_problem(self.texts.error(error))


def _forked(exchange: Exchange[ReplyFacts], at: int, token: int, model: Model) -> Fork:
    """A reply with another token at one place.

    Raises:
        PageProblem: it has no receipt, or no such place or token.
        RunFileError: another model made it.
    """
    if exchange.facts is None:
        raise PageProblem("chat.no_receipt")
    run = open_receipt(model, exchange.facts.receipt).run
    if not (0 <= at < len(run.steps) and 0 <= token < model.tokenizer.n_tokens):
        raise PageProblem("choice.other_model")
    return fork(run, at, token)
