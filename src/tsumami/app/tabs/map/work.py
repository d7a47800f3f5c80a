"""A knob map that a session has under way: it grows, is looked at while it grows, and ends when nobody wants it.

Guarantee: what the page shows is the map as the engine's thread left it after some token; looking costs the engine at
most about a tenth of its time, however many texts there are. Cancelled, the map keeps what there is, and can go on
later. No Gradio here.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tsumami.app.work.shelf import Choice
from tsumami.engine import Ticket
from tsumami.explore.maps import KnobMap, Mapping, Progress
from tsumami.model import Model
from tsumami.runs import Prompt

_LEAST_SECONDS: Final = 0.4  # between two looks
_SHARE: Final = 10  # a look that takes so long is followed by so many times that without one
_PATIENCE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sight:
    """The map at some moment; `progress` and the `seconds` that it may still take, None once it has ended."""

    found: KnobMap
    progress: Progress | None = None
    remaining: float | None = None


@dataclass(slots=True, eq=False)
class MapWork:
    """One making of a map, or one going on with it. `parent` is the map that it was zoomed out of."""

    mapping: Mapping
    model: Model
    choice: Choice
    parent: MapWork | None = None
    found: KnobMap | None = None
    dropped: bool = False
    _ticket: Ticket[None] | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def parents(self) -> int:
        """How many maps it was zoomed out of."""
        return 0 if self.parent is None else 1 + self.parent.parents

    def further(self, model: Model, span: tuple[float, float] | None = None) -> MapWork:
        """The work of going on with the same map, or of mapping a part of its range alone. A model that was loaded anew
        since knows nothing of it, and begins again.

        Raises:
            SettingsError: no value within `span`.
        """
        assert self.found is not None
        if span is None and model is self.model:
            return MapWork(self.mapping, model, self.choice, self.parent, self.found)
        receipt = self.found.receipt
        prompt = Prompt(receipt.prompt, receipt.prompt_tokens, receipt.template)
        ends = span or (self.found.low, self.found.high)
        mapping = Mapping(model, prompt, self.found.knob, *ends, receipt.settings)
        return MapWork(mapping, model, self.choice, self.parent if span is None else self)

    def grow(self, *, max_tokens: int, leaves: int) -> Iterator[Sight]:
        """Make the map, or go on with it; the last sight is the finished one. Leaving the iteration cancels it."""
        news: queue.SimpleQueue[Sight | None] = queue.SimpleQueue()
        self._ticket = ticket = self.mapping.start(
            max_tokens=max_tokens, leaves=leaves, watch=_Watch(self.mapping, max_tokens, news)
        )
        ticket.future.add_done_callback(_End(news))
        try:
            while (sight := news.get()) is not None:
                self.found = sight.found
                yield sight
        finally:
            ticket.cancel()
            self._over.set()
        ticket.result()
        self.found = self.mapping.result
        yield Sight(self.found)

    def cancel(self) -> None:
        """Stop after the present batch; what there is stays."""
        if self._ticket is not None:
            self._ticket.cancel()

    def drop(self) -> None:
        """Stop, and wait until nothing more comes of it: what is shown next cannot be painted over."""
        self.dropped = True
        if self._ticket is not None:
            self._ticket.cancel()
            self._over.wait(_PATIENCE_SECONDS)


class _Watch:
    """Takes a sight after a token, in the engine's thread, where the tree holds still; now and then, not always."""

    def __init__(self, mapping: Mapping, max_tokens: int, news: queue.SimpleQueue[Sight | None]) -> None:
        self._mapping, self._news, self._most = mapping, news, max_tokens
        self._begun = time.monotonic()
        self._next = 0.0
        self._first: int | None = None

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = progress.depth - 1
        if now < self._next:
            return
        done, rest = progress.depth - self._first, self._most - progress.depth
        remaining = (now - self._begun) / max(done, 1) * max(rest, 0) if progress.followed else 0.0
        self._news.put(Sight(self._mapping.result, progress, remaining))
        cost = time.monotonic() - now
        self._next = time.monotonic() + max(_LEAST_SECONDS, _SHARE * cost)


class _End:
    """Ends the queue when the work is done."""

    def __init__(self, news: queue.SimpleQueue[Sight | None]) -> None:
        self._news = news

    def __call__(self, _: object) -> None:
        self._news.put(None)
