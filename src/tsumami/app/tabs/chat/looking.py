"""Looking into replies from the chat: the tokens of one, and why it and the one beside it part.

Guarantee: what is looked into is computed again from its receipt; it ends soon after it is stopped, and the log then
looks as it did before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import gradio as gr

from tsumami.app.parts.telling import told
from tsumami.app.tabs.chat import log, variants, view
from tsumami.app.words.texts import PageProblem, Texts
from tsumami.app.work.conversation import Conversation, ReplyFacts
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Task, Tasks, session_of
from tsumami.errors import CancelledError, TsumamiError
from tsumami.explain.tokens import open_receipt
from tsumami.prompts import Exchange


@dataclass(slots=True)
class ReplyLooks:
    """A session may have several looks under way."""

    texts: Texts
    shelf: Shelf
    _looks: Tasks[Task] = field(default_factory=lambda: Tasks(several=True))

    def stop(self, session: str) -> None:
        """Look no further."""
        self._looks.stop(session)

    def at(self, data: Mapping[str, Any], request: gr.Request, choice: ModelChoice, talk: Conversation) -> Any:
        """What the log shows of reply number `exchange`: its `tokens`, or why it and the one beside it part."""
        number, look = int(data["exchange"]), self._tokens if data.get("tokens") else self._why
        return look(session_of(request), number, choice, talk.exchanges[number])

    @told(log.with_tokens(-1, None))
    def _tokens(self, session: str, number: int, choice: ModelChoice, exchange: Exchange[ReplyFacts]) -> Any:
        if exchange.facts is None:
            raise PageProblem("chat.no_receipt")
        with self._looks.ask(session) as asked, asked.working(), self.shelf.lend(choice) as model:
            return log.with_tokens(number, view.tokens(exchange, open_receipt(model, exchange.facts.receipt).run))

    def _why(self, session: str, number: int, choice: ModelChoice, exchange: Exchange[ReplyFacts]) -> Any:
        try:
            with self._looks.ask(session) as asked, asked.working(), self.shelf.lend(choice) as model:
                found = variants.why(self.texts, model, exchange)
        except CancelledError:
            found = ""
        except TsumamiError as error:
            found = f'<p class="why">⚠️ {escape(self.texts.error(error))}</p>'
        return log.with_why(number, found)
