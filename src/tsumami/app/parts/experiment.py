"""A tab with an experiment, a grid or a map: what a session has under way and its own, and the ways from it elsewhere.

Guarantee: a session has one experiment under way and its own; leaving the page ends it, and cancelling keeps what there
is. Whatever is looked at can be opened in the microscope, put into the chat's knobs, and taken along as a file.
"""

from __future__ import annotations

import abc
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import gradio as gr

from tsumami.app.parts import downloads, knob_panel
from tsumami.app.parts.desk import Brought, Desk, Opener
from tsumami.app.parts.events import QUICK
from tsumami.app.parts.telling import say, tell_not_kept, told
from tsumami.app.words.texts import Texts
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.kept import Kept
from tsumami.app.work.own_folder import hand_out
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Asked, Task, Tasks, session_of
from tsumami.model import Model
from tsumami.runs import Receipt, Run
from tsumami.settings import Settings


class Finding(Protocol):
    """What an experiment found."""

    @property
    def receipt(self) -> Receipt: ...

    def to_json(self) -> str:
        """Its form in a file."""


_F = TypeVar("_F", bound=Finding)
_FoundOut = TypeVar("_FoundOut", bound=Finding, covariant=True)
_S = TypeVar("_S")  # what is seen of it while it grows


class Work(Task, Protocol[_FoundOut]):
    """An experiment that can be ended; `found` is None until there is something to look at."""

    @property
    def found(self) -> _FoundOut | None: ...


_W = TypeVar("_W", bound=Work[Any])


class RunToken(NamedTuple):
    """A run of what was found, and the token of it that somebody points at."""

    run: Run
    token: int = 0


@dataclass(slots=True)
class ExperimentTab(abc.ABC, Generic[_W, _F]):
    """The part that all have. Runs are opened in `microscope`; the text `nothing` says that there is nothing yet to do
    something with; `kinds`: of which there are files. history: where what was found is kept.
    """

    name: ClassVar[str]
    nothing: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    texts: Texts
    shelf: Shelf
    microscope: Opener
    history: Keeping = field(default_factory=lambda: Keeping(wanted=False), kw_only=True)
    _works: Kept[_W] = field(default_factory=Kept, kw_only=True)
    _tasks: Tasks[_W] = field(default_factory=Tasks, kw_only=True)

    # --- what each has of its own ---

    @abc.abstractmethod
    def run_at(self, found: _F, event: gr.EventData, model: Model) -> RunToken:
        """The run that an event of the view points at."""

    @abc.abstractmethod
    def settings_of(self, found: _F, event: gr.EventData) -> Settings:
        """The settings that give it."""

    @abc.abstractmethod
    def file(self, work: _W, found: _F, kind: str) -> tuple[str, str | bytes]:
        """The name and the content of a file of what was found, of one of its `kinds`."""

    @abc.abstractmethod
    def recalled(self, form: str, choice: ModelChoice) -> _W:
        """An experiment that is over, by the JSON of what it found."""

    @abc.abstractmethod
    def drawn(self, work: _W) -> str:
        """What an experiment found, as the value of the view."""

    # --- layout ---

    def buttons(self, go: str) -> tuple[gr.Button, gr.Button]:
        """Lay out what begins an experiment, with `go` on it, and what ends it; call inside a row."""
        beginning = gr.Button(go, variant="primary", size="sm", min_width=90, elem_id=f"{self.name}-go")
        ending = gr.Button(
            self.texts("chat.stop"), variant="stop", size="sm", min_width=90, elem_id=f"{self.name}-stop"
        )
        return beginning, ending

    def wire(self, desk: Desk, stop: gr.Button, view: gr.HTML) -> None:
        """Connect the end of an experiment, and the ways from `view` to elsewhere."""
        file = gr.DownloadButton(visible="hidden", elem_id=f"{self.name}-file")
        stop.click(self.on_stop, None, None, queue=False, **QUICK)
        view.apply(self.on_apply, None, [desk.tabs, desk.panel.knobs], **QUICK)
        opened = view.expand(self.on_inside, [desk.choice], [desk.tabs], **QUICK)
        self.microscope.show(opened, desk.choice)
        made = view.download(self.on_file, None, [file], **QUICK)
        made.success(None, js=downloads.pressed(f"{self.name}-file"), **QUICK)
        desk.brought.change(self.on_brought, [desk.brought, desk.choice], [view], **QUICK)
        desk.blocks.unload(self.on_gone)

    # --- under way ---

    def growing(
        self, request: gr.Request, asked: Asked[_W], work: _W, sights: Generator[_S, None, None]
    ) -> Iterator[_S]:
        """What is seen of an experiment while it grows, from now on the session's own; whatever ends it, what it has
        found is kept.
        """
        if asked.stopped:
            return
        self._works.put(asked.session, work)
        before, keeper = work.found, self.history.keeper(request)
        try:
            yield from asked.growing(work, sights)
        finally:
            sights.close()
            if work.found is not None and work.found is not before:
                keeper.result(work.found.to_json, self.name, work.found.receipt)
        tell_not_kept(self.texts, self.history, request)

    def stop(self, session: str) -> None:
        """Stop; what there is stays."""
        self._tasks.stop(session)

    def on_stop(self, request: gr.Request) -> None:
        """Stop."""
        self.stop(session_of(request))

    def on_gone(self, request: gr.Request) -> None:
        """The page was closed."""
        self._tasks.stop(session_of(request))
        self._works.forget(session_of(request))

    def work_of(self, request: gr.Request) -> _W | None:
        """The session's experiment, if it has one."""
        return self._works.get(session_of(request))

    def found_by(self, request: gr.Request) -> _F | None:
        """What the session's experiment found; None, with a message, if there is nothing yet."""
        work = self.work_of(request)
        if work is None or work.found is None:
            say(self.texts(self.nothing))
            return None
        found: _F = work.found
        return found

    @told()
    def on_brought(self, request: gr.Request, brought: Brought, choice: ModelChoice) -> Any:
        """Show what was found before, out of the history; nothing is made again."""
        store = self.history.store(request)
        if brought.kind != self.name or store is None:
            return gr.skip()
        self._tasks.drop(session_of(request))
        work = self.recalled(store.result(brought.key), choice)
        self._works.put(session_of(request), work)
        return self.drawn(work)

    # --- from what was found to elsewhere ---

    @told()
    def on_inside(self, event: gr.EventData, request: gr.Request, choice: ModelChoice) -> Any:
        """Open a text in the microscope and turn to it."""
        found = self.found_by(request)
        if found is None:
            return gr.skip()
        with self.shelf.lend(choice) as model:
            self.microscope.open(request, *self.run_at(found, event, model))
        return gr.Tabs(selected="microscope")

    @told()
    def on_apply(self, event: gr.EventData, request: gr.Request) -> tuple[Any, Any]:
        """Turn the chat's knobs to the settings that give a text, and go there."""
        found = self.found_by(request)
        if found is None:
            return gr.skip(), gr.skip()
        return gr.Tabs(selected="chat"), knob_panel.contents(self.settings_of(found, event))

    @told(None)
    def on_file(self, event: gr.EventData, request: gr.Request) -> Any:
        """What was found, as a file."""
        found, work = self.found_by(request), self.work_of(request)
        if found is None or work is None or event.kind not in self.kinds:
            return None
        return hand_out(*self.file(work, found, str(event.kind)))
