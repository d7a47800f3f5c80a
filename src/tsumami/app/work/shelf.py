"""The shelf: loaded models, shared by everybody who has the page open.

Guarantee: a model that somebody is generating with is never closed; a model that fails to load leaves everything as it
was; loading one model makes nobody wait who uses another. A file is loaded once for all names that lead to it. At most
`room` models stay loaded when nobody uses them, and at most `most` are loaded at all: the one that has been left alone
for the longest time goes first, and where all are in use, another is refused.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from tsumami.engine import EngineOptions
from tsumami.errors import ModelNotFoundError, OutOfMemoryError
from tsumami.model import Model, load
from tsumami.models import is_name, is_remote, remote_name, resolve
from tsumami.stopping import check_wanted, pause, while_wanted
from tsumami.wording import counted

_MOST_NAMES: Final = 1000  # of which it is remembered where they lead

#: Called with a share in 0..1 and a word on what is going on (`download`, `load`).
Report = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, and how it is loaded: what a session has picked."""

    name: str = "smollm2"
    options: EngineOptions = field(default_factory=EngineOptions)


#: Which file, by device and number or, if there is none, by its name; and how it is loaded.
_Key: TypeAlias = tuple[object, EngineOptions]


@dataclass(slots=True, eq=False)
class _Place:
    model: Model
    users: int = 0
    used: int = 0


@dataclass(slots=True, eq=False)
class _Turnstile:
    """Where those wait who want the same model while it is loaded."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0


class Shelf:
    """Loads models on demand and lends them."""

    def __init__(self, default: ModelChoice | None = None, *, room: int = 2, most: int = 4) -> None:
        self.default = default or ModelChoice()
        self._room, self._most = room, most
        self._places: dict[_Key, _Place] = {}
        self._keys: dict[ModelChoice, _Key] = {}
        self._gates: dict[_Key, _Turnstile] = {}
        self._loading = 0
        self._lock = threading.Lock()
        self._clock = 0

    @property
    def shown_default(self) -> str:
        """What the default is called before everybody: where an engine elsewhere is, or in which folder a file lies,
        only its owner knows.
        """
        name = self.default.name
        if is_remote(name):
            return remote_name(name).title
        return name if is_name(name) else Path(name).name

    def shown(self, choice: ModelChoice) -> str:
        """What a choice is called before everybody who may have it."""
        return self.shown_default if choice.name == self.default.name else choice.name

    def named(self, name: str) -> str:
        """The name that was meant: the default's, if it is that by which everybody knows it."""
        return self.default.name if name == self.shown_default else name

    @contextlib.contextmanager
    def lend(
        self,
        choice: ModelChoice | None = None,
        report: Report | None = None,
        *,
        wanted: Callable[[], bool] | None = None,
    ) -> Iterator[Model]:
        """The model of `choice`, loaded if it is not; it stays while the block lasts. wanted: asked while it is loaded.

        Raises:
            ModelError: it cannot be loaded; an OutOfMemoryError where there is no room for one more.
            CancelledError: it is not wanted any more.
        """
        with while_wanted(wanted):
            place = self._take(choice or self.default, report)
        try:
            yield place.model
        finally:
            with self._lock:
                place.users -= 1
            self._tidy()

    def has(self, choice: ModelChoice) -> bool:
        """Whether a model is loaded."""
        with self._lock:
            return self._keys.get(choice) in self._places

    def _take(self, choice: ModelChoice, report: Report | None) -> _Place:
        with self._gate((choice.name, choice.options)):  # whoever comes second does not download it again
            key = self._key(choice, report)
        with self._gate(key):  # whoever comes second waits for the first one's load instead of loading again
            return self._find(key) or self._put(key, choice, report)

    def _key(self, choice: ModelChoice, report: Report | None) -> _Key:
        with self._lock:
            known = self._keys.get(choice)
        if known is not None:
            return known
        try:
            status = resolve(choice.name, progress=_downloading(report)).path.stat()
        except (ModelNotFoundError, OSError):  # loading it will say so
            return choice.name, choice.options
        key = (status.st_dev, status.st_ino), choice.options
        with self._lock:
            if len(self._keys) >= _MOST_NAMES:
                self._keys.clear()
            return self._keys.setdefault(choice, key)

    @contextlib.contextmanager
    def _gate(self, key: _Key) -> Iterator[None]:
        with self._lock:
            gate = self._gates.setdefault(key, _Turnstile())
            gate.waiting += 1
        try:
            while not gate.lock.acquire(timeout=pause() or -1):
                check_wanted()
            try:
                yield
            finally:
                gate.lock.release()
        finally:
            with self._lock:
                gate.waiting -= 1
                if not gate.waiting:
                    del self._gates[key]

    def _find(self, key: _Key) -> _Place | None:
        with self._lock:
            place = self._places.get(key)
            if place is not None:
                self._clock += 1
                place.users += 1
                place.used = self._clock
            return place

    def _put(self, key: _Key, choice: ModelChoice, report: Report | None) -> _Place:
        """Load a model, if there is room."""
        self._reserve()
        try:
            model = _load(choice, report)
            with self._lock:  # taken as it is put down, so that nobody can tidy it away in between
                self._keys.setdefault(choice, key)
                self._clock += 1
                place = self._places[key] = _Place(model, users=1, used=self._clock)
        finally:
            with self._lock:
                self._loading -= 1
        return place

    def _reserve(self) -> None:
        """Make room for one model more; who gets it counts it as loaded when it is.

        Raises:
            OutOfMemoryError: all are in use.
        """
        with self._lock:
            closing = self._remove(len(self._places) + self._loading + 1 - self._most)
            loaded = len(self._places) + self._loading
            refused = loaded >= self._most
            self._loading += not refused
        for place in closing:
            place.model.close()
        if refused:
            raise OutOfMemoryError(
                f"{counted(loaded, 'model is', 'models are')} in use, and no more than {self._most} are loaded "
                "at once; take one that is "
                "loaded, or try again when another is free"
            ).in_japanese(
                f"{loaded} つのモデルが使用中で、同時に読み込めるのは {self._most} "
                "つまでです。読み込み済みのモデルを選ぶか、空くのを待ってください"
            )

    def _tidy(self) -> None:
        """Close what nobody uses and there is no room for."""
        with self._lock:
            closing = self._remove(len(self._places) - self._room)
        for place in closing:
            place.model.close()

    def _remove(self, surplus: int) -> list[_Place]:
        """Take out up to so many that nobody uses, those first that were left alone for the longest time."""
        default = self._keys.get(self.default)
        idle = [key for key, place in self._places.items() if not place.users and key != default]
        idle.sort(key=lambda key: self._places[key].used)
        return [self._places.pop(key) for key in idle[: max(surplus, 0)]]

    def close(self) -> None:
        """Close all models."""
        with self._lock:
            places, self._places = list(self._places.values()), {}
        for place in places:
            place.model.close()


def _downloading(report: Report | None) -> Callable[[int, int | None], None]:
    def downloading(done: int, total: int | None) -> None:
        check_wanted()
        if report is not None and total:
            report(done / total, "download")

    return downloading


def _load(choice: ModelChoice, report: Report | None) -> Model:
    def loading(share: float) -> None:
        if report is not None:
            report(share, "load")

    return load(choice.name, choice.options, download_progress=_downloading(report), load_progress=loading)
