"""Bars under the chat's sliders: within which values of each knob the last reply would have stayed as it is.

Guarantee: nobody waits for them, and none is computed that nobody can see. Once a reply is there, the component asks
for those of the sliders in sight, and for others when their group is opened; one session's are computed at a time, and
given up as soon as the session says something new. A reply that was stopped, or of which they cannot be known, has
none.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import gradio as gr

from tsumami.app.parts.events import AT_ONCE
from tsumami.app.parts.scripts import script
from tsumami.app.views import interval_view
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.notebook import opened
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Asked, Task, Tasks, session_of
from tsumami.errors import TsumamiError
from tsumami.explain.tokens import open_receipt
from tsumami.explore.intervals import intervals, knobs_with_interval

_MOST_TOKENS: Final = 128  # of a reply; beyond, the work would hold up others
_PATIENCE: Final = 10.0  # seconds; where nothing cuts the vocabulary, it would take a minute
_CLEAR: Final = "() => ''"
_ASK: Final = "() => '{}'"  # nothing is known yet, and whatever is in sight is asked for


def build() -> gr.HTML:
    """Lay out the component, which shows nothing itself; call beside the knobs."""
    drawing = script(__name__, "interval_bars.js")
    return gr.HTML(value="", html_template="", js_on_load=drawing, elem_id="far", apply_default_css=False)


@dataclass(slots=True)
class IntervalBars:
    """The work behind the component."""

    texts: Texts
    shelf: Shelf
    history: Keeping
    _tasks: Tasks[Task] = field(default_factory=Tasks)
    _one: anyio.CapacityLimiter = field(default_factory=functools.partial(anyio.CapacityLimiter, 1))

    def before(self, triggers: list[Any], bars: gr.HTML) -> None:
        """The bars go when something else is asked for: what they say is of the reply before."""
        gr.on(triggers, None, None, [bars], js=_CLEAR, **AT_ONCE)

    def after(self, talk: Any, bars: gr.HTML) -> None:
        """Look anew when this event, which writes a reply, has ended."""
        talk.then(None, None, [bars], js=_ASK, **AT_ONCE)

    def wire(self, choice: gr.State, store: gr.HTML, bars: gr.HTML) -> None:
        """Answer what the component asks for."""
        bars.select(self.on_wanted, [choice, store, bars], [bars], **AT_ONCE)

    async def on_wanted(
        self, event: gr.EventData, request: gr.Request, choice: ModelChoice, stored: Any, bars: str
    ) -> Any:
        """The bars that there are, and those of further knobs; nothing where they cannot be known."""
        with self._tasks.ask(session_of(request)) as asked:
            shown = functools.partial(opened, self.history, request, stored)
            work = functools.partial(self._look, choice, shown, asked, tuple(map(str, event.knobs)))
            more = await anyio.to_thread.run_sync(work, limiter=self._one)
            if asked.stopped:
                return gr.skip()
            return "" if more is None else json.dumps({**json.loads(bars or "{}"), **more}, ensure_ascii=False)

    def stop(self, session: str) -> None:
        """The session has gone on, or the page was closed."""
        self._tasks.stop(session)

    def _look(
        self, choice: ModelChoice, shown: Callable[[], Conversation], asked: Asked[Task], names: Sequence[str]
    ) -> dict[str, interval_view.KnobBar | None] | None:
        """A bar, or none, for each of the knobs named."""
        exchanges = shown().exchanges
        facts = exchanges[-1].facts if exchanges else None
        if (
            facts is None
            or facts.stop_reason == "cancelled"
            or not 0 < len(facts.receipt.get("reply_tokens", ())) <= _MOST_TOKENS
        ):
            return None
        until = time.monotonic() + _PATIENCE
        try:
            with self.shelf.lend(choice) as model:
                if asked.stopped:
                    return None
                run = open_receipt(model, facts.receipt).run
                knobs = [name for name in knobs_with_interval(run.settings) if name in names]
                found = intervals(model, run, knobs, wanted=lambda: asked.wanted() and time.monotonic() < until)
                return dict.fromkeys(names) | interval_view.bars(self.texts, found, run, model.tokenizer.piece)
        except TsumamiError:
            return None
