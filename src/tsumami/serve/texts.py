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
from typing import NamedTuple, TypeAlias

import numpy as np

from tsumami.engine import Feed, Program, Rows, Sequence
from tsumami.runs import Prompt, Run, Step
from tsumami.runs.backend import Backend
from tsumami.runs.decision import Decider, Decision
from tsumami.runs.generate import Generation, make_decider
from tsumami.runs.healing import healed
from tsumami.runs.making import EngineMaking
from tsumami.sampling import effective_seed
from tsumami.sampling.chain import Watch
from tsumami.sampling.measure import measure_raw
from tsumami.serve.asking import Probabilities, Wanted
from tsumami.serve.service import ApiService, KeyedTexts
from tsumami.serve.slots import Doing
from tsumami.settings import Settings
from tsumami.web.passing import Refused
from tsumami.web.places import too_many_waiting
from tsumami.web.pulling import pulled
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


_News: TypeAlias = tuple[Step, Likely | None, Clock]
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
        making = await _begun(service, prompt, within, wanted.probabilities)
        growing.hold(making)
        try:
            await _follow(service, making, index, doing, tell, leftover=wanted.probabilities.count > 0)
        finally:
            making.cancel()
        run = await service.aside(lambda: making.result)
        clock = making.clock()
        _count(service, clock)
        full = run.stop_reason == "context" or (run.stop_reason == "length" and not fits)
        tell(TextEnd(index, prompt, settings, run, await service.keep(run, home=asker.home), clock, doing.slot, full))


async def _begun(service: ApiService, prompt: Prompt, settings: Settings, tops: Probabilities) -> _TextMaking:
    """The making of a text, begun; whoever leaves meanwhile leaves nothing behind."""
    backend = service.served.backend
    starting = asyncio.ensure_future(service.aside(_TextMaking, backend, prompt, settings, tops))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_cancel_when_begun)
        raise


def _cancel_when_begun(starting: asyncio.Future[_TextMaking]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().cancel()


async def _follow(
    service: ApiService, making: _TextMaking, index: int, doing: Doing, tell: _Tell, *, leftover: bool
) -> None:
    """Tell the pieces: tokens wait for the text that they are part of. leftover: also those that become no text."""
    steps: list[Step] = []
    likely: list[Likely] = []
    told = 0

    def release(text: str, clock: Clock) -> None:
        tell(TextPart(index, text, tuple(steps), tuple(likely), clock, doing.slot))
        steps.clear()
        likely.clear()

    async with contextlib.aclosing(pulled(_generator(making), service.threads)) as pieces:
        async for step, its, clock in pieces:
            doing.decoded += 1
            steps.append(step)
            likely += [] if its is None else [its]
            if step.text:
                told += len(step.text)
                release(step.text, clock)
    rest = making.result.text[told:]
    if rest or (leftover and steps):
        release(rest, making.clock())


def _generator(making: _TextMaking) -> Generator[_News, None, None]:
    yield from making


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


class _TextMaking(EngineMaking[_News, Run]):
    """One run, whose news are the steps, each with the probabilities that were asked for and the time."""

    def __init__(self, backend: Backend, prompt: Prompt, settings: Settings, tops: Probabilities) -> None:
        super().__init__()
        prompt = healed(backend, prompt, settings)
        decider = make_decider(backend, prompt, settings, settings.seed)
        self._looking = _Looking(decider, tops, len(prompt.tokens))
        generation = Generation(backend, prompt, settings, ledgers=False, emit=self._step, decider=self._looking)
        self._ticket = self._submit(backend.engine, generation.program())

    def _step(self, step: Step) -> None:
        self._tell((step, self._looking.likely, self.clock()))

    def clock(self) -> Clock:
        """How long it has taken so far."""
        return self._looking.clock()

    def _finish(self) -> Run:
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
