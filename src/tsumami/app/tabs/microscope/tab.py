"""The microscope: a reply as its tokens, and every token's way through the stages.

Guarantee: what is shown is computed again, bit for bit, or said not to be (explain/tokens/opening.py). The runs of a
session stay on the server (Kept); handlers unpack, call one function, and show what it gave. What takes long ends when
it is stopped, when another run is opened, and with the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Final

import gradio as gr

from tsumami import charts
from tsumami.app.parts import empty_tab, knob_panel
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.gradio_seams import data_of, put
from tsumami.app.parts.telling import say, tell_not_kept, told
from tsumami.app.tabs.microscope import view as microscope_view
from tsumami.app.tabs.microscope.parts import MicroscopeParts, View
from tsumami.app.tabs.microscope.view import Seen
from tsumami.app.views import compare_view, interval_view
from tsumami.app.words.texts import PageProblem, Texts
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.kept import Kept
from tsumami.app.work.notebook import opened
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Asked, Tasks, session_of
from tsumami.explain import audit, why_not
from tsumami.explain.tokens import Opened, branch, open_bytes, open_receipt, open_run
from tsumami.explore.intervals import intervals
from tsumami.model import Model
from tsumami.runs import Run, Stream
from tsumami.runs.making import Pace
from tsumami.runs.run import RunPart

_LEAST_SECONDS: Final = 0.1  # between two looks at a branch that is being written

_SHOW_MODE: Final = """mode => document.querySelector('#microscope-strip .tsu')?.setAttribute('data-mode', mode)"""
_QUICK: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}
# Computing takes turns with what others have asked for (serving/queueing.py).
_WORKING: Final[dict[str, Any]] = {**_QUICK, "concurrency_limit": None, "concurrency_id": "talk"}
_MOVING: Final[dict[str, Any]] = {**_QUICK, "queue": False, "trigger_mode": "multiple"}


def _no_run(_: str) -> Run | None:
    return None


@dataclass(slots=True)
class MicroscopeTab:
    """The tab, the door to it from the chat, and the `Opener` of the other tabs. api_run: the API's run of an id;
    history: that of the others.
    """

    name: ClassVar[str] = "microscope"
    texts: Texts
    shelf: Shelf
    api_run: Callable[[str], Run | None] = _no_run
    history: Keeping = field(default_factory=lambda: Keeping(wanted=False), kw_only=True)
    _parts: MicroscopeParts = field(init=False)
    _seen: Kept[Seen] = field(default_factory=Kept)
    _tasks: Tasks[Stream] = field(default_factory=Tasks)
    _looks: Tasks[Stream] = field(default_factory=lambda: Tasks(several=True))

    def __post_init__(self) -> None:
        self._parts = MicroscopeParts.made(self.texts)

    def build(self, desk: Desk, place: gr.Tab) -> None:  # noqa: ARG002  (nothing is drawn before a run is opened)
        """Lay out the tab and connect it; call inside the `gr.Tab`."""
        texts, parts = self.texts, self._parts
        with gr.Column(elem_id="microscope"):
            with gr.Row(elem_classes="tight"):
                last = gr.Button(texts("microscope.last"), size="sm", min_width=120, elem_id="microscope-last")
                file = gr.UploadButton(
                    texts("microscope.open"), size="sm", min_width=120, file_types=[".json"], elem_id="microscope-open"
                )
                put(parts.mode)
            empty = empty_tab.build(texts, self.name)
            put(parts.about, parts.strip, parts.inside)
            asking = self._ask()
            put(parts.answer, parts.tree, parts.beside)
            with gr.Row(elem_classes="tight"):
                check = gr.Button(texts("microscope.audit"), size="sm", min_width=150, elem_id="microscope-audit")
                put(parts.part)
                far = gr.Button(texts("microscope.far"), size="sm", min_width=150, elem_id="microscope-far")
                stop = gr.Button(
                    texts("chat.stop"), variant="stop", size="sm", min_width=90, elem_id="microscope-stop"
                )  # fmt: skip
            put(parts.audited)
        choice, mode, outputs = desk.choice, parts.mode, parts.outputs
        gr.on([last.click, empty.select], self.on_last, [choice, desk.store, mode], outputs, **_WORKING)
        file.upload(self.on_file, [choice, file, mode], outputs, **_QUICK)
        gr.on([parts.strip.select, parts.audited.select], self.on_token, [choice, mode], outputs, **_MOVING)
        gr.on([check.click, parts.part.input], self.on_audit, [choice, parts.part], [parts.audited], **_WORKING)
        far.click(self.on_far, [choice], [parts.audited], **_WORKING)
        stop.click(self.on_stop, None, None, queue=False, **_QUICK)
        mode.change(None, [mode], None, js=_SHOW_MODE, **_QUICK)
        self._wire_branches(desk, *asking)
        opened = desk.inside.select(self.on_inside, [choice, desk.store], [desk.tabs], **_QUICK)
        self.show(opened, choice)
        desk.blocks.unload(self.on_gone)

    def _ask(self) -> tuple[gr.Button, gr.Button, gr.Checkbox]:
        """The line that asks about another token: why it was not chosen, and what would follow it."""
        texts = self.texts
        with gr.Row(elem_classes="tight", elem_id="microscope-ask"):
            put(self._parts.asked)
            why = gr.Button(texts("microscope.why"), size="sm", min_width=110, elem_id="microscope-why")
            grow = gr.Button(texts("microscope.branch"), size="sm", min_width=130, elem_id="microscope-branch")
            own = gr.Checkbox(
                label=texts("microscope.with_chat"), container=False, min_width=150, elem_id="microscope-with-chat"
            )
        return why, grow, own

    def _wire_branches(self, desk: Desk, why: gr.Button, grow: gr.Button, own: gr.Checkbox) -> None:
        parts, choice, mode, outputs = self._parts, desk.choice, self._parts.mode, self._parts.outputs
        parts.inside.select(self.on_candidate, [choice], outputs, **_MOVING)
        gr.on(
            [why.click, parts.asked.submit], self.on_why, [choice, parts.asked], [parts.inside, parts.answer], **_QUICK
        )
        grow.click(self.on_branch, [choice, parts.asked, own, mode, desk.panel.knobs], outputs, **_WORKING)
        parts.tree.select(self.on_tree, [choice, mode], outputs, **_WORKING)

    def show(self, opened: Any, choice: gr.State) -> None:
        """Let what was opened be drawn once this event has succeeded."""
        opened.success(self.on_show, [choice, self._parts.mode], self._parts.outputs, **_QUICK)

    # --- opening ---

    @told()
    def on_inside(self, event: gr.EventData, request: gr.Request, choice: ModelChoice, stored: Any) -> Any:
        """Open a reply of the chat, a run of the API or one of the history, and turn to this tab."""
        if isinstance(event.to, str):
            found = self._open_named(request, choice, event.to)
        else:
            found = self._open(request, choice, stored, int(event.to))
        return gr.Tabs(selected="microscope") if found else gr.skip()

    def _open_named(self, request: gr.Request, choice: ModelChoice, name: str) -> bool:
        """Open a run that another program has asked for, or one of the history; False, with a message, if it is not
        there any more.
        """
        run, store = self.api_run(name), self.history.store(request)
        if run is not None:
            self.open(request, run)
            return True
        if store is not None and store.has(name):
            return self.recall(request, choice, store.get(name), name)
        say(self.texts("microscope.no_run"))
        return False

    def recall(self, request: gr.Request, choice: ModelChoice, run: Run, key: str) -> bool:
        """Open a run of the history: it is computed again, or shown as it was kept where it cannot be; False if nobody
        wants it any more.
        """
        return self._opened(request, choice, partial(open_run, run=run), key)

    def open(self, request: gr.Request, run: Run, token: int = 0) -> None:
        """Take a run of this session's model, just computed, and look at token number `token`."""
        self._tasks.drop(session_of(request))
        self._seen.put(session_of(request), Seen.of(Opened(run, None)).at(token))

    @told()
    def on_last(self, request: gr.Request, choice: ModelChoice, stored: Any, mode: charts.Mode) -> View:
        """Open the chat's last reply."""
        return self._all(request, choice, mode) if self._open(request, choice, stored, -1) else View()

    @told()
    def on_file(self, request: gr.Request, choice: ModelChoice, path: str, mode: charts.Mode) -> View:
        """Open a run file, or a receipt."""
        opened = self._opened(request, choice, partial(open_bytes, data=Path(path).read_bytes()))
        return self._all(request, choice, mode) if opened else View()

    def _open(self, request: gr.Request, choice: ModelChoice, stored: Any, index: int) -> bool:
        """Compute a reply of the conversation again; False, with a message, if there is none.

        Raises:
            TsumamiError: it cannot be computed again.
        """
        exchanges = opened(self.history, request, stored).exchanges
        facts = exchanges[index].facts if -1 <= index < len(exchanges) and exchanges else None
        if facts is None or "reply_tokens" not in facts.receipt:
            say(self.texts("chat.no_receipt"))
            return False
        return self._opened(request, choice, partial(open_receipt, receipt=facts.receipt), facts.kept)

    def _opened(
        self, request: gr.Request, choice: ModelChoice, opening: Callable[[Model], Opened], key: str = ""
    ) -> bool:
        """Open a run in place of what was open, with its id in the history; False if nobody wants it any more."""
        with self._tasks.ask(session_of(request)) as asked:
            asked.alone()
            with self.shelf.lend(choice, wanted=asked.wanted) as model, asked.working():
                opened = opening(model)
            if not asked.stopped:
                self._seen.put(asked.session, Seen.of(opened, key))
            return asked.wanted()

    def stop(self, session: str) -> None:
        """Look no further; a branch keeps what it has."""
        self._tasks.stop(session)
        self._looks.stop(session)

    def on_stop(self, request: gr.Request) -> None:
        """Stop."""
        self.stop(session_of(request))

    def on_gone(self, request: gr.Request) -> None:
        """The page was closed."""
        self.stop(session_of(request))
        self._seen.forget(session_of(request))

    # --- looking ---

    @told()
    def on_show(self, request: gr.Request, choice: ModelChoice, mode: charts.Mode) -> View:
        """Draw what is open."""
        return self._all(request, choice, mode)

    @told()
    def on_token(self, event: gr.EventData, request: gr.Request, choice: ModelChoice, mode: charts.Mode) -> View:
        """Look at another token."""
        seen = self._open_here(request)
        if seen is None:
            return View()
        self._seen.put(session_of(request), seen.at(int(event.to)))
        return self._drawn(request, choice, mode)

    @told()
    def on_candidate(self, event: gr.EventData, request: gr.Request, choice: ModelChoice) -> View:
        """Ask about a candidate of the table."""
        seen = self._open_here(request)
        if seen is None or not seen.can_look:
            return View()
        with self.shelf.lend(choice) as model:
            name = _as_typed(model, int(event.to))
        inside, answer = self._why(request, choice, name)
        return View(asked=name, inside=inside, answer=answer)

    @told()
    def on_why(self, request: gr.Request, choice: ModelChoice, asked: str | None) -> Any:
        """What became of a token that was not chosen."""
        return self._why(request, choice, asked)

    def _why(self, request: gr.Request, choice: ModelChoice, typed: str | None) -> tuple[Any, Any]:
        seen = self._seen.get(session_of(request))
        if seen is None or not seen.can_look:
            raise PageProblem("microscope.cannot")
        with self._looks.ask(session_of(request)) as asked, asked.working(), self.shelf.lend(choice) as model:
            token = _token(model, typed)
            found = why_not(seen.run, seen.token, token)
            seen = replace(seen, candidate=token)
            self._seen.put(session_of(request), seen)
            said = escape(self.texts.pick(found.ja, found.en))
            return microscope_view.inside(self.texts, seen, model.tokenizer.piece), f'<p class="why">{said}</p>'

    @told()
    def on_audit(self, request: gr.Request, choice: ModelChoice, part: RunPart) -> Any:
        """What each knob did in the run, or in a part of it."""
        run = self._sound(request)
        with self._tasks.ask(session_of(request)) as asked, asked.working(), self.shelf.lend(choice):
            return microscope_view.audit_table(self.texts, audit(run, part))

    @told()
    def on_far(self, request: gr.Request, choice: ModelChoice) -> Any:
        """How far each knob can be turned before the text changes."""
        run = self._sound(request)
        with self._tasks.ask(session_of(request)) as asked, asked.working(), self.shelf.lend(choice) as model:
            found = intervals(model, run, wanted=asked.wanted)
            return interval_view.table(self.texts, found, run, model.tokenizer.piece)

    def _sound(self, request: gr.Request) -> Run:
        """The run that is shown.

        Raises:
            PageProblem: there is none, or it cannot be computed again.
        """
        seen = self._seen.get(session_of(request))
        if seen is None or not seen.run.steps or (seen.current == 0 and seen.opened.sound is not None):
            raise PageProblem("microscope.cannot")
        return seen.run

    # --- branches ---

    @told()
    def on_branch(
        self, request: gr.Request, choice: ModelChoice, asked: str | None, own: bool, mode: charts.Mode, knobs: Any
    ) -> Iterator[View]:
        """Go on from here with another token, and with the run's settings or the chat's."""
        seen = self._seen.get(session_of(request))
        if seen is None or not seen.can_look:
            raise PageProblem("microscope.cannot")
        settings = knob_panel.read(knobs) if own else None
        with self._tasks.ask(session_of(request)) as wish, self.shelf.lend(choice, wanted=wish.wanted) as model:
            token = _token(model, asked)
            wish.alone()
            if wish.stopped:
                return
            with branch(model, seen.run, seen.token, token, settings) as stream:
                wish.begin(stream)
                for text in self._growing(wish, stream):
                    yield View(answer=f'<p class="why growing">{escape(text)}</p>')
                if wish.dropped:
                    return
                kept = self.history.keeper(request).branch(stream.run, seen.kept.get(seen.current, ""))
            self._seen.put(wish.session, seen.grown(stream.run, kept))
        tell_not_kept(self.texts, self.history, request)
        yield self._all(request, choice, mode)

    def _growing(self, wish: Asked[Stream], stream: Stream) -> Iterator[str]:
        """The text of a branch now and then, as long as somebody wants to see it."""
        text, pace = "", Pace(_LEAST_SECONDS, at_once=False)
        for step in stream:
            text += step.text
            if wish.dropped:
                return
            if pace.due():
                yield text

    @told()
    def on_tree(self, event: gr.EventData, request: gr.Request, choice: ModelChoice, mode: charts.Mode) -> View:
        """Walk to a branch, close one, or put one beside the run that is shown."""
        seen, data = self._open_here(request), data_of(event)
        if seen is None:
            return View()
        if "beside" in data:
            return View(beside=self._beside(seen, choice, int(data["beside"])))
        if "close" in data:
            tree = seen.tree.closed(int(data["close"]))
            kept = any(one.number == seen.current for one in tree.branches)
            seen = replace(seen, tree=tree, current=seen.current if kept else 0)
            seen = seen.at(seen.token)
        else:
            number = int(data["to"])
            seen = replace(seen, current=number).at(seen.tree[number].at)
        self._tasks.drop(session_of(request))
        self._seen.put(session_of(request), seen)
        return self._all(request, choice, mode)

    def _beside(self, seen: Seen, choice: ModelChoice, number: int) -> Any:
        """The run that is shown and another branch, side by side."""
        one, other = seen.tree[seen.current], seen.tree[number]
        names = tuple(microscope_view.branch_name(self.texts, branch) for branch in (one, other))
        with self.shelf.lend(choice) as model:
            return compare_view.pair(
                self.texts, model.tokenizer.piece, (one.run, other.run), (f"A · {names[0]}", f"B · {names[1]}")
            )

    # --- showing ---

    def _all(self, request: gr.Request, choice: ModelChoice, mode: charts.Mode) -> View:
        """Everything, and no comparison or audit of another run."""
        return self._drawn(request, choice, mode)._replace(beside="", audited="")

    def _drawn(self, request: gr.Request, choice: ModelChoice, mode: charts.Mode) -> View:
        """The run, its token and its branches."""
        seen, texts = self._seen.get(session_of(request)), self.texts
        if seen is None:
            return View()
        with self.shelf.lend(choice) as model:
            inside = microscope_view.inside(texts, seen, model.tokenizer.piece)
        strip = microscope_view.strip(seen, texts.language, mode)
        facts, tree = microscope_view.facts(texts, seen), microscope_view.tree(texts, seen)
        part = gr.update(visible=seen.run.thought is not None, value="all")
        return View(facts, strip, inside, asked="", answer="", tree=tree, part=part)

    def _open_here(self, request: gr.Request) -> Seen | None:
        """What is open in the session; None, with a message, if it is no more on the server (after a restart, say)."""
        seen = self._seen.get(session_of(request))
        if seen is None:
            say(self.texts("microscope.gone"))
        return seen


def _as_typed(model: Model, token: int) -> str:
    """A token as it would be typed into the box: its text where that names it, else its number."""
    text = model.tokenizer.piece(token).decode("utf-8", "replace")
    same = model.tokenize(text, add_special=False, parse_special=False) == [token] if text.strip() else False
    return text if same else f"#{token}"


def _token(model: Model, asked: str | None) -> int:
    """The token that was typed: a text that is one token, or # and its number.

    Raises:
        PageProblem: nothing was typed, or it is several tokens.
    """
    if not asked:
        raise PageProblem("microscope.nothing")
    if asked[0] == "#" and asked[1:].isdigit() and int(asked[1:]) < model.tokenizer.n_tokens:
        return int(asked[1:])
    for text in (asked, f" {asked}"):
        tokens = model.tokenize(text, add_special=False, parse_special=False)
        if len(tokens) == 1:
            return tokens[0]
    tokens = model.tokenize(asked, add_special=False, parse_special=False)
    shown = ", ".join(f"{charts.visible(model.tokenizer.piece(token))} (#{token})" for token in tokens)
    raise PageProblem("microscope.several", text=asked, tokens=shown)
