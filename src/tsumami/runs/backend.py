"""What a run needs of a model: the seam between generation and engines.

A loaded llama.cpp model fits it (tsumami.model makes one), and so do a model of an engine elsewhere (elsewhere.py),
which can do less and says what it lacks, and the scripted model of tsumami.testing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from tsumami.engine import Program, Ticket
from tsumami.native import Mark, Vocab
from tsumami.runs.run import Replayer
from tsumami.runs.values import EngineCard, ModelCard
from tsumami.sampling.thinking import ThinkingMarks

T = TypeVar("T")


class Tokenizer(Protocol):
    """Text to tokens and back."""

    @property
    def n_tokens(self) -> int:
        """Size of the vocabulary."""

    def tokenize(self, text: bytes, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of a text."""

    def piece(self, token: int) -> bytes:
        """The bytes of a token."""

    def is_eog(self, token: int) -> bool:
        """Whether generation ends with this token."""

    def is_control(self, token: int) -> bool:
        """Whether the token is a mark and not text."""

    def mark(self, token: int) -> Mark | None:
        """The token's name and how texts name it; None for ordinary text."""


class TextTokenizer(Tokenizer, Protocol):
    """A tokenizer of a model that people write to."""

    @property
    def has_texts(self) -> bool:
        """Whether it can read a text at all."""

    @property
    def bos(self) -> int | None:
        """Beginning-of-sequence token, if the model has one."""

    @property
    def eos(self) -> int | None:
        """End-of-sequence token, if the model has one."""

    @property
    def longest_piece(self) -> int:
        """Bytes of the longest token."""


class Runner(Protocol):
    """Runs programs (engine/batcher.py)."""

    @property
    def n_vocab(self) -> int:
        """Length of a row of logits."""

    def submit(self, program: Program[T]) -> Ticket[T]:
        """Hand in a program."""

    def run(self, program: Program[T]) -> T:
        """Hand in a program and wait for its result."""


class Backend(Protocol):
    """A model that can generate. `vocab` is None where there is no llama.cpp vocabulary (then no grammar and no texts
    as DRY breakers).
    """

    @property
    def engine(self) -> Runner:
        """Where programs run."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to tokens and back."""

    @property
    def vocab(self) -> Vocab | None:
        """llama.cpp's vocabulary."""

    @property
    def lacks(self) -> Mapping[str, tuple[str, str]]:
        """The knobs that cannot be used with it, each with the reason in ja and en."""

    @property
    def thinking(self) -> ThinkingMarks | None:
        """How it marks its thinking; None: it does not think."""

    @property
    def n_ctx(self) -> int:
        """Tokens that one run may have, prompt and reply together."""

    @property
    def model_card(self) -> ModelCard:
        """Which weights."""

    @property
    def engine_card(self) -> EngineCard:
        """Which arithmetic."""

    @property
    def replayer(self) -> Replayer:
        """Computes again what this model's runs were made of."""
