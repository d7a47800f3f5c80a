"""A knob map that a session has under way: it grows, is looked at while it grows, and ends when nobody wants it.

Guarantee: what the page shows is the map as the engine's thread left it after some token; looking costs the engine at
most about a tenth of its time, however many texts there are. Cancelled, the map keeps what there is, and can go on
later. No Gradio here.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from tsumami.app.work.shelf import ModelChoice
from tsumami.explore.maps import KnobMap, MapMaking, Mapping, MapProgress
from tsumami.model import Model
from tsumami.runs.making import Pace

_LEAST_SECONDS: Final = 0.4  # between two looks
_REST: Final = 10  # a look that takes so long is followed by so many times that without one


@dataclass(frozen=True, slots=True)
class MapSight:
    """The map at some moment; `progress` and the `seconds` that it may still take, None once it has ended."""

    found: KnobMap
    progress: MapProgress | None = None
    remaining: float | None = None


@dataclass(slots=True, eq=False)
class MapWork:
    """One making of a map, or one going on with it. `parent` is the map that it was zoomed out of. A map of the history
    has no mapping and no model.
    """

    mapping: Mapping | None
    model: Model | None
    choice: ModelChoice
    parent: MapWork | None = None
    found: KnobMap | None = None
    _making: MapMaking[MapSight] | None = None

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
        receipt, ends = self.found.receipt, span or (self.found.low, self.found.high)
        prompt = receipt.to_prompt()
        mapping = model.mapping(prompt, self.found.knob, *ends, receipt.settings)
        return MapWork(mapping, model, self.choice, self.parent if span is None else self)

    def grow(self, *, max_tokens: int, leaves: int) -> Generator[MapSight, None, None]:
        """Make the map, or go on with it; the last sight is the finished one. Leaving the iteration cancels it.

        Raises:
            EngineError: another work is still at the same map.
        """
        assert self.mapping is not None
        watch = _Watch(self.mapping, max_tokens)
        with self.mapping.start(max_tokens=max_tokens, leaves=leaves, watch=watch) as self._making:
            for sight in self._making:
                self.found = sight.found
                yield sight
            self.found = self._making.result
        yield MapSight(self.found)

    def cancel(self) -> None:
        """Stop after the present batch; what there is stays."""
        if self._making is not None:
            self._making.cancel()


class _Watch:
    """Takes a sight after a token, in the engine's thread, where the tree holds still; now and then, not always."""

    def __init__(self, mapping: Mapping, max_tokens: int) -> None:
        self._mapping, self._most = mapping, max_tokens
        self._begun = time.monotonic()
        self._pace = Pace(_LEAST_SECONDS, rest=_REST)
        self._first: int | None = None

    def __call__(self, progress: MapProgress) -> MapSight | None:
        if self._first is None:
            self._first = progress.depth - 1
        if not self._pace.due():
            return None
        done, rest = progress.depth - self._first, self._most - progress.depth
        remaining = (time.monotonic() - self._begun) / max(done, 1) * max(rest, 0) if progress.followed else 0.0
        sight = MapSight(self._mapping.result, progress, remaining)
        self._pace.looked()
        return sight
