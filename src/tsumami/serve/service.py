"""What all routes share: the model, whose turn it is, the runs that are kept, and what was counted.

Guarantee: a request is read with the same tables and the same values where it says nothing, whichever route it comes
by. What takes longer than a moment is done beside the event loop, which answers meanwhile.
"""

from __future__ import annotations

import functools
import math
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, ParamSpec, Protocol, TypeVar

import anyio
import anyio.to_thread

from tsumami.exchange import DIALECTS, Dialect
from tsumami.exchange.writing import export_values
from tsumami.runs import Run
from tsumami.serve.kept import KeptRuns, ServedHistory
from tsumami.serve.options import ServeOptions
from tsumami.serve.served import Served
from tsumami.serve.slots import Counts, Slots
from tsumami.settings import Settings
from tsumami.web.turns import Turns

__all__ = ["ApiService", "KeyedTexts"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_MOST_LINES: Final = 1000  # of the log, of which each is said once


class _Ended(Protocol):
    def cancel(self) -> None:
        """Stop soon; what there is stays."""


class KeyedTexts:
    """Texts that grow for a caller who gave them a key, and can be ended with it from elsewhere; `text` is what there
    is of the first one.
    """

    def __init__(self) -> None:
        self.text = ""
        self._ended = False
        self._making: list[_Ended] = []

    def hold(self, making: _Ended) -> None:
        """One more is under way."""
        self._making.append(making)
        if self._ended:
            making.cancel()

    def end(self) -> None:
        """Let it be enough: whoever waits gets what there is."""
        self._ended = True
        for making in self._making:
            making.cancel()


class ApiService:
    """One model, served. turns, kept: shared with whoever else lets generate on this server, or looks at runs (default:
    its own). history: where runs stay (default: nowhere).
    """

    def __init__(
        self,
        served: Served,
        options: ServeOptions | None = None,
        *,
        turns: Turns | None = None,
        kept: KeptRuns | None = None,
        history: ServedHistory | None = None,
    ) -> None:
        self.served = served
        self.options = options or ServeOptions()
        self.limits = self.options.limits
        self.slots = Slots(turns or Turns(self.limits), self.limits.generations)
        self.kept = kept or KeptRuns()
        self._history = history
        self.counts = Counts()
        self.begun = int(datetime.now(UTC).timestamp())
        self.growing: dict[str, KeyedTexts] = {}  # by the keys that callers gave
        self.threads: Any = anyio.CapacityLimiter(math.inf)  # as many as there are turns, and quick answers
        self._said: OrderedDict[str, None] = OrderedDict()
        self._defaults = {name: self._written(DIALECTS[name]) for name in ("llama-server", "koboldcpp")}

    @property
    def names(self) -> tuple[str, ...]:
        """What the model is called; the first one is its id."""
        return tuple(sorted(self.options.aliases)) or (self.served.name,)

    @property
    def n_ctx(self) -> int:
        """Tokens that one request may have, prompt and reply together."""
        most = self.served.backend.n_ctx
        return most if self.options.n_ctx is None else min(self.options.n_ctx, most)

    @property
    def template(self) -> str | None:
        """The chat template that holds."""
        return self.options.template or self.served.template

    @property
    def fingerprint(self) -> str:
        """The build, as llama-server writes it."""
        return f"b{self.served.backend.engine_card.library}-tsumami"

    @functools.cached_property
    def ends(self) -> tuple[int, ...]:
        """The tokens with which a text ends."""
        tokenizer = self.served.backend.tokenizer
        return tuple(token for token in range(tokenizer.n_tokens) if tokenizer.is_eog(token))

    async def keep(self, run: Run, *, home: bool) -> str:
        """Keep a run that was asked for at this machine, or elsewhere; gives its id."""
        name = None if self._history is None else await self.aside(self._history.keep, run, home=home)
        return self.kept.keep(run, name)

    async def run(self, name: str) -> Run | None:
        """The run of an id, if it is kept."""
        found = self.kept.get(name)
        if found is not None or self._history is None:
            return found
        old = await self.aside(self._history.get, name)
        return None if old is None else old.attach(self.served.backend)

    def defaults(self, dialect: Dialect) -> dict[str, Any]:
        """What the server was told to take where a request says nothing, in a dialect's names."""
        return dict(self._defaults[dialect.name])

    def elsewhere(self, dialect: Dialect) -> dict[str, Any]:
        """Of the same, the knobs that the dialect has no name for."""
        there = {one.knob for one in dialect.fields} | ({"samplers"} if dialect.order else set())
        return {knob: value for knob, value in self.options.knobs.items() if knob not in there}

    def _written(self, dialect: Dialect) -> dict[str, Any]:
        knobs = self.options.knobs
        values, _ = export_values(dialect, Settings().replace(**knobs))
        names = {one.name for one in dialect.fields if one.knob in knobs}
        if dialect.order is not None and "samplers" in knobs:
            names.add(dialect.order.name)
        return {name: value for name, value in values.items() if name in names}

    async def aside(self, function: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """A function's result, computed in a thread."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **named), limiter=self.threads)

    def say(self, line: str) -> None:
        """Tell whoever runs the server; the same line is said once."""
        if line in self._said:
            return
        self._said[line] = None
        if len(self._said) > _MOST_LINES:
            self._said.popitem(last=False)
        self.options.log(line)
