"""Runs: what came out, and all that is needed to get it again.

Guarantee: a Run is a value. Saved and loaded it is equal to the original (`to_json`, `from_json`); its receipt names
everything that the text depends on, so the same receipt on the same build gives the same tokens and probabilities, bit
for bit, if the engine is exact. Ledgers are not stored: replay.py computes them again from the tokens in one pass.

Probabilities are shares in 0..1; entropies are in bits; times are in seconds.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias, get_args

from tsumami.errors import RunFileError, SettingsError
from tsumami.native import Float32Array
from tsumami.prompts import Message
from tsumami.runs.completeness import Completeness
from tsumami.runs.decision import Decision
from tsumami.runs.json_files import read_file, write_file
from tsumami.runs.text import whole_characters
from tsumami.runs.values import FORMAT_VERSION, Receipt, Step, StopReason, Thought, Timings, plain
from tsumami.sampling import Chain, Ledger
from tsumami.sampling.chain import Watch
from tsumami.settings import Settings
from tsumami.wording import counted

__all__ = ["HasReplayer", "Replayer", "Run", "RunPart", "attached"]

RunPart: TypeAlias = Literal["all", "thinking", "answer"]
"""A part of a reply: what it thinks, what it answers, or all of it."""


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
    """Receipt + steps + timings + why it stopped. `completeness`: whether the text matches its grammar (None: it has
    none, or the run was saved before tsumami asked); `thought`: the part in which it thinks, if it does. `trouble`:
    what an engine elsewhere did, if the run stopped on it.
    """

    receipt: Receipt
    steps: tuple[Step, ...]
    stop_reason: StopReason
    timings: Timings
    stop_string: str | None = None
    ledgers: tuple[Ledger, ...] = field(default=(), compare=False, repr=False)
    replayer: Replayer | None = field(default=None, compare=False, repr=False)
    completeness: Completeness | None = None
    thought: Thought | None = None
    trouble: str | None = None

    @property
    def text(self) -> str:
        """The text that was generated."""
        return "".join(step.text for step in self.steps)

    @property
    def thinking(self) -> str:
        """What it thought before it answered, without the marks; empty where it did not."""
        if self.thought is None:
            return ""
        return self.thought.text_of("".join(step.text for step in self.steps[: self.thought.steps]))

    @property
    def answer(self) -> str:
        """The text without what was thought before it."""
        return "".join(step.text for step in self.steps[self._answer_at :]).lstrip("\n" if self._answer_at else "")

    def part(self, name: RunPart) -> range:
        """The numbers of the tokens of a part.

        Raises:
            SettingsError: no such part, or it does not think.
        """
        if name not in get_args(RunPart):
            raise SettingsError(f"part = {name!r}: needs one of {', '.join(get_args(RunPart))}").in_japanese(
                f"part = {name!r}: 使えるのは {', '.join(get_args(RunPart))} です"
            )
        if name != "all" and self.thought is None:
            raise SettingsError(
                f"part = {name!r}: this run does not think before it answers; leave the part out"
            ).in_japanese(f"part = {name!r}: この実行は答える前に考えていません。part を付けないでください")
        at, count = self._answer_at, len(self.steps)
        return range(count) if name == "all" else range(at) if name == "thinking" else range(at, count)

    @property
    def _answer_at(self) -> int:
        return 0 if self.thought is None else self.thought.steps

    @property
    def tokens(self) -> tuple[int, ...]:
        """The ids of the generated tokens, the end-of-generation token included."""
        return tuple(step.id for step in self.steps)

    @property
    def message(self) -> Message:
        """The reply as a message for the next prompt: its answer, as models want it that think before; without a
        character that was not complete when it stopped, and the tokens that it was, without an end token and without
        those of a stop string.
        """
        at = self._answer_at
        return self._said(at) if at else self.reply

    @property
    def reply(self) -> Message:
        """The same with all that was thought."""
        return self._said(0)

    def _said(self, at: int) -> Message:
        """From token number `at` on."""
        ids, left = list(self.tokens), (self.stop_string or "").encode()
        if self.stop_reason == "eog" and ids:
            ids.pop()
        while ids and left and left.endswith(piece := self.steps[len(ids) - 1].piece) and piece:
            ids, left = ids[:-1], left[: len(left) - len(piece)]
        text = "".join(step.text for step in self.steps[at:])
        pieces = [step.piece for step in self.steps[at : len(ids)]]
        return Message("assistant", whole_characters(text, pieces), tuple(ids[at:]))

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
        `timings`, `completeness` where a grammar says what is complete, `thought` where it thought before, and
        `trouble` where an engine elsewhere stopped answering.
        """
        return _dump(self, indent)

    @classmethod
    def from_json(cls, text: str | bytes) -> Run:
        """Read what `to_json` wrote.

        Raises:
            RunFileError: not JSON, another version, or a field that does not fit; the message names it.
        """
        from tsumami.runs.files import parse  # pydantic: who only makes runs need not load it

        parts = parse(text)
        return cls(**{name: getattr(parts, name) for name in parts.__dataclass_fields__})

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
        count, receipt = counted(len(self.steps), "token"), self.receipt
        facts = f"seed {receipt.seed} · {count} · {self.stop_reason} · {receipt.model.name}"
        return f'<div style="white-space:pre-wrap">{spans}</div><small>{html.escape(facts)}</small>'


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
        raise RunFileError(
            "this run was read from a file; attach its model first: run.attach(tsumami.load(...))"
        ).in_japanese(
            "この実行はファイルから読んだものです。先にモデルをつないでください: run.attach(tsumami.load(...))"
        )
    return run.replayer


def _dump(run: Run, indent: int | None) -> str:
    form = {
        "version": FORMAT_VERSION,
        "receipt": plain(run.receipt),
        "text": run.text,
        "steps": plain(run.steps),
        "stop_reason": run.stop_reason,
        "stop_string": run.stop_string,
        "timings": plain(run.timings),
    }
    if run.completeness is not None:
        form["completeness"] = plain(run.completeness)
    if run.thought is not None:
        form["thought"] = plain(run.thought)
    if run.trouble is not None:
        form["trouble"] = run.trouble
    return json.dumps(form, ensure_ascii=False, indent=indent, allow_nan=False)


def _hover(step: Step) -> str:
    piece = step.piece.decode("utf-8", "backslashreplace")
    return (
        f"{piece!r} id {step.id}\nraw {step.p_raw:.4f}  final {step.p_final:.4f}\n"
        f"rank {step.rank}  entropy {step.entropy:.2f} bits"
    )
