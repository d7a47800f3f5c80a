"""A visitor's conversations: where the page keeps what was said, and gets it from.

Guarantee: where a history keeps what a visitor makes, it has their conversations too, and the browser has only which
one a window shows; for everybody else the browser keeps the conversation itself, as the page hands it on. A window
that goes on from what another has changed meanwhile has a conversation of its own from then on. No Gradio here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from tsumami.app.work.conversation import Conversation, ReplyFacts, exchange_from, shown_again
from tsumami.app.work.keeping import Keeper, Keeping, Visitor
from tsumami.app.work.tasks import session_of
from tsumami.history import ConversationPlace, ForgottenConversation, History, KeptConversation, remembered
from tsumami.prompts import Exchange

__all__ = ["Notebook", "opened"]


@dataclass(slots=True)
class Notebook:
    """The conversations of a visitor, for one act in one window. keeper: what keeps its replies; parted: what was saved
    last went on from what another window had changed, so that it is another conversation now.
    """

    keeper: Keeper
    _window: str
    parted: bool = False
    _place: ConversationPlace | None = None

    @classmethod
    def of(cls, keeping: Keeping, visit: Visitor) -> Self:
        """Theirs, for the window that the event came from."""
        return cls(keeping.keeper(visit), session_of(visit))

    def saved(self, conversation: Conversation) -> Conversation:
        """The conversation after this act, or, once that was saved, what has become of it since."""
        known = self._place or conversation.place
        if known is None and not len(conversation):
            return conversation
        self._place = self.keeper.safely(lambda store: self._put(store, conversation))
        self.parted = known is not None and self._place is not None and self._place.key != known.key
        return replace(conversation, place=self._place)

    def _put(self, store: History, conversation: Conversation) -> ConversationPlace:
        outline = json.dumps({"exchanges": [_outlined(one) for one in conversation.exchanges]})
        if self._place is None:
            return store.conversations.put(outline, conversation.place, self._window)
        return store.conversations.grow(outline, self._place, self._window)

    def named(self, key: str) -> Conversation:
        """The conversation of that key as it is now; an empty one if it is not there."""
        return self.keeper.safely(lambda store: _read(store, key)) or Conversation()

    def all(self) -> list[KeptConversation]:
        """All of them, those changed last first."""
        return self.keeper.safely(lambda store: store.conversations.find()) or []

    def name(self, key: str, name: str) -> None:
        """Give one a name."""
        self.keeper.safely(lambda store: store.conversations.name(key, name))

    def name_of(self, conversation: Conversation) -> str:
        """The name of one; empty where none is kept."""
        place = conversation.place
        found = None if place is None else self.keeper.safely(lambda store: store.conversations.get(place.key))
        return "" if found is None else found.name

    def forget(self, key: str) -> ForgottenConversation | None:
        """Take one out with all that was said in it; gives what brings it back."""
        return self.keeper.safely(lambda store: store.conversations.forget(key))

    def bring_back(self, gone: ForgottenConversation) -> None:
        """Put one back that was taken out."""
        self.keeper.safely(lambda store: store.conversations.bring_back(gone))


def opened(keeping: Keeping, visit: Visitor, stored: Any) -> Conversation:
    """What a browser has kept, as it is now; an empty conversation if it was forgotten. Opens no history for a
    conversation that is in none.
    """
    shown = Conversation.from_json(stored)
    return shown if shown.place is None else Notebook.of(keeping, visit).named(shown.place.key)


def _outlined(exchange: Exchange[ReplyFacts]) -> dict[str, Any]:
    """An exchange as the key of its reply; whole, where that is no entry of the history."""
    ways = {
        name: [[_outlined(one) for one in way] for way in getattr(exchange, name)]
        for name in ("before", "after")
        if getattr(exchange, name)
    }
    kept = None if exchange.facts is None else exchange.facts.kept
    return ({"kept": kept} if kept else asdict(exchange.alone)) | ways


def _read(store: History, key: str) -> Conversation | None:
    found = store.conversations.get(key)
    if found is None:
        return None
    return Conversation(_way(store, json.loads(found.outline)["exchanges"]), found.place)


def _way(store: History, items: list[Any]) -> tuple[Exchange[ReplyFacts], ...]:
    """Exchanges in order, without those that were forgotten."""
    return tuple(one for item in items if (one := _exchange(store, item)) is not None)


def _exchange(store: History, item: dict[str, Any]) -> Exchange[ReplyFacts] | None:
    before, after = (
        tuple(way for one in item.get(name, ()) if (way := _way(store, one))) for name in ("before", "after")
    )
    kept = item.get("kept")
    if kept is None:
        return replace(exchange_from({**item, "before": (), "after": ()}), before=before, after=after)
    if not store.has(kept):
        return None
    return replace(shown_again(remembered(store, kept)), before=before, after=after)
