"""Work is seen going on: one line for the whole page that says so, for how long, and stops it (busy.js).

Guarantee: whatever event the page sends is seen at once, whichever tab it belongs to, unless it changes nothing but
what `QUIET` names; a new event needs nothing for it. Stopping reaches all that the session has under way.

Gradio tells a page neither which events are under way nor when they end, so the script watches its requests: it leans
on the addresses queue/join, queue/data and run/, and on the messages process_starts and process_completed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

import gradio as gr

from tsumami.app.parts import scripts
from tsumami.app.parts.events import AT_ONCE
from tsumami.app.words.texts import Texts
from tsumami.app.work.tasks import session_of

QUIET: Final[dict[str, str]] = {
    "far": "the bars under the sliders come by themselves, and nobody waits for them",
    "context": "how full the context is follows every key that is typed",
}
"""What is worked out although nobody asked for it, by the id of what it changes, and why nothing is said of it."""

#: Beside the line, what other scripts say to screen readers alone: the text of #told.
_LINE: Final = (
    '<p class="told" id="told" role="status"></p><div role="status"><div class="busy-line" hidden>'
    '<i class="busy-sign" aria-hidden="true"></i><span class="busy-said"></span>'
    '<span class="busy-time" aria-hidden="true"></span>'
    '<button type="button" class="busy-stop">{stop}</button></div></div>'
)


def script(texts: Texts) -> str:
    """What watches, in the language of `texts`; it has to run before the page's first request."""
    words = {name: texts(f"busy.{name}") for name in ("stopping", "working", "waiting", "seconds")}
    return scripts.script(__name__, "busy.js", quiet=",".join(QUIET), **words)


def build(texts: Texts, stops: Sequence[Callable[[str], object]]) -> gr.Button:
    """The line, and what its button presses; call once, outside the tabs. stops: each ends what a session has under way
    in a tab, by the session's name. Gives a part that nobody sees.
    """

    def stop(request: gr.Request) -> None:
        for one in stops:
            one(session_of(request))

    gr.HTML(_LINE.format(stop=escape(texts("chat.stop"))), elem_id="busy", apply_default_css=False)
    unseen = gr.Button(visible="hidden", elem_id="stop-all")
    unseen.click(stop, None, None, **AT_ONCE)
    return unseen
