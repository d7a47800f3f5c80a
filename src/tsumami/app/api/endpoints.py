"""Named endpoints: whatever the page does, a script can do.

Guarantee: an endpoint unpacks, calls the function that the page calls, and answers in plain JSON values, so a script
gets what a reader of the page gets: same prompt, same settings and same seed, same text. No caller waits for another
(each has a thread of its own, and the engine runs everybody in one batch), and what a caller has under way ends when
the caller cancels it or goes away. What goes wrong is an error with a message; what is not registered here is private.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
import math
import typing
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, TypeVar

import anyio
import gradio as gr
from gradio.data_classes import FileData
from gradio.events import api as declare_api

from tsumami.app.api import answers, looking_answers
from tsumami.app.api.calls import Call, Calls
from tsumami.app.words.texts import Texts
from tsumami.app.work.callers import naming
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.listening import everybodys_ears
from tsumami.app.work.replying import Growing, Sending, reply
from tsumami.app.work.shelf import Choice, Shelf
from tsumami.errors import CancelledError, EmptyPromptError, TsumamiError
from tsumami.explore.lanes import Comparing
from tsumami.model import Model
from tsumami.prompts import messages_from
from tsumami.runs import Run
from tsumami.settings import Settings
from tsumami.speech import Heard

_MODEL: Final = (
    "Name of a model as `models` lists them, or owner/repo:file.gguf; at the server's own machine also a path; "
    "default: the server's own"
)
_PARAMETERS: Final = {
    "prompt": "The text to complete, sent to the model as it is",
    "settings": 'Knob names and values, such as {"temperature": 0.3, "seed": 1}; the rest have their defaults',
    "model": _MODEL,
    "name": _MODEL,
    "messages": "Objects with `role` (user and assistant in turn; the first may be system) and `content`",
    "template": "How messages become a prompt: model (its own template), llama2 or raw; default: model, else raw",
    "system": "System prompt; default: the system message, if any",
    "memory": "Past exchanges to remember; -1 for all; default: all, and 2 in the llama2 format",
    "text": "Any text",
    "add_special": "Put the beginning-of-text token in front where the model wants one",
    "parse_special": "Read the names of special tokens, such as <s>, as these tokens",
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
_F = TypeVar("_F", bound=Callable[..., Any])
NAMES: list[str] = []
"""The endpoints' names, in the order in which the documentation shows them."""


def endpoint(method: _F) -> _F:
    """Make a method of `Endpoints` one that `register` declares.

    Gradio takes a return annotation as it stands, so it gets the type instead of its name, and of a stream the type of
    what comes.
    """
    function: Any = method
    returned = typing.get_type_hints(function)["return"]
    if typing.get_origin(returned) is Iterator:
        (returned,) = typing.get_args(returned)
    function.__signature__ = inspect.signature(function).replace(return_annotation=returned)
    NAMES.append(function.__name__)
    return method


def register(blocks: gr.Blocks, texts: Texts, shelf: Shelf) -> Endpoints:
    """Give the page its endpoints; call inside `blocks`. Their errors are in the language of `texts`."""
    endpoints = Endpoints(texts, shelf)
    for name in NAMES:
        _declare(blocks, name, getattr(endpoints, name))
    blocks.unload(endpoints.on_gone)
    return endpoints


def _declare(blocks: gr.Blocks, name: str, method: Callable[..., Any]) -> None:
    """Declare an endpoint, and say for Gradio's documentation page what it does, takes and gives."""
    about, _, answer = " ".join((inspect.getdoc(method) or "").split()).partition(" Returns: ")
    declared = declare_api(
        method,
        api_name=name,
        api_description=f"{about} Returns {answer}." if answer else about,
        concurrency_limit=None,
        concurrency_id="api",
    )
    function: Any = blocks.fns[declared["id"]]
    parameters = [parameter for parameter in inspect.signature(method).parameters if parameter in _PARAMETERS]
    for parameter, part in zip(parameters, function.inputs, strict=True):
        part.label = parameter
        part.api_info()["additional_description"] = f"{_PARAMETERS[parameter]}."
    (part,) = function.outputs
    part.label = "answer"
    part.api_info()["description"] = answer


