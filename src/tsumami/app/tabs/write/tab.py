"""The writing tab: a text that goes on wherever the cursor stands, as plain completion.

Guarantee: what is sent is the text before the cursor as it stands, with the chat's knobs; the same text, knobs and seed
give the same words. The text itself stays in the browser (sheet.py); what was generated goes into the history, whatever
ends it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import gradio as gr

from tsumami.app.parts import knob_panel
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.events import AT_ONCE, WORKING
from tsumami.app.parts.gradio_seams import data_of
from tsumami.app.parts.telling import tell, tell_not_kept
from tsumami.app.tabs.write import sheet
from tsumami.app.views.knob_line import given
from tsumami.app.views.token_choices import packed
from tsumami.app.words.texts import PageProblem, Texts
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Asked, Tasks, session_of
from tsumami.errors import TsumamiError
from tsumami.model import Model
from tsumami.runs import STOP_REASONS, Prompt, Run, Stream
from tsumami.runs.going_on import longer
from tsumami.runs.making import Pace

_LEAST_SECONDS: Final = 0.05  # between two updates of the page


@dataclass(slots=True)
class WriteTab:
    """The tab. history: where what it generates is kept."""

    name: ClassVar[str] = "write"
    texts: Texts
    shelf: Shelf
    history: Keeping = field(default_factory=lambda: Keeping(wanted=False), kw_only=True)
    _tasks: Tasks[Stream] = field(default_factory=Tasks)

    def build(self, desk: Desk, place: gr.Tab) -> None:  # noqa: ARG002  (the browser has all that it shows)
        """Lay out the tab and connect it; call inside the `gr.Tab`."""
        paper = sheet.build(self.texts)
        how = [desk.choice, desk.talk.special, desk.panel.knobs]
        written = paper.submit(self.on_go, how, [paper], **WORKING)
        written.then(None, js=sheet.ENDED, **AT_ONCE)  # also where there was nothing to show
        paper.stop(self.on_stop, None, None, **AT_ONCE)
        desk.blocks.unload(self.on_gone)

    def stop(self, session: str) -> None:
        """Write no further; what there is stays."""
        self._tasks.stop(session)

    def on_stop(self, request: gr.Request) -> None:
        """Stop."""
        self.stop(session_of(request))

    def on_gone(self, request: gr.Request) -> None:
        """The page was closed."""
        self._tasks.stop(session_of(request))

    def on_go(
        self, event: gr.EventData, request: gr.Request, choice: ModelChoice, special: bool, knobs: Any
    ) -> Iterator[Any]:
        """Go on with the text before the cursor."""
        data = data_of(event)
        try:
            settings = knob_panel.read(knobs)
            with self._tasks.ask(session_of(request)) as asked, self.shelf.lend(choice, wanted=asked.wanted) as model:
                if asked.stopped:
                    return
                prompt = _prompt(model, str(data["before"]), data.get("begun") or (), special=bool(special))
                settings = longer(model, prompt, settings) if prompt.begun else settings
                if asked.wanted():
                    stream = model.stream(prompt, settings)
                    yield from self._growing(asked, stream, int(data["number"]), request)
            tell_not_kept(self.texts, self.history, request)
        except TsumamiError as error:
            tell(self.texts, error)

    def _growing(self, asked: Asked[Stream], stream: Stream, number: int, request: gr.Request) -> Iterator[Any]:
        """What there is, now and then and at the end, and kept, whoever has brought the end about."""
        pace, tokens = Pace(_LEAST_SECONDS), list[str]()
        try:
            for step in asked.growing(stream, stream):
                tokens.append(packed(step))
                if pace.due():
                    yield sheet.growing(number, tokens.copy())
                    pace.looked()
        finally:
            stream.cancel()
            with contextlib.suppress(TsumamiError):  # what went wrong is raised where it is waited for
                self.history.keeper(request).run(stream.run, "run")
        if not asked.dropped:
            yield sheet.done(number, tokens, self._said(stream.run))

    def _said(self, run: Run) -> str:
        """How it came about: tokens, seed, knobs, and why it stopped."""
        knobs = given({name: value for name, value in run.settings.changed().items() if name != "seed"})
        reason = self.texts.pick(*STOP_REASONS[run.stop_reason])
        said = self.texts("write.said", tokens=run.timings.generated, seed=run.receipt.seed, reason=reason)
        return f"{said} {self.texts('write.knobs', knobs=knobs)}" if knobs else said


def _prompt(model: Model, before: str, begun: Any, *, special: bool) -> Prompt:
    """The text before the cursor, and the tokens with which it is made to go on.

    Raises:
        PromptError: an empty text, or one that does not fit.
        PageProblem: something that is no token of this model.
    """
    tokens = tuple(begun)
    if not all(type(one) is int and 0 <= one < model.tokenizer.n_tokens for one in tokens):
        raise PageProblem("choice.other_model")
    return replace(model.as_prompt(before, parse_special=special), begun=tokens)
