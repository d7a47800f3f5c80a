"""What Gradio keeps of a session, and for how long.

Guarantee: a session that has values of its own (a page) keeps them as long as Gradio does; of those that have none, as
a call of the API has none, a fixed number is kept. Gradio itself keeps ten thousand of either, each with its own copy
of every component's configuration, 750 kB in all, for a feature (deep links) that this page does not have.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import Any, Final

import fastapi
import gradio as gr
from gradio.state_holder import SessionState, StateHolder
from starlette.routing import Mount

__all__ = ["Sessions", "keep_few"]

_MOST_WITHOUT_VALUES: Final = 128


class _LightSession(SessionState):
    """A session without the copies for deep links."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self.blocks_config = copy(blocks.default_config)
        self.config_values: dict[int, Any] = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 3600


class Sessions(StateHolder):
    """Gradio's sessions, by their names, the one that was used last at the end."""

    def __getitem__(self, session_id: str) -> SessionState:
        with self.lock:
            session = self.session_data.get(session_id)
            if session is None:
                session = self.session_data[session_id] = _LightSession(self.blocks)
            self.session_data.move_to_end(session_id)
            self.time_last_used[session_id] = datetime.now()  # noqa: DTZ005  (as Gradio has it)
            self._forget(session_id)
            return session

    def _forget(self, but: str) -> None:
        """Let those go that have no values and were used the longest time ago."""
        without = [name for name, session in self.session_data.items() if not session.state_data and name != but]
        leaving = without[: max(len(without) - _MOST_WITHOUT_VALUES, 0)]
        if not leaving and len(self.session_data) > self.capacity:
            leaving = [next(iter(self.session_data))]
        for name in leaving:
            del self.session_data[name]
            self.time_last_used.pop(name, None)


def keep_few(app: fastapi.FastAPI, blocks: gr.Blocks) -> None:
    """Let the page that is mounted in `app` keep its sessions so."""
    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, gr.routes.App):
            route.app.state_holder = Sessions()  # type: ignore[no-untyped-call]  # Gradio's own
            route.app.state_holder.set_blocks(blocks)
