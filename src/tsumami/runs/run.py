"""Runs: what came out, and all that is needed to get it again.

Guarantee: a Run is a value. Saved and loaded it is equal to the original (`to_json`, `from_json`); its receipt names
everything that the text depends on, so the same receipt on the same build gives the same tokens and probabilities, bit
for bit, if the engine is exact. Ledgers are not stored: replay.py computes them again from the tokens in one pass.

Probabilities are shares in 0..1; entropies are in bits; times are in seconds.
"""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from tsumami.engine.remembered import replace_file
from tsumami.errors import RunFileError
from tsumami.native import Float32Array
from tsumami.sampling import Chain, Ledger
from tsumami.sampling.chain import Watch
from tsumami.settings import Settings

if TYPE_CHECKING:
    from tsumami.runs.generate import Decision

#: Version of the JSON form.
FORMAT_VERSION: Final = 1

StopReason = Literal["eog", "stop", "length", "context", "cancelled", "dead_end"]
#: What each stop reason means, in ja and en.
STOP_REASONS: Final[dict[str, tuple[str, str]]] = {
    "eog": ("モデルが終わりのトークンを選んだ", "the model chose an end-of-generation token"),
    "stop": ("停止文字列が現れた", "a stop string appeared"),
    "length": ("max_tokens に達した", "max_tokens was reached"),
    "context": ("文脈がいっぱいになった", "the context is full"),
    "cancelled": ("途中で止められた", "it was stopped"),
    "dead_end": ("文法またはバイアスがすべてのトークンを禁じた", "the grammar or a bias forbids every token"),
}


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Which weights: `fingerprint` is the sha256 of the file."""

    name: str
    fingerprint: str
    architecture: str
    quantization: str | None
    n_params: int
    size: int
    source: str
    license: str | None = None


@dataclass(frozen=True, slots=True)
class EngineCard:
    """Which arithmetic: the build, the processor, and whether repeats are bit-exact, with the reason."""

    binding: str
    library: str
    features: tuple[str, ...]
    processor: str
    mode: Literal["exact", "fast"]
    exact: bool
    why_ja: str
    why_en: str
    n_ctx: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """All that is needed to get the same run again. `seed` is the effective one, `template` the prompt format's
    name, `begun` the tokens that the reply was made to begin with: their rolls passed, but did not choose them.
    """

    model: ModelCard
    engine: EngineCard
    prompt: str
    prompt_tokens: tuple[int, ...]
    template: str
    settings: Settings
    seed: int
    tsumami: str
    begun: tuple[int, ...] = ()

    @classmethod
    def of(cls, backend: Any, prompt: Any, settings: Settings, seed: int) -> Receipt:
        """The receipt of what this model makes of a prompt, under these settings, with this effective seed."""
        return cls(
            model=backend.model_card,
            engine=backend.engine_card,
            prompt=prompt.text,
            prompt_tokens=prompt.tokens,
            template=prompt.template,
            settings=settings,
            seed=seed,
            tsumami=version("tsumami"),
            begun=prompt.begun,
        )

    def to_dict(self) -> dict[str, Any]:
        """The receipt as plain values, as in a run file."""
        from tsumami.runs.files import plain_receipt

        return plain_receipt(self)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the likeliest tokens of a step: its bytes (`piece`), raw probability, and final one (0 if a stage cut
    it).
    """

    id: int
    piece: bytes
    p_raw: float
    p_final: float


@dataclass(frozen=True, slots=True)
class Step:
    """One token.

    `piece` holds the token's bytes; `text` is what became showable with it ("" while a character is incomplete);
    `p_raw` its probability under the model alone (softmax of the logits), `p_final` after the chain, which the roll was
    held against; `entropy` that of the raw distribution in bits; `rank` 1 for the likeliest raw token; `u` the roll in
    0..1 (None if none was taken); `n_candidates` how many were left to choose from.
    """

    id: int
    piece: bytes
    text: str
    p_raw: float
    p_final: float
    entropy: float
    rank: int
    u: float | None
    n_candidates: int
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Timings:
    """How long it took. `reused` counts prompt tokens that came from the cache."""

    prompt_tokens: int
    reused: int
    generated: int
    prompt_seconds: float
    generation_seconds: float

    @property
    def prompt_per_second(self) -> float:
        """Prompt tokens computed (not reused) per second."""
        return (self.prompt_tokens - self.reused) / max(self.prompt_seconds, 1e-9)

    @property
    def generation_per_second(self) -> float:
        """Tokens after the first per second."""
        return max(self.generated - 1, 0) / max(self.generation_seconds, 1e-9)


class Replayer(Protocol):
    """Computes again what a run was made of; a model gives one to its runs.

    Every method raises RunFileError for a run that this model cannot have made.
    """

    def ledgers(self, run: Run, start: int, stop: int) -> list[Ledger]:
        """The ledgers of tokens start .. stop (0 <= start <= stop <= length)."""

    def rows(self, run: Run, start: int = 0, stop: int | None = None) -> Iterator[Float32Array]:
        """The logits that tokens start .. stop (as in a slice) were chosen from: one row (n_vocab,) each."""

    def chain(self, run: Run, index: int = 0) -> Chain:
        """The run's own chain, ready to choose token number `index`."""

    def choose(self, run: Run, index: int, chain: Chain, row: Float32Array, watch: Watch | None = None) -> Decision:
        """What a chain would choose from `row` after the first `index` tokens of the run; a search runs anew.

        Raises:
            DeadEndError: every candidate is forbidden.
        """

    def piece(self, token: int) -> bytes:
        """The bytes of a token."""


