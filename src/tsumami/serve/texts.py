"""From what is wanted to texts, as they grow.

Guarantee: each text is a run of its own on the engine's shared batches, so it is what it would be alone. News come in
the order in which they happen; who stops listening ends all that was asked for, and their places are free at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tsumami.engine import Feed, Program, Rows, Sequence
from tsumami.runs import Prompt, Run, Step
from tsumami.runs.backend import Backend
from tsumami.runs.decision import Decider, Decision
from tsumami.runs.generate import Generation, make_decider
from tsumami.runs.healing import healed
from tsumami.sampling import effective_seed
from tsumami.sampling.chain import Watch
from tsumami.sampling.measure import measure_raw
from tsumami.serve.asking import Probabilities, Wanted
from tsumami.serve.service import ApiService, KeyedTexts
from tsumami.serve.slots import Doing
from tsumami.settings import Settings
from tsumami.web.passing import Refused
from tsumami.web.places import too_many_waiting
from tsumami.web.turns import Asker

__all__ = ["Clock", "Likely", "News", "TextEnd", "TextPart", "texts"]


class Likely(NamedTuple):
    """A token's probability, and the likeliest tokens with theirs."""

    token: int
    p: float
    top: tuple[tuple[int, float], ...]


@dataclass(slots=True)
class Clock:
    """How long what took: tokens of the prompt (and how many of them lay in the cache) and of the reply, seconds."""

    prompt: int
    reused: int = 0
    generated: int = 0
    prompt_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TextPart:
    """What became showable of a text, with the tokens that it is made of, and how far it was then."""

    index: int
    text: str
    steps: tuple[Step, ...]
    likely: tuple[Likely, ...]
    clock: Clock
    slot: int


@dataclass(frozen=True, slots=True)
class TextEnd:
    """A text that is finished. run: None if only the prompt was read; settings: as they were wanted, with the seed that
    was taken; full: the context has no room for more.
    """

    index: int
    prompt: Prompt
    settings: Settings
    run: Run | None
    name: str
    clock: Clock
    slot: int
    full: bool = False


News: TypeAlias = TextPart | TextEnd
_Tell: TypeAlias = Callable[[TextPart | TextEnd | Exception], None]


async def texts(service: ApiService, asker: Asker, wanted: Wanted) -> AsyncGenerator[TextPart | TextEnd, None]:
    """The texts of a request, piece by piece; of several the pieces come as they come.

    Raises:
        Refused: the caller has too much waiting.
    """
    words = too_many_waiting(service.slots.turns, service.limits, asker.caller)
    if words is not None:
        raise Refused(429, words)
    news: asyncio.Queue[TextPart | TextEnd | Exception] = asyncio.Queue()
    jobs = [(prompt, wanted.settings_of(choice)) for prompt in wanted.prompts for choice in range(wanted.n)]
    tell, growing = news.put_nowait, KeyedTexts()
    tasks = [
        asyncio.ensure_future(_telling(_one(service, asker, wanted, growing, at, *job, tell), tell))
        for at, job in enumerate(jobs)
    ]
    left = len(tasks)
    if wanted.key:
        service.growing[wanted.key] = growing
    try:
        while left:
            item = await news.get()
            if isinstance(item, Exception):
                raise item
            if isinstance(item, TextEnd):
                left -= 1
            elif not item.index:
                growing.text += item.text
            yield item
    finally:
        if service.growing.get(wanted.key) is growing:
            del service.growing[wanted.key]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _telling(work: Awaitable[None], tell: _Tell) -> None:
    """What went wrong is told, too."""
    try:
        await work
    except Exception as error:  # noqa: BLE001  (whatever it is, it belongs to whoever waits for the text)
        tell(error)


async def _one(
    service: ApiService,
    asker: Asker,
    wanted: Wanted,
    growing: KeyedTexts,
    index: int,
    prompt: Prompt,
    settings: Settings,
    tell: _Tell,
) -> None:
    """One text, in its turn."""
    async with service.slots.taken(asker) as doing:
        doing.prompt_tokens = len(prompt.tokens)
        if wanted.no_tokens:
            tell(await _read_only(service, index, prompt, settings, doing))
            return
        settings = settings.replace(seed=effective_seed(settings))
        room = service.n_ctx - len(prompt.tokens)
        fits = 0 < settings.max_tokens <= room
        within = settings if fits else settings.replace(max_tokens=room)
        news = _GrowingText(index, doing, tell)
        making = await _begun(service, prompt, within, wanted.probabilities, news)
        growing.hold(making)
        try:
            await news.until_over()
        finally:
            making.cancel()
        run, clock = making.result, making.clock()
        news.finish(run.text, clock, leftover=wanted.probabilities.count > 0)
        _count(service, clock)
        full = run.stop_reason == "context" or (run.stop_reason == "length" and not fits)
        tell(TextEnd(index, prompt, settings, run, await service.keep(run, home=asker.home), clock, doing.slot, full))


async def _begun(
    service: ApiService, prompt: Prompt, settings: Settings, tops: Probabilities, news: _GrowingText
) -> _TextMaking:
    """The making of a text, begun; whoever leaves meanwhile leaves nothing behind."""
    loop, backend = asyncio.get_running_loop(), service.served.backend
    starting = asyncio.ensure_future(service.aside(_TextMaking, loop, backend, prompt, settings, tops, news))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_cancel_when_begun)
        raise


