"""A visitor's conversations: where the page keeps what was said, and gets it from.

Guarantee: where a history keeps what a visitor makes, it has their conversations too, and the page hands on only the
ids of what was said (`on_page`), however long that has become; for everybody else the browser keeps the conversation
itself, as the page hands it on. A window that goes on from what another has changed meanwhile has a conversation of its
own from then on. No Gradio here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from tsumami.app.work.conversation import Conversation, ReplyFacts, exchange_from, shown_again
from tsumami.app.work.keeping import Keeper, Keeping, Visitor
from tsumami.app.work.kept import Kept
from tsumami.app.work.tasks import session_of
from tsumami.history import ConversationPlace, ForgottenConversation, History, KeptConversation, remembered
from tsumami.prompts import Exchange

__all__ = ["Notebook", "exchanges_on_page", "last_message", "on_page", "opened", "place_on_page"]


@dataclass(slots=True)
class Notebook:
    """The conversations of a visitor, for one act in one window. keeper: what keeps its replies; parted: what was saved
    last went on from what another window had changed, so that it is another conversation now.
    """

    keeper: Keeper
    _window: str
    _known: Kept[Exchange[ReplyFacts]]
    parted: bool = False
    _place: ConversationPlace | None = None

    @classmethod
    def of(cls, keeping: Keeping, visit: Visitor) -> Self:
        """Theirs, for the window that the event came from."""
        return cls(keeping.keeper(visit), session_of(visit), keeping.exchanges)

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
        return self.keeper.safely(lambda store: self._read(store, key)) or Conversation()

    def outlined(self, outline: list[Any], place: ConversationPlace) -> Conversation:
        """What a page shows (`on_page`), without what was forgotten since.

        Raises:
            KeyError, TypeError, ValueError, AttributeError, RecursionError: it is no outline.
        """
        found = self.keeper.safely(lambda store: self._way(store, outline))
        return Conversation() if found is None else Conversation(found, place)

    def _read(self, store: History, key: str) -> Conversation | None:
        found = store.conversations.get(key)
        if found is None:
            return None
        return Conversation(self._way(store, json.loads(found.outline)["exchanges"]), found.place)

    def _way(self, store: History, items: list[Any]) -> tuple[Exchange[ReplyFacts], ...]:
        """Exchanges in order, without those that were forgotten."""
        return tuple(one for item in items if (one := self._exchange(store, item)) is not None)

    def _exchange(self, store: History, item: dict[str, Any]) -> Exchange[ReplyFacts] | None:
        before, after = (
            tuple(way for one in item.get(name, ()) if (way := self._way(store, one))) for name in ("before", "after")
        )
        kept = item.get("kept")
        if kept is None:
            return replace(exchange_from({**item, "before": (), "after": ()}), before=before, after=after)
        if not store.has(kept):
            return None
        return replace(self._remembered(store, kept), before=before, after=after)

    def _remembered(self, store: History, key: str) -> Exchange[ReplyFacts]:
        """A reply of the history, which never changes, with the message that it answers."""
        found = self._known.get(key)
        if found is None:
            found = shown_again(remembered(store, key))
            self._known.put(key, found)
        return found

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


def on_page(conversation: Conversation) -> dict[str, Any]:
    """What a page hands on: all of it, or the ids of what was said, where the history has that."""
    if conversation.place is None:
        return conversation.to_json()
    outline = [_outlined(one) for one in conversation.exchanges]
    return conversation.to_link() | {"outline": outline, "last": conversation.exchanges[-1].user if outline else None}


def _read(stored: Any) -> Any:
    """What `on_page` gave; a page hands it on as JSON, a browser keeps it as it was."""
    if not isinstance(stored, str):
        return stored
    try:
        return json.loads(stored)
    except (ValueError, RecursionError):
        return None


def opened(keeping: Keeping, visit: Visitor, stored: Any) -> Conversation:
    """What a page hands on or a browser has kept, as it is now; an empty conversation if it was forgotten. Opens no
    history for a conversation that is in none.
    """
    stored = _read(stored)
    shown = Conversation.from_json(stored)
    if shown.place is None:
        return shown
    notes = Notebook.of(keeping, visit)
    if not isinstance(outline := stored.get("outline"), list):
        return notes.named(shown.place.key)
    try:
        return notes.outlined(outline, shown.place)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return Conversation()


def place_on_page(stored: Any) -> ConversationPlace | None:
    """Where the history has what a page hands on; opens nothing."""
    return Conversation.from_json(_read(stored)).place


def exchanges_on_page(stored: Any) -> int:
    """How many exchanges a page shows, as it hands them on; opens nothing."""
    match _read(stored):
        case {"outline": [*shown]} | {"exchanges": [*shown]}:
            return len(shown)
    return 0


def last_message(stored: Any) -> str | None:
    """What was asked last in what a page hands on; opens nothing."""
    match _read(stored):
        case {"last": str(said)} | {"exchanges": [*_, {"user": str(said)}]}:
            return said
    return None


def _outlined(exchange: Exchange[ReplyFacts]) -> dict[str, Any]:
    """An exchange as the key of its reply; whole, where that is no entry of the history."""
    ways = {
        name: [[_outlined(one) for one in way] for way in getattr(exchange, name)]
        for name in ("before", "after")
        if getattr(exchange, name)
    }
    kept = None if exchange.facts is None else exchange.facts.kept
    return ({"kept": kept} if kept else asdict(exchange.alone)) | ways
