"""Fakes that users may use too: a scripted model, a tokenizer of bytes, silent speech and a scripted listener.

Guarantee: `ScriptedModel` fits the seam that generation stands on (runs/backend.py), so everything above it runs on it
unchanged and in milliseconds: chain, draw, ledgers, replay, streams, cancelling. Like a real model it is a pure
function of the tokens so far, and like a real engine it works in another thread than the one that waits.

    model = ScriptedModel(saying("はい、そうです。"))
    assert model.run("本当ですか？", temperature=0).text == "はい、そうです。"
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from tsumami.engine import Feed, Program, Rows, Ticket
from tsumami.errors import CancelledError, EngineClosedError
from tsumami.native import Float32Array, Mark
from tsumami.runs import EngineCard, ModelCard, Prompt, Run, Stream
from tsumami.runs.replay import Replay
from tsumami.runs.run import Replayer
from tsumami.sampling.thinking import marks_of
from tsumami.settings import Settings
from tsumami.speech import ScriptedListener, SilentSpeaker

__all__ = [
    "ByteTokenizer",
    "Script",
    "ScriptedEngine",
    "ScriptedListener",
    "ScriptedModel",
    "SilentSpeaker",
    "saying",
]

T = TypeVar("T")
#: What a scripted model is: the tokens so far -> one float per token of the vocabulary (its logits).
Script = Callable[[tuple[int, ...]], npt.ArrayLike]


class ByteTokenizer:
    """One token a byte (ids 0..255), then two marks, then `words`: texts or bytes that are one token each.

    So every character outside ASCII is split over tokens, and a word such as `"も".encode()[:2]` splits it at another
    place. The longest word that fits is taken; the marks are control tokens, and `end` ends generation.
    """

    end: Final = 256
    begin: Final = 257

    def __init__(self, words: Sequence[str | bytes] = ()) -> None:
        self.marks: Final = {self.end: b"<|end|>", self.begin: b"<|begin|>"}
        added = [word.encode() if isinstance(word, str) else word for word in words]
        self._pieces = [bytes([i]) for i in range(256)] + list(self.marks.values()) + added
        self._by_length = sorted(range(258, len(self._pieces)), key=lambda i: -len(self._pieces[i]))

    @property
    def n_tokens(self) -> int:
        """Size of the vocabulary."""
        return len(self._pieces)

    def tokenize(self, text: bytes, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """Token ids of `text`. `add_special`: `begin` in front; `parse_special`: read the marks' names as the marks."""
        known = [*(self.marks if parse_special else ()), *self._by_length]
        tokens = [self.begin] if add_special else []
        at = 0
        while at < len(text):
            token = next((t for t in known if text.startswith(self._pieces[t], at)), text[at])
            tokens.append(token)
            at += len(self._pieces[token])
        return tokens

    def piece(self, token: int) -> bytes:
        """The bytes of a token; a mark gives its name."""
        return self._pieces[token]

    def is_eog(self, token: int) -> bool:
        """Whether the token is `end`."""
        return token == self.end

    def is_control(self, token: int) -> bool:
        """Whether the token is a mark."""
        return token in self.marks

    def mark(self, token: int) -> Mark | None:
        """The mark that the token is; None for bytes and words."""
        return Mark(self.marks[token], special=True) if token in self.marks else None


def saying(reply: str | bytes | Sequence[int], tokenizer: ByteTokenizer | None = None, *, sure: float = 20.0) -> Script:
    """A script that answers every prompt with `reply` (text, bytes or token ids) and then ends.

    The next token has a logit of `sure`, all others 0. Where in the reply it is, it knows from the tokens alone: the
    longest end of them that `reply` begins with has been said. So a prompt that ends as the reply begins shortens it.
    """
    tokenizer = tokenizer or ByteTokenizer()
    if isinstance(reply, str):
        reply = reply.encode()
    said = tuple(tokenizer.tokenize(reply) if isinstance(reply, bytes) else reply)

    def script(tokens: tuple[int, ...]) -> Float32Array:
        done = next(n for n in range(min(len(said), len(tokens)), -1, -1) if tokens[len(tokens) - n :] == said[:n])
        row = np.zeros(tokenizer.n_tokens, np.float32)
        row[said[done] if done < len(said) else tokenizer.end] = sure
        return row

    return script


