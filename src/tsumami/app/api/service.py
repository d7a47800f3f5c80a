"""One call of an endpoint, and what its work may use: models, words, and a way to be stopped.

Guarantee: work that began through this ends when its caller cancels it or goes away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tsumami.app.api.calls import Call
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.listening import Ears
from tsumami.app.work.replying import Growing, Sending, reply
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Task
from tsumami.errors import CancelledError
from tsumami.model import Model
from tsumami.settings import Settings
from tsumami.web.callers import naming


@dataclass(frozen=True, slots=True)
class Service:
    """What the work of a call gets."""

    texts: Texts
    shelf: Shelf
    ears: Ears
    call: Call

    @contextlib.contextmanager
    def lend(self, name: str | None) -> Iterator[Model]:
        """The model that the caller has named, or the server's own.

        Raises:
            CancelledError: the caller has gone while it loaded.
        """
        default = self.shelf.default
        with contextlib.ExitStack() as stack:
            if not name or self.shelf.named(name) == default.name:
                model = stack.enter_context(self.shelf.lend(None, self._heed))
            else:
                choice = ModelChoice(name, replace(default.options, n_ctx=None, n_cells=None, lora=(), vocabulary=None))
                with naming(name, self.call.at_home):
                    model = stack.enter_context(self.shelf.lend(choice, self._heed))
            self._heed()
            yield model

    def _heed(self, *_: object) -> None:
        """Break off what the caller does not wait for any more, a load, say."""
        if self.call.asked.stopped:
            raise CancelledError("the caller has gone").in_japanese("呼び出した側がいなくなりました")

    def begin(self, work: Task) -> None:
        """Let this end when nobody wants the result."""
        self.call.asked.begin(work)

    def reply(
        self, conversation: Conversation, settings: Settings, sending: Sending, name: str | None
    ) -> Iterator[Growing]:
        """The reply to a conversation as it grows."""
        with self.lend(name) as model:
            yield from reply(model, conversation, settings, sending, asked=self.call.asked)
