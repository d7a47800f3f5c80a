"""Model: the one object that most users need, of a model on this machine. `tsumami.load(name)` gives one.

Guarantee: everything here is a short way to a function of a lower floor; nothing is decided here. A model may be used
from several threads at once, and each run is the same as if it were alone.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from tsumami.engine import EngineOptions, Exactness, LoadedModel, Usage
from tsumami.errors import EngineClosedError
from tsumami.exchange import Imported, recommended
from tsumami.explore.design import Design
from tsumami.explore.grids import Grid, Gridding, GridProgress, plan_grid
from tsumami.explore.intervals import Interval, intervals
from tsumami.explore.lanes import Comparing, Comparison, plan
from tsumami.explore.maps import KnobMap
from tsumami.explore.maps import Mapping as Mapper
from tsumami.native import NativeModel, Vocab
from tsumami.prompts import Memory, Message, PromptFormat, format_named, messages_from
from tsumami.runs import EngineCard, ModelCard, Prompt, Run, Stream, Verification
from tsumami.runs import verify as verify_run
from tsumami.runs.backend import Runner, TextTokenizer
from tsumami.runs.cards import ModelShape, engine_card, model_card, shape_of
from tsumami.runs.going_on import go_on
from tsumami.runs.prompting import PromptLike, as_prompt, refuse_endless, several, text_of, tokens_of
from tsumami.runs.replay import Replay
from tsumami.runs.run import Replayer
from tsumami.sampling.thinking import ThinkingMarks, marks_of
from tsumami.settings import IdleReason, Settings

EVERYTHING: Final = Memory(None)


class Model:
    """A loaded model: `run`, `stream`, `chat`, `tokenize`. Use it in a `with` block or `close()` it."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._closing = weakref.finalize(self, loaded.close)  # a model that is dropped without close() is freed, too

    # --- generating ---

    def run(self, prompt: PromptLike, settings: Settings | None = None, *, ledger: bool = False, **knobs: Any) -> Run:
        """Generate from `prompt` and wait for the run.

        Args:
            prompt: text (completed as it is), a prompt from `prompt()`, or token ids.
            settings: where to start from (default: the defaults).
            ledger: keep every token's ledger instead of computing it when asked.
            knobs: values that replace those of `settings`, such as `temperature=0.3`.

        Raises:
            SettingsError: a knob that does not exist or cannot have this value.
            PromptError: an empty or too long prompt.
        """
        with self.stream(prompt, settings, ledger=ledger, **knobs) as stream:
            return stream.run

    def stream(
        self, prompt: PromptLike, settings: Settings | None = None, *, ledger: bool = False, **knobs: Any
    ) -> Stream:
        """As `run`, but gives the steps as they come: iterate, then read `.run`."""
        made = settings or Settings()
        return Stream(self, self.as_prompt(prompt), made.replace(**knobs) if knobs else made, ledgers=ledger)

    def chat(
        self,
        messages: str | Iterable[Message | dict[str, str]],
        settings: Settings | None = None,
        *,
        template: str | PromptFormat | None = None,
        memory: int | Memory | None = EVERYTHING,
        parse_special: bool | None = None,
        ledger: bool = False,
        **knobs: Any,
    ) -> Run:
        """Generate the assistant's next message; `messages` as in `prompt`. For the next turn, add `run.message`."""
        made = (settings or Settings()).replace(**knobs)
        prompt = self.prompt(messages, made, template=template, memory=memory, parse_special=parse_special)
        return self.run(prompt, made, ledger=ledger)

    def go_on(self, run: Run, settings: Settings | None = None, **knobs: Any) -> Run:
        """The run as if it had not stopped where it did: the same tokens, and after them up to `max_tokens` more.

        Args:
            run: one of this model's.
            settings: those that hold from there on (default: the run's own, with its seed).
            knobs: values that replace those of `settings`.

        Raises:
            PromptTooLongError: the context is full.
        """
        with go_on(self, run, settings, **knobs) as stream:
            return stream.run

    def prompt(
        self,
        messages: str | Iterable[Message | dict[str, str]],
        settings: Settings | None = None,
        *,
        template: str | PromptFormat | None = None,
        memory: int | Memory | None = EVERYTHING,
        parse_special: bool | None = None,
    ) -> Prompt:
        """Messages as the model gets them.

        Args:
            messages: a text (one user message) or messages with `role` and `content`, and `tokens` of a reply.
            settings: what the template is told (`thinking`, `chat_template_kwargs`).
            template: `model` (its own chat template, the default where there is one), `llama2`, `raw`, or a format.
            memory: how many past exchanges to keep; None for the format's own default; default: all.
            parse_special: read the names of special tokens in messages as these; default: only in `raw`.
        """
        kept = Memory(memory) if isinstance(memory, int) else memory
        made = self.format(template, parse_special, settings)
        return self.as_prompt(made.render(messages_from(messages), kept))

    def compare(
        self,
        prompt: PromptLike | Sequence[PromptLike],
        settings: Sequence[Settings | Mapping[str, Any]] | None = None,
        *,
        base: Settings | None = None,
        vary: Mapping[str, Sequence[Any]] | None = None,
        seeds: int | Sequence[int] | None = None,
        **knobs: Any,
    ) -> Comparison:
        """Two to eight runs side by side, from the same prompt and rolls, and why they part.

        Args:
            prompt: a prompt as in `run`, or several texts or prompts.
            settings: the settings of the lanes, or the knobs in which they differ from `base`.
            base: what holds where nothing else is said (default: the defaults).
            vary: instead of `settings`: values by knob, such as `{"top_k": [40, 100]}`; several give every combination.
            seeds: how many, from the seed of `base` on (from 0 if it has none), or which (default: one for all lanes).
            knobs: values that replace those of `base`.

        Raises:
            SettingsError: not 2 to 8 lanes, or a value that a knob cannot have.
            PromptError: something that is no prompt.
        """
        with self.comparing(prompt, settings, base=base, vary=vary, seeds=seeds, **knobs) as lanes:
            return lanes.comparison

    def comparing(
        self,
        prompt: PromptLike | Sequence[PromptLike],
        settings: Sequence[Settings | Mapping[str, Any]] | None = None,
        *,
        base: Settings | None = None,
        vary: Mapping[str, Sequence[Any]] | None = None,
        seeds: int | Sequence[int] | None = None,
        **knobs: Any,
    ) -> Comparing:
        """As `compare`, but gives the steps as they come: iterate for (lane, step), then read `.comparison`."""
        prompts = [self.as_prompt(one) for one in several(prompt)]
        made = (base or Settings()).replace(**knobs)
        return Comparing(self, plan(prompts, Design(made, vary, settings, seeds)))

    def knob_map(
        self,
        prompt: PromptLike,
        knob: str,
        low: float,
        high: float,
        settings: Settings | None = None,
        *,
        max_tokens: int = 64,
        leaves: int = 64,
        seconds: float | None = None,
        **knobs: Any,
    ) -> KnobMap:
        """Every text that `knob` gives from `low` to `high`, with the exact values where it changes.

        Args:
            prompt: as in `run`.
            knob: the knob that moves.
            low: where the range begins.
            high: where it ends; both belong to it.
            settings: what the other knobs are (default: the defaults).
            max_tokens: how long the texts become at most.
            leaves: how many texts are followed at once; the widest first.
            seconds: stop after about so many.
            knobs: values that replace those of `settings`.

        Raises:
            SettingsError: a knob, a range or a budget of which there is no map.
            PromptError: an empty prompt.
        """
        mapping = self.mapping(prompt, knob, low, high, settings, **knobs)
        return mapping.map(max_tokens=max_tokens, leaves=leaves, seconds=seconds)

    def mapping(
        self, prompt: PromptLike, knob: str, low: float, high: float, settings: Settings | None = None, **knobs: Any
    ) -> Mapper:
        """As `knob_map`, before anything is decoded: `start` it and look at it while it grows, or `map` it, and go on
        with more tokens, more leaves or another range.
        """
        return Mapper(self, self.as_prompt(prompt), knob, low, high, (settings or Settings()).replace(**knobs))

    def grid(
        self,
        prompt: PromptLike | Sequence[PromptLike],
        settings: Sequence[Settings | Mapping[str, Any]] | None = None,
        *,
        base: Settings | None = None,
        vary: Mapping[str, Sequence[Any]] | None = None,
        seeds: int | Sequence[int] | None = None,
        max_tokens: int = 64,
        **knobs: Any,
    ) -> Grid:
        """The texts of every prompt with every settings and every seed, shared beginnings decoded once.

        Args:
            prompt: a prompt as in `run`, or several texts or prompts.
            settings: the settings, or the knobs in which they differ from `base`.
            base: what holds where nothing else is said (default: the defaults).
            vary: instead of `settings`: values by knob, as `{"top_p": [0.8, 0.9]}`; several give every combination.
            seeds: how many, from the seed of `base` on (from 0 if it has none), or which (default: one).
            max_tokens: how long the texts become at most; settings that are given whole keep their own.
            knobs: values that replace those of `base`.

        Raises:
            SettingsError: an empty list, too many cells, or a value that a knob cannot have.
            PromptError: something that is no prompt.
        """
        cells = self.gridding(prompt, settings, base=base, vary=vary, seeds=seeds, max_tokens=max_tokens, **knobs)
        with cells:
            return cells.grid

    def gridding(
        self,
        prompt: PromptLike | Sequence[PromptLike],
        settings: Sequence[Settings | Mapping[str, Any]] | None = None,
        *,
        base: Settings | None = None,
        vary: Mapping[str, Sequence[Any]] | None = None,
        seeds: int | Sequence[int] | None = None,
        max_tokens: int = 64,
        watch: Callable[[GridProgress], None] | None = None,
        **knobs: Any,
    ) -> Gridding:
        """As `grid`, but gives the cells as they are finished: iterate, then read `.grid`."""
        prompts = [self.as_prompt(one) for one in several(prompt)]
        made = (base or Settings()).replace(**{"max_tokens": max_tokens, **knobs})
        return Gridding(self, plan_grid(prompts, Design(made, vary, settings, seeds)), watch=watch)

    def format(
        self,
        template: str | PromptFormat | None = None,
        parse_special: bool | None = None,
        settings: Settings | None = None,
    ) -> PromptFormat:
        """A prompt format by name, with this model's template and special tokens (see `prompt`)."""
        if template is not None and not isinstance(template, str):
            return template
        name = template or ("model" if self.chat_template else "raw")
        bos, eos = (self.detokenize([] if one is None else [one]) for one in (self.tokenizer.bos, self.tokenizer.eos))
        return format_named(
            name,
            template=self.chat_template,
            bos_token=bos,
            eos_token=eos,
            parse_special=parse_special,
            others=self.templates,
            variables=settings.template_values if settings is not None else None,
        )

    def as_prompt(self, prompt: PromptLike, *, parse_special: bool = True) -> Prompt:
        """Whatever a run can start from, as this model gets it; `parse_special` as in `tokenize`.

        Raises:
            PromptError: it is something else, a token id that this model does not have, or a text that cannot fit.
        """
        refuse_endless(prompt, self.n_ctx, lambda: self.tokenizer.longest_piece)
        return as_prompt(self.tokenizer, prompt, parse_special=parse_special)

    def intervals(self, run: Run, knobs: Iterable[str] | None = None) -> dict[str, Interval]:
        """How far each knob could have been turned without changing the text of a run, and what gives way first.

        Args:
            run: one of this model's.
            knobs: names (default: all that have values between values).

        Raises:
            SettingsError: a knob or a way to choose of which there are no intervals.
            RunFileError: another model's run, or a token that does not come out again.
        """
        return intervals(self, run, knobs)

    def verify(self, run: Run) -> Verification:
        """Run it again and say whether tokens and numbers are the same, bit for bit, or what differs."""
        return verify_run(self, run)

    # --- tokens ---

    def tokenize(self, text: str, *, add_special: bool = True, parse_special: bool = True) -> list[int]:
        """Token ids of a text. `add_special`: put BOS where the model wants it; `parse_special`: read `<s>` and the
        like as the special tokens that they name.

        Raises:
            PromptError: the text holds a lone surrogate, which UTF-8 cannot express.
        """
        return list(tokens_of(self.tokenizer, text, add_special=add_special, parse_special=parse_special))

    def detokenize(self, tokens: Iterable[int]) -> str:
        """The text of token ids; bytes that are no character come out as U+FFFD."""
        return text_of(self.tokenizer, tokens)

    # --- facts (the seam of runs/backend.py) ---

    @property
    def _native(self) -> NativeModel:
        """The weights, which are gone after `close()`: whoever asks llama.cpp then would read freed memory."""
        if self._loaded.native.pointer is None:
            raise EngineClosedError("this model was closed; load it again").in_japanese(
                "このモデルは閉じられました。もう一度読み込んでください"
            )
        return self._loaded.native

    @property
    def engine(self) -> Runner:
        """Where programs run."""
        return self._loaded.engine

    @property
    def tokenizer(self) -> TextTokenizer:
        """The model's tokenizer."""
        return self._native.vocab

    @property
    def vocab(self) -> Vocab | None:
        """llama.cpp's vocabulary, for grammars and DRY; None of a model that runs elsewhere."""
        return self._native.vocab

    @property
    def lacks(self) -> Mapping[str, tuple[str, str]]:
        """The knobs that cannot be used with it, each with the reason in ja and en."""
        return {}

    @property
    def chooses_there(self) -> bool:
        """Whether an engine elsewhere is to choose by itself, in one call; never of a model on this machine."""
        return False

    @property
    def n_ctx(self) -> int:
        """Tokens that one run may have, prompt and reply together."""
        return self._loaded.n_ctx

    @property
    def name(self) -> str:
        """The name that it was loaded by."""
        return self._loaded.file.name

    @property
    def chat_template(self) -> str | None:
        """The model's own chat template (Jinja source), if it has one."""
        return self._native.chat_template

    @functools.cached_property
    def thinking(self) -> ThinkingMarks | None:
        """How it marks its thinking; None: it does not think."""
        return marks_of(self.tokenizer, self.chat_template) if self.tokenizer.has_texts else None

    @property
    def asks_thinking(self) -> bool:
        """Whether its chat template asks for `enable_thinking`, which the knob `thinking` tells it."""
        return "enable_thinking" in (self.chat_template or "")

    def idle_knobs(self, settings: Settings, template: str | None = None) -> dict[str, IdleReason]:
        """The knobs that do nothing under these settings with this model, each with the reason: those of
        `Settings.idle_knobs`, and those of the thinking where it does not think or is not asked to.

        Args:
            settings: all knobs.
            template: the name of the prompt's format; default: the model's own.
        """
        asks = template in (None, "model") and self.asks_thinking
        return settings.idle_knobs(thinks=self.thinking is not None, asks=asks)

    @property
    def templates(self) -> tuple[str, ...]:
        """The names of chat templates that the file holds beside the model's own."""
        return self._loaded.file.header.templates

    @functools.cached_property
    def recommended(self) -> Imported | None:
        """The settings that the file recommends; None: it names none."""
        return recommended(self._loaded.file.header.metadata)

    @property
    def exactness(self) -> Exactness:
        """Whether repeats are bit-exact, and why (not)."""
        return self._loaded.exactness

    @property
    def usage(self) -> Usage | None:
        """How full the cache is, and how many programs run; None where that is not known."""
        return self._loaded.engine.usage()

    @property
    def options(self) -> EngineOptions:
        """How it was loaded."""
        return self._loaded.options

    @property
    def shape(self) -> ModelShape:
        """How large its parts are."""
        return shape_of(self._native)

    @functools.cached_property
    def model_card(self) -> ModelCard:
        """Which weights these are."""
        return model_card(self._loaded, self._native)

    @functools.cached_property
    def engine_card(self) -> EngineCard:
        """Which arithmetic this is."""
        return engine_card(self._loaded, self._native)

    @property
    def replayer(self) -> Replayer:
        """Computes again what this model's runs were made of."""
        return Replay(self)

    # --- life ---

    def close(self) -> None:
        """End the engine and free the memory; whoever still waits for a run gets an EngineClosedError."""
        self._closing()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        exact = "exact" if self.exactness.exact else "not exact"
        what = "closed" if self._loaded.native.pointer is None else self._native.description
        return f"<tsumami.Model {self.name}: {what}, n_ctx {self.n_ctx}, {exact}>"
