"""History: every run kept, found again, opened exactly. One SQLite file, in the user's data folder.

    store = tsumami.history()
    store.find("temperature>1 夕焼け"), store.get(id), store.add(run), store.as_pandas()

Guarantee: importing this room opens nothing and loads no engine; called, it opens the store.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.history.conversations import ConversationPlace as ConversationPlace
    from tsumami.history.conversations import ForgottenConversation as ForgottenConversation
    from tsumami.history.conversations import KeptConversation as KeptConversation
    from tsumami.history.database import default_path as default_path
    from tsumami.history.entries import ChatTurn as ChatTurn
    from tsumami.history.entries import Entry as Entry
    from tsumami.history.entries import SaidBefore as SaidBefore
    from tsumami.history.off import history_is_off as history_is_off
    from tsumami.history.opening import LazyHistory as LazyHistory
    from tsumami.history.query import FIELDS as FIELDS
    from tsumami.history.store import GrowingEntry as GrowingEntry
    from tsumami.history.store import History as History
    from tsumami.history.talks import RememberedReply as RememberedReply
    from tsumami.history.talks import remembered as remembered
    from tsumami.history.talks import talk as talk
    from tsumami.history.talks import told as told

_HOMES = {
    "ChatTurn": "tsumami.history.entries",
    "ConversationPlace": "tsumami.history.conversations",
    "FIELDS": "tsumami.history.query",
    "Entry": "tsumami.history.entries",
    "ForgottenConversation": "tsumami.history.conversations",
    "GrowingEntry": "tsumami.history.store",
    "History": "tsumami.history.store",
    "KeptConversation": "tsumami.history.conversations",
    "LazyHistory": "tsumami.history.opening",
    "RememberedReply": "tsumami.history.talks",
    "SaidBefore": "tsumami.history.entries",
    "default_path": "tsumami.history.database",
    "history_is_off": "tsumami.history.off",
    "remembered": "tsumami.history.talks",
    "talk": "tsumami.history.talks",
    "told": "tsumami.history.talks",
}

__all__ = [
    "FIELDS",
    "ChatTurn",
    "ConversationPlace",
    "Entry",
    "ForgottenConversation",
    "GrowingEntry",
    "History",
    "KeptConversation",
    "LazyHistory",
    "RememberedReply",
    "SaidBefore",
    "default_path",
    "history_is_off",
    "remembered",
    "talk",
    "told",
]

__getattr__, __dir__ = face(__name__, _HOMES)


class _Room(ModuleType):
    """The room, which opens its store where it is called."""

    def __call__(self, path: Path | None = None) -> History:
        """The history: the user's own, or that of another file.

        Raises:
            HistoryError: it cannot be opened; the message says why.
        """
        from tsumami.history.store import History

        return History(path)


sys.modules[__name__].__class__ = _Room
