"""The tab "history": what was kept, searched, marked, compared, and opened where it can be worked with.

Guarantee: a reader sees and touches nothing but their own (work/keeping.py). What is drawn is history.js's; handlers
unpack, call one function, and show what it gave.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import gradio as gr

from tsumami.app.parts import downloads, knob_panel
from tsumami.app.parts.desk import Brought, Desk, Opener
from tsumami.app.parts.events import QUICK, WORKING
from tsumami.app.parts.gradio_seams import data_of
from tsumami.app.parts.scripts import script
from tsumami.app.parts.telling import say, told
from tsumami.app.tabs.history import view as history_view
from tsumami.app.views import compare_view
from tsumami.app.words.texts import PageProblem, Texts
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.own_folder import hand_out
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Task, Tasks, session_of
from tsumami.errors import HistoryError, QueryError
from tsumami.explore.lanes import letter
from tsumami.history import Entry, History
from tsumami.model import Model

_AT_ONCE: Final[dict[str, Any]] = {**QUICK, "queue": False, "trigger_mode": "multiple"}
_AGAIN: Final = "() => { document.querySelector('#history-view .history')?.dispatchEvent(new Event('look')); }"
_THERE: Final = "() => { document.querySelector('#history-runs')?.scrollIntoView(); }"
_MOST: Final = 8  # runs side by side


@dataclass(slots=True)
class HistoryTab:
    """The tab. Runs are opened in `microscope`."""

    name: ClassVar[str] = "history"
    texts: Texts
    shelf: Shelf
    microscope: Opener
    history: Keeping
    _tasks: Tasks[Task] = field(default_factory=Tasks)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def build(self, desk: Desk, place: gr.Tab) -> None:
        """Lay out the tab and connect it; call inside the `gr.Tab`."""
        with gr.Column(elem_id="history"):
            view = gr.HTML(
                value="", html_template=history_view.skeleton(self.texts), elem_id="history-view", news=None,
                js_on_load=f"const words = {history_view.words(self.texts)};\n{script(__name__, 'history.js')}",
                apply_default_css=False,
            )  # fmt: skip
            beside = gr.HTML(elem_id="history-runs", apply_default_css=False)
            file = gr.DownloadButton(visible="hidden", elem_id="history-file")
        place.select(None, None, None, js=_AGAIN, **QUICK)
        view.submit(self.on_find, None, [view], **_AT_ONCE)  # the script takes the answer to what stands in the box
        for event, act in (view.select, self.on_look), (view.edit, self.on_mark), (view.delete, self.on_forget):
            event(act, None, [view], **_AT_ONCE)
        compared = view.input(self.on_beside, [desk.choice], [beside], **WORKING)
        compared.success(None, None, None, js=_THERE, **QUICK)
        opened = view.expand(self.on_inside, [desk.choice], [desk.tabs], **WORKING)
        self.microscope.show(opened, desk.choice)
        view.apply(self.on_apply, [desk.choice], [desk.tabs, desk.panel.knobs], **QUICK)
        view.retry(self.on_go_on, [desk.choice], [desk.tabs, desk.store, desk.brought], **QUICK)
        made = view.download(self.on_file, None, [file], **QUICK)
        made.success(None, js=downloads.pressed("history-file"), **QUICK)
        desk.blocks.unload(self.on_gone)

    def stop(self, session: str) -> None:
        """Compare no further."""
        self._tasks.stop(session)

    def on_gone(self, request: gr.Request) -> None:
        """The page was closed."""
        self.stop(session_of(request))

    # --- finding ---

    def on_find(self, event: gr.EventData, request: gr.Request) -> str:
        """A page of what is searched for."""
        asked = data_of(event)
        query, page = str(asked["query"]), max(int(asked["page"]), 0)
        try:
            store = self.history.store(request)
            if store is None:
                return _plain({"off": self.texts("history.off")})
            made = history_view.found(self.texts, store, query, page, first=bool(asked.get("first")))
        except QueryError as error:
            made = {"problem": self.texts("history.wrong", why=str(error))}
        except HistoryError as error:
            made = {"off": self.texts.error(error)}
        return _plain({**made, "query": query})

    @told()
    def on_look(self, event: gr.EventData, request: gr.Request) -> Any:
        """All of a result."""
        store, entry = self._entry(event, request)
        return self._news(look=history_view.look(self.texts, store, entry))

    # --- marking ---

    @told()
    def on_mark(self, event: gr.EventData, request: gr.Request) -> Any:
        """Star it, tag it, or give it a title."""
        store, entry = self._entry(event, request)
        what, value = str(data_of(event)["what"]), data_of(event)["value"]
        if what == "star":
            store.star(entry.key, on=bool(value))
        elif what == "name":
            store.name(entry.key, str(value).strip())
        else:
            store.tag(entry.key, *str(value).split(), on=what == "tag")
        return self._news(card=history_view.card(self.texts, store.entry(entry.key)))

    @told()
    def on_forget(self, event: gr.EventData, request: gr.Request) -> Any:
        """Take it out for good."""
        store, entry = self._entry(event, request)
        store.forget(entry.key)
        return self._news(gone=entry.key)

    # --- from here to elsewhere ---

    @told()
    def on_inside(self, event: gr.EventData, request: gr.Request, choice: ModelChoice) -> Any:
        """Open a run in the microscope and turn to it."""
        store, entry = self._entry(event, request)
        opened = self.microscope.recall(request, choice, store.get(entry.key), entry.key)
        return gr.Tabs(selected="microscope") if opened else gr.skip()

    @told()
    def on_apply(self, event: gr.EventData, request: gr.Request, choice: ModelChoice) -> list[Any]:
        """Turn the chat's knobs to its settings, and go there."""
        _, entry = self._entry(event, request)
        with self.shelf.lend(choice) as model:
            self._say_other_model(entry, model)
            return [gr.Tabs(selected="chat"), knob_panel.contents(entry.settings)]

    @told()
    def on_go_on(self, event: gr.EventData, request: gr.Request, choice: ModelChoice) -> tuple[Any, Any, Any]:
        """Put its conversation into the chat, as far as this reply, and go there; or to the tab of a map or a grid."""
        store, entry = self._entry(event, request)
        brought = Brought(entry.kind, entry.key, next(self._numbers))
        if not entry.is_run:
            return gr.Tabs(selected=entry.kind), gr.skip(), brought
        conversation = Conversation.remembered(store, entry.key)
        with self.shelf.lend(choice) as model:
            self._say_other_model(entry, model)
        return gr.Tabs(selected="chat"), conversation.to_json(), brought

    @told(None)
    def on_file(self, event: gr.EventData, request: gr.Request) -> Any:
        """It as a file."""
        store, entry = self._entry(event, request)
        form = store.get(entry.key).to_json(indent=1) if entry.is_run else store.result(entry.key)
        return hand_out(f"{entry.kind}-{entry.key[:8]}.json", f"{form}\n")

    @told()
    def on_beside(self, event: gr.EventData, request: gr.Request, choice: ModelChoice) -> Any:
        """Several runs side by side, and why each parts from the first."""
        store = self._store(request)
        entries = [store.entry(str(key)) for key in list(data_of(event)["keys"])[:_MOST]]
        if len(entries) < 2 or not all(entry.is_run for entry in entries):
            raise PageProblem("history.only_runs")
        names = [f"{letter(at)} · {entry.title or entry.key[:8]}" for at, entry in enumerate(entries)]
        with self._tasks.ask(session_of(request)) as asked, asked.working(), self.shelf.lend(choice) as model:
            runs = [store.get(entry.key).attach(model) for entry in entries]
            ours = model.model_card.fingerprint
            if any(entry.fingerprint != ours for entry in entries):
                runs = [store.get(entry.key) for entry in entries]
            return compare_view.several(self.texts, model.tokenizer.piece, runs, names)

    # --- what they share ---

    def _store(self, request: gr.Request) -> History:
        """The reader's history.

        Raises:
            PageProblem: nothing of theirs is kept.
        """
        store = self.history.store(request)
        if store is None:
            raise PageProblem("history.off")
        return store

    def _entry(self, event: gr.EventData, request: gr.Request) -> tuple[History, Entry]:
        """The entry that an event is about.

        Raises:
            HistoryError: it is not there, or not the reader's.
        """
        store = self._store(request)
        return store, store.entry(str(data_of(event)["key"]))

    def _say_other_model(self, entry: Entry, model: Model) -> None:
        """Say of which model it was, where another one is in use."""
        if entry.fingerprint != model.model_card.fingerprint:
            say(self.texts("history.other_model", model=entry.model))

    def _news(self, **what: Any) -> Any:
        """An update that tells the script something; each is another one, so that none is missed."""
        return gr.update(news={"number": next(self._numbers), **what})


def _plain(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