@dataclass(slots=True)
class Endpoints:
    """The endpoints. Gradio's documentation page shows their types and docstrings, so these speak to its readers."""

    texts: Texts
    shelf: Shelf
    calls: Calls = field(default_factory=Calls)
    # one thread a call: the pool of Gradio would let forty long runs keep everybody else waiting
    _threads: anyio.CapacityLimiter = field(default_factory=functools.partial(anyio.CapacityLimiter, math.inf))

    # --- generating ---

    @endpoint
    async def run(
        self, request: gr.Request, prompt: str, settings: dict[str, Any] | None = None, model: str | None = None
    ) -> dict[str, Any]:
        """Complete a text and wait for the run: its receipt, every token with its probabilities, why it stopped, and
        how long it took. The same prompt, settings and seed give the same run.

        Returns:
            the run in the form that `tsumami verify` and Run.from_json read
        """
        work = functools.partial(self._run, prompt, settings, model)
        return await self._with_call(request, work)

    @endpoint
    def generate(
        self, request: gr.Request, prompt: str, settings: dict[str, Any] | None = None, model: str | None = None
    ) -> Iterator[str]:
        """Complete a text, piece by piece: each answer is all of the reply that there is so far.

        Returns:
            the text so far, without the prompt
        """
        with self._telling():
            if not prompt:
                raise EmptyPromptError("the prompt is empty: the model needs at least one token to go on from")
            conversation, sending = Conversation().ask(prompt), Sending(template="raw")
            for growing in self._reply(request, conversation, Settings.from_mapping(settings or {}), sending, model):
                yield growing.conversation.exchanges[-1].reply

    @endpoint
    async def chat(
        self,
        request: gr.Request,
        messages: list[dict[str, str]],
        settings: dict[str, Any] | None = None,
        template: str | None = None,
        system: str | None = None,
        memory: int | None = None,
        model: str | None = None,
    ) -> dict[str, Any]:
        """Answer the last message of a conversation, or go on with its last reply if that is the assistant's.

        Returns:
            `reply`, and `facts`: the prompt as sent, settings, seed, why it stopped, speeds, receipt
        """
        made = functools.partial(self._conversation, messages, settings, template, system, memory)
        return await self._with_call(request, functools.partial(self._chat, request, made, model))

    @endpoint
    def chat_stream(
        self,
        request: gr.Request,
        messages: list[dict[str, str]],
        settings: dict[str, Any] | None = None,
        template: str | None = None,
        system: str | None = None,
        memory: int | None = None,
        model: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """As `chat`, piece by piece: `reply` is all that there is so far, and `facts` come with the last answer.

        Returns:
            `reply` so far, and `facts` (null until the reply is complete)
        """
        with self._telling():
            conversation, made, sending = self._conversation(messages, settings, template, system, memory)
            for growing in self._reply(request, conversation, made, sending, model):
                yield answers.answer(growing)

    # --- looking ---

    @endpoint
    async def tokenize(
        self,
        request: gr.Request,
        text: str,
        add_special: bool = True,
        parse_special: bool = True,
        model: str | None = None,
    ) -> list[dict[str, Any]]:
        """The tokens of a text, as the model would get them.

        Returns:
            for each token its `id`, its `text`, and its `bytes` in hexadecimal (a character may take several tokens)
        """
        work = functools.partial(self._tokenize, text, add_special, parse_special, model)
        return await self._with_call(request, work)

    @endpoint
    async def models(self, request: gr.Request) -> list[dict[str, Any]]:
        """The models that have a name: what they are, their licence and size in bytes, and whether they are here."""
        return await self._with_call(request, answers.models)

    @endpoint
    async def model(self, request: gr.Request, name: str | None = None) -> dict[str, Any]:
        """Load a model, if it is not loaded, and say what it is: weights, engine, context, chat template, exact or not
        and why, and how full its cache is.
        """
        return await self._with_call(request, functools.partial(self._model, name))

    @endpoint
    async def knobs(self, request: gr.Request) -> list[dict[str, Any]]:
        """Every knob: its default, valid range, slider, meaning in Japanese and English, formula, paper, stage, and its
        names in other engines.
        """
        return await self._with_call(request, answers.knobs)

    @endpoint
    async def presets(self, request: gr.Request) -> list[dict[str, Any]]:
        """The named settings, each with its words and with all of its knobs."""
        return await self._with_call(request, answers.presets)

    @endpoint
    async def check_settings(self, request: gr.Request, settings: dict[str, Any]) -> dict[str, Any]:
        """Check settings without running them. What cannot work is an error that says why.

        Returns:
            all knobs, those that differ from their defaults, how tokens are chosen, and which knobs do nothing and why
        """
        return await self._with_call(request, functools.partial(answers.check_settings, settings))

    @endpoint
    async def verify(self, request: gr.Request, run: dict[str, Any], model: str | None = None) -> dict[str, Any]:
        """Run it again and say whether every token and every probability is the same, bit for bit, or what differs."""
        return await self._with_call(request, functools.partial(self._verify, run, model))

    # --- looking inside ---

    @endpoint
    async def next_token(
        self,
        request: gr.Request,
        prompt: str,
        settings: dict[str, Any] | None = None,
        step: int = 0,
        model: str | None = None,
    ) -> dict[str, Any]:
        """What could come after a text: the likeliest candidates after every stage, and the token that roll number
        `step` of the seed picks.

        Returns:
            `token`, `u`, `stages`, and `candidates` with a probability after each stage (null once it is cut)
        """
        return await self._looked(request, model, looking_answers.next_token, prompt, settings, step)

    @endpoint
    async def ledger(
        self, request: gr.Request, run: dict[str, Any], index: int, model: str | None = None
    ) -> dict[str, Any]:
        """A token's way through the stages, computed again from the run, bit for bit.

        Returns:
            as `next_token`, for token number `index` (from 0)
        """
        return await self._looked(request, model, looking_answers.ledger, run, index)

    @endpoint
    async def why_not(
        self, request: gr.Request, run: dict[str, Any], index: int, token: int, model: str | None = None
    ) -> dict[str, Any]:
        """What became of a token that was not chosen: the stage that cut it and the value that would have kept it, or
        where the roll fell instead.

        Returns:
            the facts, and `ja` and `en` in sentences
        """
        return await self._looked(request, model, looking_answers.why_not, run, index, token)

    @endpoint
    async def audit(self, request: gr.Request, run: dict[str, Any], model: str | None = None) -> dict[str, Any]:
        """What each knob did in a run: at how many tokens it changed the candidates, and at how many it decided.

        Returns:
            `tokens`, the `dead` knobs, and `knobs` with numbers and sentences
        """
        return await self._looked(request, model, looking_answers.audit, run)

    @endpoint
    async def divergence(
        self, request: gr.Request, a: dict[str, Any], b: dict[str, Any], model: str | None = None
    ) -> dict[str, Any]:
        """Where two runs part, and why; the cause is checked by putting it back.

        Returns:
            `step`, `cause`, `stage`, `tokens`, and `ja` and `en` in sentences
        """
        return await self._looked(request, model, looking_answers.divergence, a, b)

    @endpoint
    async def compare(
        self,
        request: gr.Request,
        prompt: str,
        lanes: list[dict[str, Any]],
        settings: dict[str, Any] | None = None,
        model: str | None = None,
    ) -> dict[str, Any]:
        """Two to eight runs from one prompt and one roll, generated together, and why they part.

        Returns:
            `lanes` with their runs, and for each but the first its `divergences` from the first, and the `metrics`
        """
        return await self._with_call(request, functools.partial(self._compare, prompt, lanes, settings, model))

    # --- listening and speaking ---

    @endpoint
    async def transcribe(
        self, request: gr.Request, audio: FileData, language: str | None = "ja", size: str = "base"
    ) -> dict[str, Any]:
        """The words in a recording. Silence and noise give an empty text and a reason, not a made-up sentence.

        Returns:
            `text`, `reason` if it is empty, `language`, `confidence` (0 to 1) and `seconds`
        """
        return await self._with_call(request, functools.partial(self._transcribe, audio, language, size))

    @endpoint
    async def speak(
        self,
        request: gr.Request,
        text: str,
        language: str | None = None,
        voice: str | None = None,
        speed: float = 1.0,
    ) -> FileData:
        """Read a text aloud: Markdown, code and emoji are not read out as symbols.

        Returns:
            a WAV file
        """
        return await self._with_call(request, functools.partial(answers.speak, text, language, voice, speed))

    def on_gone(self, request: gr.Request) -> None:
        """A client has closed its connection: end what it has under way."""
        self.calls.give_up(request)

    # --- the work, in a thread ---

    async def _with_call(self, request: gr.Request, work: Callable[[Call], _T]) -> _T:
        """Do the work in a thread of its own, and give it up if the call is cancelled."""
        with self._telling(), self.calls.of(request) as call:
            try:
                return await anyio.to_thread.run_sync(work, call, abandon_on_cancel=True, limiter=self._threads)
            except asyncio.CancelledError:
                call.asked.stop()
                raise

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Errors that users can cause reach them as their message."""
        try:
            yield
        except TsumamiError as error:
            raise gr.Error(self.texts.error(error), print_exception=False) from error

    @contextlib.contextmanager
    def _lend(self, name: str | None, call: Call) -> Iterator[Model]:
        default = self.shelf.default
        with contextlib.ExitStack() as stack:
            if not name or name == default.name:
                model = stack.enter_context(self.shelf.lend())
            else:
                choice = Choice(name, replace(default.options, n_ctx=None, n_cells=None))
                with naming(name, call.at_home):
                    model = stack.enter_context(self.shelf.lend(choice))
            if call.asked.stopped:
                raise CancelledError("the caller has gone")
            yield model

    def _run(self, prompt: str, settings: dict[str, Any] | None, name: str | None, call: Call) -> dict[str, Any]:
        made = Settings.from_mapping(settings or {})
        with self._lend(name, call) as model, model.stream(prompt, made) as stream:
            call.asked.begin(stream)
            return answers.run_json(stream.run)

    def _reply(
        self,
        request: gr.Request,
        conversation: Conversation,
        settings: Settings,
        sending: Sending,
        name: str | None,
        call: Call | None = None,
    ) -> Iterator[Growing]:
        with self.calls.of(request) as own, self._lend(name, call or own) as model:
            yield from reply(model, conversation, settings, sending, asked=(call or own).asked)

    def _conversation(
        self,
        messages: list[dict[str, str]],
        settings: dict[str, Any] | None,
        template: str | None,
        system: str | None,
        memory: int | None,
    ) -> tuple[Conversation, Settings, Sending]:
        said = messages_from(messages)
        own_system = said[0].content if said[0].role == "system" else ""
        sending = Sending(template, own_system if system is None else system, memory)
        return answers.conversation_of(said), Settings.from_mapping(settings or {}), sending

    def _chat(
        self,
        request: gr.Request,
        made: Callable[[], tuple[Conversation, Settings, Sending]],
        name: str | None,
        call: Call,
    ) -> dict[str, Any]:
        conversation, settings, sending = made()
        last = deque(self._reply(request, conversation, settings, sending, name, call), maxlen=1)
        if not last:  # given up before it could begin
            raise CancelledError("the caller has gone")
        return answers.answer(last[0])

    def _tokenize(
        self, text: str, add_special: bool, parse_special: bool, name: str | None, call: Call
    ) -> list[dict[str, Any]]:
        with self._lend(name, call) as model:
            ids = model.tokenize(text, add_special=add_special, parse_special=parse_special)
            pieces = [model.tokenizer.piece(token) for token in ids]
        return [
            {"id": token, "text": piece.decode("utf-8", "replace"), "bytes": piece.hex()}
            for token, piece in zip(ids, pieces, strict=True)
        ]

    def _model(self, name: str | None, call: Call) -> dict[str, Any]:
        with self._lend(name, call) as model:
            return {
                "name": model.name,
                "n_ctx": model.n_ctx,
                "weights": asdict(model.model_card),
                "engine": asdict(model.engine_card),
                "exactness": asdict(model.exactness),
                "chat_template": model.chat_template,
                "usage": asdict(model.engine.usage()),
            }

    async def _looked(self, request: gr.Request, name: str | None, work: Callable[..., _T], *given: Any) -> _T:
        """A function of looking_answers, with the model."""
        return await self._with_call(request, functools.partial(self._look, name, work, given))

    def _look(self, name: str | None, work: Callable[..., _T], given: tuple[Any, ...], call: Call) -> _T:
        with self._lend(name, call) as model:
            return work(model, *given)

    def _compare(
        self, prompt: str, lanes: list[dict[str, Any]], settings: dict[str, Any] | None, name: str | None, call: Call
    ) -> dict[str, Any]:
        with (
            self._lend(name, call) as model,
            Comparing(model, looking_answers.plans(model, prompt, lanes, settings)) as comparing,
        ):
            call.asked.begin(comparing)
            return looking_answers.comparison(comparing)

    def _verify(self, run: dict[str, Any], name: str | None, call: Call) -> dict[str, Any]:
        original = Run.from_json(json.dumps(run))
        with self._lend(name, call) as model:
            found = model.verify(original)
        return {
            "same": found.same,
            "same_tokens": found.same_tokens,
            "same_numbers": found.same_numbers,
            "first_difference": found.first_difference,
            "circumstances": [{"ja": ja, "en": en} for ja, en in found.circumstances],
            "again": found.again.text,
        }

    def _transcribe(self, audio: FileData, language: str | None, size: str, _: Call) -> dict[str, Any]:
        news = everybodys_ears().hear(answers.uploaded(audio), size, language or "auto")
        heard = next(item for item in news if isinstance(item, Heard))  # before it: how far loading is
        reason = heard.reason.text(self.texts.language) if heard.reason else None
        return {
            "text": heard.text,
            "reason": reason,
            "language": heard.language,
            "confidence": heard.confidence,
            "seconds": heard.seconds,
        }
