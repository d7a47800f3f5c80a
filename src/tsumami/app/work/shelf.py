"""The shelf: loaded models, shared by everybody who has the page open.

Guarantee: a model that somebody is generating with is never closed; a model that fails to load leaves everything as it
was; loading one model makes nobody wait who uses another. At most `room` models stay loaded; the one that has been left
alone for the longest time goes first.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tsumami.engine import EngineOptions
from tsumami.model import Model, load

#: Called with a share in 0..1 and a word on what is going on (`download`, `load`).
Report = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, and how it is loaded: what a session has picked."""

    name: str = "smollm2"
    options: EngineOptions = field(default_factory=EngineOptions)


@dataclass(slots=True, eq=False)
class _Place:
    model: Model
    users: int = 0
    used: int = 0


class Shelf:
    """Loads models on demand and lends them."""

    def __init__(self, default: ModelChoice | None = None, *, room: int = 2) -> None:
        self.default = default or ModelChoice()
        self._room = room
        self._places: dict[ModelChoice, _Place] = {}
        self._lock = threading.Lock()
        self._loading: dict[ModelChoice, threading.Lock] = {}
        self._clock = 0

    @contextlib.contextmanager
    def lend(self, choice: ModelChoice | None = None, report: Report | None = None) -> Iterator[Model]:
        """The model of `choice`, loaded if it is not; it stays while the block lasts.

        Raises:
            ModelError: it cannot be loaded.
        """
        wanted = choice or self.default
        place = self._take(wanted, report)
        try:
            yield place.model
        finally:
            with self._lock:
                place.users -= 1
            self._tidy()

    def has(self, choice: ModelChoice) -> bool:
        """Whether a model is loaded."""
        with self._lock:
            return choice in self._places

    def _take(self, choice: ModelChoice, report: Report | None) -> _Place:
        with self._lock:
            gate = self._loading.setdefault(choice, threading.Lock())
        with gate:  # whoever comes second waits for the first one's load instead of loading again
            place = self._find(choice)
            if place is None:
                model = _load(choice, report)
                with self._lock:  # taken as it is put down, so that nobody can tidy it away in between
                    self._clock += 1
                    place = self._places[choice] = _Place(model, users=1, used=self._clock)
        return place

    def _find(self, choice: ModelChoice) -> _Place | None:
        with self._lock:
            place = self._places.get(choice)
            if place is not None:
                self._clock += 1
                place.users += 1
                place.used = self._clock
            return place

    def _tidy(self) -> None:
        """Close what nobody uses and there is no room for."""
        with self._lock:
            surplus = len(self._places) - self._room
            idle = [choice for choice, place in self._places.items() if not place.users and choice != self.default]
            idle.sort(key=lambda choice: self._places[choice].used)
            closing = [self._places.pop(choice) for choice in idle[: max(surplus, 0)]]
        for place in closing:
            place.model.close()

    def close(self) -> None:
        """Close all models."""
        with self._lock:
            places, self._places = list(self._places.values()), {}
        for place in places:
            place.model.close()


def _load(choice: ModelChoice, report: Report | None) -> Model:
    def downloading(done: int, total: int | None) -> None:
        if report is not None and total:
            report(done / total, "download")

    def loading(share: float) -> None:
        if report is not None:
            report(share, "load")

    return load(choice.name, choice.options, download_progress=downloading, load_progress=loading)
