"""From a conversation to what the chat shows of it, kept on the way.

Guarantee: every handler of the tab shows a conversation through here, so that one that was kept is the one in the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsumami.app.parts.telling import say
from tsumami.app.tabs.chat import log, view
from tsumami.app.tabs.chat.parts import Shown
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.notebook import Notebook, on_page


@dataclass(frozen=True, slots=True)
class Showing:
    """It has the page's words."""

    texts: Texts

    def of(
        self,
        conversation: Conversation,
        *,
        message: str | None = None,
        growing: bool = False,
        keep: Notebook | None = None,
        spoken: str | None = None,
        gone: str = "",
        first: int = 0,
    ) -> Shown:
        """A conversation, kept by `keep`; what is None stays as it is. gone: a name for what was just taken out, so
        that its way back is offered; first: those before this one are shown already.
        """
        if keep is not None:
            conversation = keep.saved(conversation)
            if keep.parted:
                say(self.texts("chat.parted"))
        exchanges = view.talk(self.texts, conversation, growing=growing, first=first)
        chat = log.from_there(exchanges, first) if first else exchanges
        return Shown(
            chat=log.without_some(exchanges, gone) if gone else chat,
            store=gr.skip() if keep is None else on_page(conversation),
            message=gr.skip() if message is None else message,
            spoken=gr.skip() if spoken is None else spoken,
        )

    def turned_to(self, conversation: Conversation) -> Any:
        """An update of the log that shows another conversation."""
        return log.shown(view.talk(self.texts, conversation), cleared=False)
