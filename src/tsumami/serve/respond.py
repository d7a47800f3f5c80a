"""From what is wanted to an answer: all at once, or piece by piece as server-sent events.

Guarantee: what is wrong before the first piece is an answer with its own status, also where a stream was asked for;
what goes wrong later is an event `error`. A stream that nobody reads any more ends what it comes from.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from tsumami.errors import TsumamiError
from tsumami.serve.answers import EventStream, Json, event
from tsumami.serve.asking import Wanted
from tsumami.serve.faults import fault_of, language_of
from tsumami.serve.own import own_fields
from tsumami.serve.service import ApiService
from tsumami.serve.texts import Likely, News, TextEnd, TextPart, texts
from tsumami.web.callers import at_home, caller_of
from tsumami.web.turns import Asker
from tsumami.wording import Language

__all__ = ["Finished", "Wire", "asker_of", "respond"]


@dataclass(frozen=True, slots=True)
class Finished:
    """A text that is finished, with the probabilities of its tokens, and what only tsumami tells."""

    over: TextEnd
    likely: tuple[Likely, ...]
    own: dict[str, Any]

    @property
    def text(self) -> str:
        """What was written."""
        return "" if self.over.run is None else self.over.run.text


class Wire(Protocol):
    """How the answers to one request are written; `closing` is what ends a stream."""

    closing: str

    def opening(self) -> list[dict[str, Any]]:
        """What comes before the first text."""

    def piece(self, piece: TextPart, /) -> list[dict[str, Any]]:
        """What became showable of a text."""

    def end(self, over: TextEnd, own: dict[str, Any], /) -> list[dict[str, Any]]:
        """A text is finished."""

    def whole(self, texts: Sequence[Finished], /) -> Any:
        """Everything at once."""


def asker_of(request: Request) -> Asker:
    """Whose turn a request takes."""
    return Asker(caller_of(request.client.host if request.client else ""), home=at_home(request))


async def respond(service: ApiService, request: Request, wanted: Wanted, wire: Wire, *, stream: bool) -> Response:
    """The answer to a request."""
    for note in wanted.notes:
        service.say(f"{request.url.path}: {note.told('en')}")
    growing = texts(service, asker_of(request), wanted)
    if not stream:
        return Json(wire.whole([one async for one in _finished(service, wanted, growing)]))
    try:
        first = await anext(growing)
    except BaseException:
        await growing.aclose()
        raise
    return EventStream(_events(service, wanted, wire, first, growing, language_of(request)), wire.closing)


async def _finished(
    service: ApiService, wanted: Wanted, growing: AsyncGenerator[News, None]
) -> AsyncIterator[Finished]:
    """The texts in their order."""
    likely: dict[int, list[Likely]] = {}
    overs: dict[int, TextEnd] = {}
    async with contextlib.aclosing(growing):
        async for news in growing:
            if isinstance(news, TextEnd):
                overs[news.index] = news
            else:
                likely.setdefault(news.index, []).extend(news.likely)
    for index, over in sorted(overs.items()):
        own = await own_fields(service, wanted, over)
        yield Finished(over, tuple(likely.get(index, ())), own)


async def _events(
    service: ApiService,
    wanted: Wanted,
    wire: Wire,
    first: News,
    growing: AsyncGenerator[News, None],
    language: Language,
) -> AsyncGenerator[str, None]:
    async with contextlib.aclosing(growing):
        for form in (*wire.opening(), *await _forms(service, wanted, wire, first)):
            yield event(form)
        try:
            async for news in growing:
                for form in await _forms(service, wanted, wire, news):
                    yield event(form)
        except TsumamiError as error:
            yield event(fault_of(error).form(language))


async def _forms(service: ApiService, wanted: Wanted, wire: Wire, news: News) -> list[dict[str, Any]]:
    if isinstance(news, TextPart):
        return wire.piece(news)
    return wire.end(news, await own_fields(service, wanted, news))