class ScriptedEngine:
    """Runs programs on a script, each in a thread of its own. `fed` counts feeds, `open` the unfinished programs."""

    def __init__(self, script: Script, n_vocab: int, hidden: Script | None = None) -> None:
        self.n_vocab = n_vocab
        self.fed = 0
        self._script = script
        self._hidden = hidden
        self._running: list[Ticket[Any]] = []
        self._lock = threading.Lock()
        self._closed = False

    @property
    def open(self) -> int:
        """How many programs have not ended."""
        return len(self._running)

    def submit(self, program: Program[T]) -> Ticket[T]:
        """Hand in a program.

        Raises:
            EngineClosedError: the engine was closed.
        """
        ticket: Ticket[T] = Ticket()
        with self._lock:
            if self._closed:
                raise EngineClosedError("this model was closed; make another").in_japanese(
                    "このモデルは閉じられました。新しく作ってください"
                )
            self._running.append(ticket)
        threading.Thread(target=self._drive, args=(ticket, program), name="tsumami-script", daemon=True).start()
        return ticket

    def run(self, program: Program[T]) -> T:
        """Hand in a program and wait for its result."""
        return self.submit(program).result()

    def close(self) -> None:
        """End what runs at its next feed, and take nothing more."""
        self._closed = True

    def _drive(self, ticket: Ticket[T], program: Program[T]) -> None:
        """Play the part of the batcher for one program."""
        result: T | None = None
        error: BaseException | None = None
        try:
            feeds = next(program)
            while True:
                feeds = self._turn(ticket, program, feeds)
        except StopIteration as stop:
            result = stop.value
        except BaseException as raised:  # noqa: BLE001  (whatever a program raises belongs to whoever waits for it)
            error = raised
        with self._lock:
            self._running.remove(ticket)
        if error is None:
            ticket.future.set_result(result)  # type: ignore[arg-type]  # a program that ended has returned its T
        else:
            ticket.future.set_exception(error)

    def _turn(self, ticket: Ticket[T], program: Program[T], feeds: list[Feed]) -> list[Feed]:
        if self._closed:
            return program.throw(EngineClosedError("this model was closed").in_japanese("このモデルは閉じられました"))
        if ticket.cancelled:
            return program.throw(CancelledError("cancelled").in_japanese("取り消されました"))
        return program.send([self._rows(feed) for feed in feeds])

    def _rows(self, feed: Feed) -> Rows:
        self.fed += 1
        before, after = len(feed.sequence), feed.sequence.begin_feed(feed.tokens)
        try:
            rows = self._computed(feed, before, tuple(after))
        except BaseException:
            feed.sequence.abort_feed()
            raise
        feed.sequence.end_feed(after)
        return rows

    def _computed(self, feed: Feed, before: int, after: tuple[int, ...]) -> Rows:
        """The rows of a feed that makes a sequence of `before` tokens into `after`."""
        first = {"all": before, "last": max(len(after) - 1, before), "none": len(after)}[feed.rows]
        ends = [after[: i + 1] for i in range(first, len(after))]
        logits = [np.asarray(self._script(end), np.float32) for end in ends]
        hidden = None
        if feed.hidden and self._hidden is not None:
            hidden = np.stack([np.asarray(self._hidden(end), np.float32) for end in ends])
        return Rows(np.stack(logits) if logits else np.empty((0, self.n_vocab), np.float32), hidden)


class ScriptedModel:
    """A model that does what a script says: `run` and `stream` as `tsumami.Model` has them. It knows no grammar.

    Args:
        script: tokens so far -> logits, shape (tokenizer.n_tokens,); `saying(text)` makes one.
        tokenizer: default: `ByteTokenizer()`.
        hidden: tokens so far -> the hidden state after the last of them; without it contrastive search is refused.
        n_ctx: tokens that one run may have.
        name: other names have other fingerprints.
        template: a chat template, which says how it marks its thinking.
    """

    vocab: Final = None
    lacks: Final[Mapping[str, tuple[str, str]]] = {}
    chooses_there: Final = False

    def __init__(
        self,
        script: Script,
        tokenizer: ByteTokenizer | None = None,
        *,
        hidden: Script | None = None,
        n_ctx: int = 512,
        name: str = "scripted",
        template: str | None = None,
    ) -> None:
        self.tokenizer = tokenizer or ByteTokenizer()
        self.engine = ScriptedEngine(script, self.tokenizer.n_tokens, hidden)
        self.n_ctx = n_ctx
        self.thinking = marks_of(self.tokenizer, template) if template is not None else None
        self.model_card = ModelCard(
            name=name,
            fingerprint=hashlib.sha256(name.encode()).hexdigest(),
            architecture="script",
            quantization=None,
            n_params=0,
            size=0,
            source="tsumami.testing",
        )
        self.engine_card = EngineCard(
            binding="none",
            library="none",
            features=(),
            processor="none",
            mode="exact",
            exact=True,
            why_ja="台本どおりに答えるだけなので、いつも同じです。",
            why_en="It answers as its script says, so it is always the same.",
            n_ctx=n_ctx,
        )

    @property
    def replayer(self) -> Replayer:
        """Computes again what this model's runs were made of."""
        return Replay(self)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, the names of marks read as marks."""
        return self.tokenizer.tokenize(text.encode(), parse_special=True)

    def stream(
        self, prompt: str | Prompt, settings: Settings | None = None, *, ledger: bool = False, **knobs: Any
    ) -> Stream:
        """As `tsumami.Model.stream`."""
        if isinstance(prompt, str):
            prompt = Prompt(prompt, tuple(self.tokenize(prompt)))
        return Stream(self, prompt, (settings or Settings()).replace(**knobs), ledgers=ledger)

    def run(self, prompt: str | Prompt, settings: Settings | None = None, *, ledger: bool = False, **knobs: Any) -> Run:
        """As `tsumami.Model.run`."""
        with self.stream(prompt, settings, ledger=ledger, **knobs) as stream:
            return stream.run

    def close(self) -> None:
        """End what runs, and take nothing more."""
        self.engine.close()
