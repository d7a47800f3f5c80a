"""Named endpoints: whatever the page does, a script can do.

Guarantee: an endpoint unpacks, calls the function that the page calls, and answers in plain JSON values, so a script
gets what a reader of the page gets: same prompt, same settings and same seed, same text. No caller waits for another
(each has a thread of its own, and the engine runs everybody in one batch), and what a caller has under way ends when
the caller cancels it or goes away. What goes wrong is an error with a message; what is not registered here is private.

How an endpoint is added: a function that does the work, whose types and docstring Gradio's documentation page shows (so
these speak to its readers), and a line in `ENDPOINTS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import math
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import anyio
import gradio as gr

from tsumami.app.api import answers, generating, looking, voices
from tsumami.app.api.arguments import Takes, fill_in, fitting
from tsumami.app.api.calls import Calls
from tsumami.app.api.declaring import declare, looking_like
from tsumami.app.api.service import Service
from tsumami.app.words.texts import Texts
from tsumami.app.work.common import Common
from tsumami.errors import TsumamiError
from tsumami.web.pulling import pulled

_MODEL: Final = (
    "Name of a model as `models` lists them; at the server's own machine also owner/repo:file.gguf, or a path; "
    "default: the server's own"
)
_PARAMETERS: Final = {
    "prompt": "The text to complete, sent to the model as it is",
    "settings": 'Knob names and values, such as {"temperature": 0.3, "seed": 1}; the rest have their defaults',
    "model": _MODEL,
    "name": _MODEL,
    "messages": (
        "Objects with `role` (user and assistant in turn; the first may be system) and `content`; a reply may bring "
        "its `tokens` (`facts.receipt.reply_tokens`), and then goes back as these"
    ),
    "template": "How messages become a prompt: model (its own template), llama2 or raw; default: model, else raw",
    "system": "System prompt; default: the system message, if any",
    "memory": "Past exchanges to remember; -1 for all; default: all, and 2 in the llama2 format",
    "text": "Any text",
    "part": "Which part of a reply: all, or of a model that thinks its thinking, or its answer",
    "add_special": "Put the beginning-of-text token in front where the model wants one",
    "parse_special": (
        "Read the names of special tokens, such as <s>, as these tokens; in messages of a chat they are plain text "
        "unless this is true, except in the raw template"
    ),
    "run": "What `run` gave, or a saved run",
    "a": "A run, as `run`",
    "b": "Another run",
    "index": "Number of the token in the run, from 0",
    "token": "Id of a token",
    "step": "Number of the roll, from 0",
    "lanes": 'The knobs in which each lane differs, such as [{"top_k": 40}, {"top_k": 100}]',
    "audio": "A file of sound, such as WAV or MP3; in Python handle_file(path)",
    "language": "Code such as ja or en; null: recognise it (transcribe), or choose it by the text (speak)",
    "size": "Whisper's size: tiny, base, small, medium, large-v3, large-v3-turbo",
    "voice": "One of openjtalk, kokoro:jf_alpha, espeak:en-us …; default: chosen by text and language",
    "speed": "0.5 to 2",
}
"""What each parameter is, whichever endpoint has it."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Callers:
    """Who calls, and the threads in which their work is done."""

    texts: Texts
    common: Common
    calls: Calls = field(default_factory=Calls)
    # one thread a call: the pool of Gradio would let forty long runs keep everybody else waiting
    _threads: anyio.CapacityLimiter = field(default_factory=functools.partial(anyio.CapacityLimiter, math.inf))

    def in_thread(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """An endpoint of work that is soon over."""

        async def call(request: gr.Request, *given: Any) -> Any:  # noqa: ARG001  (all that Gradio has is a request)
            with self._telling():
                return await self._do(functools.partial(work, *given))

        return looking_like(call, work, first=0)

    def stoppable(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """An endpoint of work that gets its call as `Service`, and is given up if the call is cancelled."""

        async def call(request: gr.Request, *given: Any) -> Any:
            with self._telling(), self._serve(request) as service:
                try:
                    return await self._do(functools.partial(work, service, *given))
                except asyncio.CancelledError:
                    service.call.asked.stop()
                    raise

        return looking_like(call, work, first=1)

    def streamed(self, work: Callable[..., Generator[Any, None, None]]) -> Callable[..., Any]:
        """An endpoint of work that answers piece by piece; between two pieces it holds no thread."""

        async def call(request: gr.Request, *given: Any) -> AsyncGenerator[Any, None]:
            with self._telling(), self._serve(request) as service:
                try:
                    async with contextlib.aclosing(pulled(work(service, *given), self._threads)) as pieces:
                        async for piece in pieces:
                            yield piece
                except (asyncio.CancelledError, GeneratorExit):
                    service.call.asked.stop()
                    raise

        return looking_like(call, work, first=1)

    def on_gone(self, request: gr.Request) -> None:
        """A client has closed its connection: end what it has under way."""
        self.calls.give_up(request)

    async def _do(self, work: Callable[[], _T]) -> _T:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)

    @contextlib.contextmanager
    def _serve(self, request: gr.Request) -> Iterator[Service]:
        with self.calls.of(request) as call:
            yield Service(self.texts, self.common.shelf, self.common.ears, call)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Errors that users can cause reach them as their message."""
        try:
            yield
        except TsumamiError as error:
            raise gr.Error(self.texts.error(error), print_exception=False) from error


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: how callers reach a function; a quick one waits for nobody who generates."""

    way: Callable[[Callers, Callable[..., Any]], Callable[..., Any]]
    function: Callable[..., Any]
    quick: bool = False

    @property
    def name(self) -> str:
        """The function's name is the endpoint's."""
        return self.function.__name__

    @property
    def takes(self) -> Takes:
        """What a caller gives."""
        given = inspect.signature(self.function).parameters
        return {name: parameter for name, parameter in given.items() if name != "service"}

    @property
    def parameters(self) -> dict[str, str]:
        """What a caller gives: each parameter's name and words."""
        return {name: _PARAMETERS[name] for name in self.takes}

    def register(self, blocks: gr.Blocks, callers: Callers) -> None:
        """Give the page this endpoint."""
        declare(blocks, self.name, self.way(callers, fitting(self.function)), self.parameters, quick=self.quick)


ENDPOINTS: Final = (
    Endpoint(Callers.stoppable, generating.run),
    Endpoint(Callers.streamed, generating.generate),
    Endpoint(Callers.stoppable, generating.chat),
    Endpoint(Callers.streamed, generating.chat_stream),
    Endpoint(Callers.stoppable, looking.tokenize),
    Endpoint(Callers.in_thread, answers.models, quick=True),
    Endpoint(Callers.stoppable, looking.model),
    Endpoint(Callers.in_thread, answers.knobs, quick=True),
    Endpoint(Callers.in_thread, answers.presets, quick=True),
    Endpoint(Callers.stoppable, looking.check_settings),
    Endpoint(Callers.stoppable, looking.verify),
    Endpoint(Callers.stoppable, looking.next_token),
    Endpoint(Callers.stoppable, looking.ledger),
    Endpoint(Callers.stoppable, looking.why_not),
    Endpoint(Callers.stoppable, looking.audit),
    Endpoint(Callers.stoppable, looking.divergence),
    Endpoint(Callers.stoppable, generating.compare),
    Endpoint(Callers.stoppable, voices.transcribe),
    Endpoint(Callers.in_thread, voices.speak),
)
"""The endpoints, in the order in which the documentation shows them."""
NAMES: Final = [endpoint.name for endpoint in ENDPOINTS]


def register(blocks: gr.Blocks, texts: Texts, common: Common) -> None:
    """Give the page its endpoints; call inside `blocks`. Their errors are in the language of `texts`."""
    callers = Callers(texts, common)
    for endpoint in ENDPOINTS:
        endpoint.register(blocks, callers)
    fill_in(blocks, texts, {endpoint.name: endpoint.takes for endpoint in ENDPOINTS})
    blocks.unload(callers.on_gone)