def _cancel_when_begun(starting: asyncio.Future[_TextMaking]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().cancel()


class _GrowingText:
    """A text while it grows, in the event loop: tokens wait for the text that they are part of."""

    def __init__(self, index: int, doing: Doing, tell: _Tell) -> None:
        self._index, self._doing, self._tell = index, doing, tell
        self._steps: list[Step] = []
        self._likely: list[Likely] = []
        self._told = 0
        self._over = asyncio.Event()

    def take(self, step: Step, likely: Likely | None, clock: Clock) -> None:
        """One token more."""
        self._doing.decoded += 1
        self._steps.append(step)
        if likely is not None:
            self._likely.append(likely)
        if step.text:
            self._told += len(step.text)
            self._release(step.text, clock)

    def end(self) -> None:
        """There will be no more."""
        self._over.set()

    async def until_over(self) -> None:
        """Wait for the end."""
        await self._over.wait()

    def finish(self, text: str, clock: Clock, *, leftover: bool) -> None:
        """Tell what is left of the whole text. leftover: also tokens that became no text."""
        rest = text[self._told :]
        if rest or (leftover and self._steps):
            self._release(rest, clock)

    def _release(self, text: str, clock: Clock) -> None:
        self._tell(TextPart(self._index, text, tuple(self._steps), tuple(self._likely), clock, self._doing.slot))
        self._steps.clear()
        self._likely.clear()


async def _read_only(service: ApiService, index: int, prompt: Prompt, settings: Settings, doing: Doing) -> TextEnd:
    """The prompt is read into the cache, and nothing is written."""
    clock = Clock(len(prompt.tokens))
    begun = time.perf_counter()
    clock.reused = await service.aside(service.served.backend.engine.run, _reading(prompt.tokens))
    clock.prompt_seconds = time.perf_counter() - begun
    return TextEnd(index, prompt, settings, None, "", clock, doing.slot)


def _reading(tokens: tuple[int, ...]) -> Program[int]:
    sequence = Sequence()
    try:
        (rows,) = yield [Feed(sequence, tokens)]
    finally:
        sequence.close()
    return rows.reused


def _count(service: ApiService, clock: Clock) -> None:
    counts = service.counts
    counts.prompt_tokens += clock.prompt - clock.reused
    counts.cached_tokens += clock.reused
    counts.prompt_seconds += clock.prompt_seconds
    counts.predicted_tokens += clock.generated
    counts.predicted_seconds += clock.seconds
    counts.longest = max(counts.longest, clock.prompt + clock.generated)


# --- in the engine's thread ---


class _TextMaking:
    """One run. `news` gets its steps in the loop, each with the probabilities that were asked for and the time: without
    a thread that waits for them, of which there would be one a text, woken for every token.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        backend: Backend,
        prompt: Prompt,
        settings: Settings,
        tops: Probabilities,
        news: _GrowingText,
    ) -> None:
        self._loop, self._news = loop, news
        prompt = healed(backend, prompt, settings)
        decider = make_decider(backend, prompt, settings, settings.seed)
        self._looking = _Looking(decider, tops, len(prompt.tokens))
        generation = Generation(backend, prompt, settings, ledgers=False, emit=self._step, decider=self._looking)
        self._ticket = backend.engine.submit(generation.program())
        self._ticket.future.add_done_callback(lambda _: self._soon(news.end))

    def _step(self, step: Step) -> None:
        self._soon(self._news.take, step, self._looking.likely, self.clock())

    def _soon(self, call: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(call, *arguments)

    def clock(self) -> Clock:
        """How long it has taken so far."""
        return self._looking.clock()

    def cancel(self) -> None:
        """Stop soon; what there is stays."""
        self._ticket.cancel()

    @property
    def result(self) -> Run:
        """The run, when it is over."""
        return self._ticket.result()


class _Looking:
    """A decider that is looked at: what it decided from, and when."""

    def __init__(self, behind: Decider, tops: Probabilities, prompt: int) -> None:
        self._behind = behind
        self._tops = tops
        self._prompt = prompt
        self._reused = self._chosen = 0
        self._begun = self._first = self._last = time.perf_counter()
        self.likely: Likely | None = None

    def start(self, tokens: tuple[int, ...]) -> Generator[list[Feed], list[Rows], int]:
        self._begun = self._first = self._last = time.perf_counter()
        self._reused = yield from self._behind.start(tokens)
        return self._reused

    def choose(self, watch: Watch | None) -> Generator[list[Feed], list[Rows], Decision]:
        decision = yield from self._behind.choose(watch)
        self._last = time.perf_counter()
        if not self._chosen:
            self._first = self._last
        self._chosen += 1
        self.likely = _likely(decision, self._tops) if self._tops.count else None
        return decision

    def advance(self, token: int, /) -> Generator[list[Feed], list[Rows], None]:
        yield from self._behind.advance(token)

    def close(self) -> None:
        self._behind.close()

    def clock(self) -> Clock:
        """How long it has taken so far."""
        return Clock(self._prompt, self._reused, self._chosen, self._first - self._begun, self._last - self._first)


def _likely(decision: Decision, tops: Probabilities) -> Likely:
    pick, candidates = decision.choice.pick, decision.choice.candidates.data
    if not tops.after:
        raw = measure_raw(decision.row, pick.token, min(tops.count, len(decision.row)), decision.choice.near)
        return Likely(pick.token, raw.p, tuple(zip(raw.top_ids, raw.top_p, strict=True)))
    best = candidates[np.lexsort((candidates["id"], -candidates["p"]))][: tops.count]
    left = [(int(one["id"]), float(one["p"])) for one in best if one["p"] > 0]
    return Likely(pick.token, float(candidates["p"][pick.index]) if pick.index >= 0 else 0.0, tuple(left))