@dataclass(frozen=True, slots=True)
class Run:
    """Receipt + steps + timings + why it stopped."""

    receipt: Receipt
    steps: tuple[Step, ...]
    stop_reason: StopReason
    timings: Timings
    stop_string: str | None = None
    ledgers: tuple[Ledger, ...] = field(default=(), compare=False, repr=False)
    replayer: Replayer | None = field(default=None, compare=False, repr=False)

    @property
    def text(self) -> str:
        """The text that was generated."""
        return "".join(step.text for step in self.steps)

    @property
    def tokens(self) -> tuple[int, ...]:
        """The ids of the generated tokens, the end-of-generation token included."""
        return tuple(step.id for step in self.steps)

    @property
    def settings(self) -> Settings:
        """The settings as given (their seed may be below 0; the effective one is `receipt.seed`)."""
        return self.receipt.settings

    def ledger(self, index: int) -> Ledger:
        """The account of token number `index` (negative counts from the end).

        Kept if the run was made with ledgers; otherwise computed again, exactly, from one pass over the run's tokens.

        Raises:
            IndexError: no such token.
            RunFileError: the run was loaded from a file and no model is attached.
        """
        count = len(self.steps)
        if not -count <= index < count:
            raise IndexError(f"token {index} of a run of {count}")
        index %= count
        return self.ledgers[index] if self.ledgers else self.replay(index, index + 1)[0]

    def replay(self, start: int = 0, stop: int | None = None) -> list[Ledger]:
        """The ledgers of tokens start .. stop (as in a slice), from one batched pass over the run's tokens."""
        if self.ledgers:
            return list(self.ledgers[start:stop])
        start, stop, _ = slice(start, stop).indices(len(self.steps))
        if start >= stop:
            return []
        return attached(self).ledgers(self, start, stop)

    def attach(self, model: HasReplayer) -> Run:
        """The same run with a model that can compute again what it was made of: logits, chains, ledgers."""
        return replace(self, replayer=model.replayer)

    def to_json(self, *, indent: int | None = None) -> str:
        """The run as JSON: an object with `version`, `receipt`, `steps`, `stop_reason`, `stop_string`, `text`,
        `timings`.
        """
        from tsumami.runs.files import dump

        return dump(self, indent)

    @classmethod
    def from_json(cls, text: str | bytes) -> Run:
        """Read what `to_json` wrote.

        Raises:
            RunFileError: not JSON, another version, or a field that does not fit; the message names it.
        """
        from tsumami.runs.files import parse

        return parse(text)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a file, in one step: a disk that is full leaves what was there before.

        Raises:
            RunFileError: it cannot be written.
        """
        write_file(path, self.to_json(indent=1))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Run:
        """Read a run from a file.

        Raises:
            RunFileError: as `from_json`, or the file cannot be read.
        """
        return cls.from_json(read_file(path))

    def _repr_html_(self) -> str:
        """For notebooks: the text, each token with its probabilities on hover."""
        spans = "".join(
            f'<span title="{html.escape(_hover(step))}" style="border-bottom:1px solid #8888">'
            f"{html.escape(step.text)}</span>"
            for step in self.steps
        )
        facts = f"seed {self.receipt.seed} · {len(self.steps)} tokens · {self.stop_reason} · {self.receipt.model.name}"
        return f'<div style="white-space:pre-wrap">{spans}</div><small>{html.escape(facts)}</small>'


def write_file(path: str | os.PathLike[str], text: str) -> None:
    """Write a result's JSON and a line end, in one step.

    Raises:
        RunFileError: it cannot be written.
    """
    try:
        replace_file(Path(path), text + "\n")
    except OSError as error:
        raise RunFileError(f"{path} cannot be written: {error.strerror or error}") from error


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a result's file.

    Raises:
        RunFileError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise RunFileError(f"{path} cannot be read: {error.strerror or error}") from error


class HasReplayer(Protocol):
    """Anything that runs can be attached to: it knows how to compute again what they were made of."""

    @property
    def replayer(self) -> Replayer:
        """Computes again what runs were made of."""


def attached(run: Run) -> Replayer:
    """What computes the run again.

    Raises:
        RunFileError: the run was loaded from a file and no model is attached.
    """
    if run.replayer is None:
        raise RunFileError("this run was read from a file; attach its model first: run.attach(tsumami.load(...))")
    return run.replayer


def _hover(step: Step) -> str:
    piece = step.piece.decode("utf-8", "backslashreplace")
    return (
        f"{piece!r} id {step.id}\nraw {step.p_raw:.4f}  final {step.p_final:.4f}\n"
        f"rank {step.rank}  entropy {step.entropy:.2f} bits"
    )
