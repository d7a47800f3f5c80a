"""Several ways from one place of a conversation: replies to one message, and the message put differently.

Guarantee: what is named are the knobs (and the model) in which the replies to this message differ; why two of them part
is the library's sentence, which was checked by putting the cause back. No Gradio here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from tsumami import charts
from tsumami.app.words.texts import PageProblem, Texts
from tsumami.app.work.conversation import ReplyFacts
from tsumami.errors import SettingsError
from tsumami.explain import divergence
from tsumami.explain.tokens import open_receipt
from tsumami.knobs import KNOBS
from tsumami.knobs.typed import as_item
from tsumami.model import Model
from tsumami.prompts import Exchange


def shown(exchange: Exchange[ReplyFacts]) -> dict[str, Any] | None:
    """Which of the replies to a message is shown, out of how many, how many ways it is back and on to those beside it,
    what only it has, and whether one can ask why it differs, as far as no reader did it; None for a single one.
    """
    places, replies = _places(exchange), exchange.replies
    if len(places) == 1:
        return None
    at = places.index(len(exchange.before))
    by_hand = [replies[place].own or replies[place].chosen for place in pair_at(exchange)]
    return _steps(places, at) | {"says": _says([replies[one] for one in places])[at], "why": not any(by_hand)}


def messages(exchange: Exchange[ReplyFacts]) -> dict[str, Any] | None:
    """The same of a message that was put differently. Of the replies to another message the last one is shown."""
    users = [one.user for one in exchange.replies]
    last = {user: place for place, user in enumerate(users)}  # in the order in which they were first said
    if len(last) == 1:
        return None
    here = len(exchange.before)
    places = [here if user == exchange.user else place for user, place in last.items()]
    return _steps(places, places.index(here))


def _places(exchange: Exchange[ReplyFacts]) -> list[int]:
    """Which of the ways from here begin with the message that is shown."""
    return [place for place, one in enumerate(exchange.replies) if one.user == exchange.user]


def _steps(places: Sequence[int], at: int) -> dict[str, Any]:
    """The way from the one at `at` to those before and after it; 0 where there is none."""
    back = places[at - 1] - places[at] if at else 0
    on = places[at + 1] - places[at] if at + 1 < len(places) else 0
    return {"at": at, "of": len(places), "back": back, "on": on}


def _says(replies: Sequence[Exchange[ReplyFacts]]) -> list[str]:
    """Of each reply the values in which not all are the same, such as `temperature=3, seed=7`."""
    facts = [_facts(one.facts) for one in replies]
    known = [one for one in facts if one]
    differ = [name for one in known[:1] for name in one if any(other.get(name) != one[name] for other in known)]
    return [", ".join(_item(name, one[name]) for name in differ if name in one) for one in facts]


def _facts(of: ReplyFacts | None) -> dict[str, Any]:
    """What a reply was made with; nothing is known of one that has not ended."""
    if of is None:
        return {}
    model = of.receipt.get("model")
    named = {"model": model.get("name")} if isinstance(model, dict) else {}
    return {**named, **of.settings, "seed": of.seed}


def _item(name: str, value: Any) -> str:
    """A knob and its value as they can be typed; what the browser kept may be no value of it."""
    with contextlib.suppress(KeyError, SettingsError, TypeError, ValueError, AttributeError):
        return f"{name}={as_item(KNOBS[name], value)}"
    return f"{name}={value}"


class Pair(NamedTuple):
    """Two replies to one message, by their places among the ways from there."""

    first: int
    second: int


def pair_at(exchange: Exchange[ReplyFacts]) -> Pair:
    """The reply that is shown and the one before it, or for the first one the one after it; there are several."""
    places, here = _places(exchange), len(exchange.before)
    at = places.index(here)
    return Pair(places[at - 1], here) if at else Pair(here, places[1])


def why(texts: Texts, model: Model, exchange: Exchange[ReplyFacts]) -> str:
    """Why the two of `pair_at` part, as HTML.

    Raises:
        PageProblem: one of them has not ended.
        RunFileError: one of them cannot be computed again with this model.
    """
    places, replies = pair_at(exchange), exchange.replies
    facts = [replies[at].facts for at in places]
    runs = [open_receipt(model, one.receipt).run for one in facts if one is not None]
    if len(runs) < len(places):
        raise PageProblem("log.why_half")
    alike = _places(exchange)
    says = dict(zip(alike, _says([replies[one] for one in alike]), strict=True))
    first, second = (texts("log.reply_number", number=alike.index(at) + 1) for at in places)
    found = divergence(runs[0], runs[1], (first, second))
    heads = [f"{name} ({says[at]})" if says[at] else name for name, at in zip((first, second), places, strict=True)]
    return charts.parting(model.tokenizer.piece, found, (heads[0], heads[1]), texts.language)
