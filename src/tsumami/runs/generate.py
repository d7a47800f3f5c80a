"""Generation: the loop from a prompt to a run, as a program of the engine.

Guarantee: a step is emitted as soon as its token is chosen, and what is emitted, joined, is the run's text; only what a
cancellation or a dead end finds held back (a stop string or a character may have begun there) is added to the run's
last step after that was emitted. Whatever ends a run (the model, a stop string, max_tokens, the context, a grammar, a
cancellation), the run holds every step until then and says why it stopped.

The ways to get a token differ only in `Plain`, `_Contrastive` and, around one of these, `Retracting`; the loop does
not know which it has.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from tsumami.engine import Breath, Feed, Program, Rows, Sequence
from tsumami.errors import CancelledError, RemoteError
from tsumami.native import Float32Array
from tsumami.runs import contrastive
from tsumami.runs.backend import Backend
from tsumami.runs.banned import Retracting
from tsumami.runs.completeness import Completeness, CompletenessTracker, text_is_complete
from tsumami.runs.decision import Decider, Decision, Reversible
from tsumami.runs.ending import Ending
from tsumami.runs.guiding import both, negative_tokens
from tsumami.runs.healing import healed
from tsumami.runs.leading import led, one_candidate, permitted
from tsumami.runs.making import EngineMaking
from tsumami.runs.possible import check_possible
from tsumami.runs.prompt import Prompt, check_prompt
from tsumami.runs.run import Run
from tsumami.runs.values import Alternative, Receipt, Step, StopReason, Thought, Timings
from tsumami.sampling import Chain, Choice, DeadEndError, Ledger, LedgerWriter, Pick, effective_seed
from tsumami.sampling.chain import Watch
from tsumami.sampling.constraint import constraint_of, constraint_stage
from tsumami.sampling.draw import Rolls
from tsumami.sampling.measure import final_probabilities, measure_raw
from tsumami.sampling.thinking import thought
from tsumami.sampling.unseen import SeenRow, is_certain
from tsumami.settings import Settings

N_ALTERNATIVES: Final = 10
_PIECE: Final = 64  # rows of logits of known tokens that are in memory at once


class Plain:
    """Chain and draw on one sequence; the tokens in `begun` come first, whatever the chain would choose. The rows of
    tokens that are `known` beforehand (by default those in `begun`) are computed `_PIECE` at a time, as of a prompt.
    `negative`: what a second sequence begins with, which then has the same reply, in the same batches.
    """

    def __init__(
        self,
        chain: Chain,
        begun: tuple[int, ...] = (),
        known: tuple[int, ...] | None = None,
        negative: tuple[int, ...] = (),
    ) -> None:
        self._chain = chain
        self._begun = deque(begun)
        self._known = begun if known is None else known
        self._fed = 0
        self._rows: deque[Float32Array] = deque()
        self._breath = Breath()
        self._negative = negative
        self._sequences = [Sequence() for _ in range(2 if negative else 1)]
        self._row = np.empty(0, np.float32)
        self._absolute = chain.absolute

    def start(self, tokens: tuple[int, ...]) -> Generator[list[Feed], list[Rows], int]:
        pairs = zip(self._sequences, (tokens, self._negative), strict=False)
        found = yield [Feed(*one, absolute=self._absolute) for one in pairs]
        (self._row,) = _joined(found, last=True)
        return found[0].reused

    def choose(self, watch: Watch | None) -> Generator[list[Feed], list[Rows], Decision]:
        yield from ()  # nothing to decode
        row = self._row
        before = self._chain.clone() if isinstance(row, SeenRow) and not self._begun else None
        choice = self._chain.choose(row, watch)
        uncertain = isinstance(row, SeenRow) and before is not None and not is_certain(before, row, choice)
        if self._begun:
            choice = led(self._chain, choice, self._begun.popleft())
        self._chain.accept(choice.pick.token)
        return Decision(choice, row, complete=self._chain.complete, uncertain=uncertain)

    def advance(self, token: int) -> Generator[list[Feed], list[Rows], None]:
        if not self._rows:
            piece = self._known[self._fed : self._fed + _PIECE] or (token,)
            found = yield [Feed(one, piece, "all", absolute=self._absolute) for one in self._sequences]
            self._fed += len(piece)
            self._rows.extend(_joined(found))
            self._breath.taken()
        yield from self._breath.give_way()  # tokens that are known are chosen without a feed between them
        self._row = self._rows.popleft()

    def mark(self) -> Callable[[], None]:
        chain, row, lengths = self._chain.clone(), self._row, [len(one) for one in self._sequences]

        def back() -> None:
            self._chain, self._row = chain.clone(), row
            for one, length in zip(self._sequences, lengths, strict=True):
                one.rollback(length)

        return back

    def remove(self, tokens: Iterable[int]) -> None:
        self._chain.remove(tokens)

    def close(self) -> None:
        for one in self._sequences:
            one.close()


def _joined(found: list[Rows], *, last: bool = False) -> list[Float32Array]:
    """The rows of one sequence, or of two as one that has both; `last`: those after the last token alone."""
    rows = [[one.last] if last else one.each for one in found]
    return both(rows[0], rows[1] if len(rows) > 1 else ())


class _Contrastive:
    """Contrastive search: choosing appends the token as well, because the winner's fork already holds it."""

    def __init__(self, chain: Chain, settings: Settings, seed: int, begun: tuple[int, ...] = ()) -> None:
        self._chain = chain
        self._begun = deque(begun)
        self._settings = settings
        self._rolls = Rolls(seed)
        self._step = 0
        self._state: contrastive.ContrastiveState | None = None

    def start(self, tokens: tuple[int, ...]) -> Generator[list[Feed], list[Rows], int]:
        self._state = yield from contrastive.start(tokens)
        return 0

    def choose(self, watch: Watch | None) -> Generator[list[Feed], list[Rows], Decision]:
        assert self._state is not None
        row = self._state.row
        candidates = self._chain.process(row, watch)
        if self._begun:
            candidates = one_candidate(permitted(self._chain, self._begun.popleft()))
        made = yield from contrastive.choose(
            self._state, candidates, self._settings.top_k, self._settings.penalty_alpha
        )
        self._state = made.state
        token = made.terms[made.index].id
        final = one_candidate(token)
        if watch is not None:
            watch("contrastive", None, final)
        set_by = self._chain.set_by
        self._chain.accept(token)
        pick = Pick(token, 0, self._rolls[self._step])
        self._step += 1
        return Decision(Choice(pick, final, set_by=set_by), row, made.terms, self._chain.complete)

    def advance(self, _token: int) -> Generator[list[Feed], list[Rows], None]:
        yield from ()  # the winner's fork already holds the token

    def mark(self) -> Callable[[], None]:
        assert self._state is not None
        chain, state, step = self._chain.clone(), self._state, self._step
        sequence = state.sequence.fork()

        def back() -> None:
            self.close()
            self._chain, self._step = chain.clone(), step
            self._state = replace(state, sequence=sequence.fork())

        return back

    def remove(self, tokens: Iterable[int]) -> None:
        self._chain.remove(tokens)

    def close(self) -> None:
        if self._state is not None:
            self._state.sequence.close()


def search(chain: Chain, before: tuple[int, ...], row: Float32Array, watch: Watch | None = None) -> Program[Decision]:
    """One choice of contrastive search by itself: from `row`, after the tokens `before` (prompt and reply)."""
    state = yield from contrastive.start(before)
    decider = _Contrastive(chain, chain.origin.settings, chain.origin.seed)
    decider._state, decider._step = replace(state, row=row), len(chain.reply)
    try:
        return (yield from decider.choose(watch))
    finally:
        decider.close()


def make_decider(backend: Backend, prompt: Prompt, settings: Settings, seed: int) -> Decider:
    """The decider of `settings`, its looking-back stages acquainted with the prompt."""
    inner = make_bare_decider(backend, prompt, settings, seed)
    if not settings.banned_texts:
        return inner
    ending = make_ending(backend, prompt, settings)
    return Retracting(inner, ending, backend.tokenizer, settings.banned_texts, len(prompt.begun))


def make_bare_decider(backend: Backend, prompt: Prompt, settings: Settings, seed: int) -> Reversible:
    """The same, but nothing that it chooses is taken back, whatever is banned."""
    chain = make_chain(backend, prompt, settings, seed)
    if settings.mode == "contrastive":
        return _Contrastive(chain, settings, seed, prompt.begun)
    return Plain(chain, prompt.begun, negative=negative_tokens(backend, settings, prompt.tokens))


def make_ending(backend: Backend, prompt: Prompt, settings: Settings) -> Ending:
    """Where the reply ends; the longer one of two prompts leaves less room."""
    negative = negative_tokens(backend, settings, prompt.tokens)
    return Ending(backend, replace(prompt, tokens=max(prompt.tokens, negative, key=len)), settings)


def make_chain(backend: Backend, prompt: Prompt, settings: Settings, seed: int) -> Chain:
    """The chain of `settings` in the state in which a run begins."""
    check_possible(backend, settings)
    n_vocab, vocab = backend.engine.n_vocab, backend.vocab
    texts = backend.tokenizer if vocab is None else None
    chain = Chain.from_settings(
        settings,
        seed=seed,
        n_vocab=n_vocab,
        vocab=vocab,
        n_ctx=backend.n_ctx,
        texts=texts,
        thinking=backend.thinking,
        healing=prompt.healing,
    )
    chain.accept_prompt(prompt.tokens)
    return chain


class Generation:
    """The loop of one run. `program()` is what the engine runs; `emit` is called in the engine's thread with each
    step.
    """

    def __init__(
        self,
        backend: Backend,
        prompt: Prompt,
        settings: Settings,
        *,
        ledgers: bool,
        emit: Callable[[Step], None],
        decider: Decider | None = None,
    ) -> None:
        prompt = healed(backend, prompt, settings)
        check_prompt(prompt, backend.n_ctx, backend.engine.n_vocab)
        self._backend = backend
        self._emit = emit
        self._keep_ledgers = ledgers
        seed = effective_seed(settings)
        self.receipt = Receipt.of(backend, prompt, settings, seed)
        self._led = len(prompt.begun)
        self._decider = decider or make_decider(backend, prompt, settings, seed)
        self._ending = make_ending(backend, prompt, settings)
        self._completeness = CompletenessTracker(_complete_at_start(backend, settings))
        self._steps: list[Step] = []
        self._ledgers: list[Ledger] = []
        self._stop_string: str | None = None
        self._trouble: str | None = None
        self._reused = 0
        self._begin = self._first = time.perf_counter()

    def program(self) -> Program[Run]:
        """Generate; returns the run, also when cancelled."""
        self._begin = self._first = time.perf_counter()
        try:
            reason = yield from self._loop()
        except CancelledError:
            reason = "cancelled"
        except DeadEndError:
            reason = "dead_end"
        except RemoteError as error:
            if len(self._steps) <= self._led:
                raise
            reason, self._trouble = "lost", str(error)
        finally:
            self._decider.close()
        return self._finish(reason)

    def _loop(self) -> Generator[list[Feed], list[Rows], StopReason]:
        self._reused = yield from self._decider.start(self.receipt.prompt_tokens)
        while True:
            writer = LedgerWriter() if self._keep_ledgers else None
            decision = yield from self._decider.choose(writer.watch if writer else None)
            if len(self._steps) == self._led:
                self._first = time.perf_counter()
            if writer is not None:
                self._ledgers.append(writer.close(len(self._steps), decision.choice.pick, decision.contrast))
            reason = self._take(decision)
            if reason is not None:
                return reason
            yield from self._decider.advance(decision.choice.pick.token)

    def _take(self, decision: Decision) -> StopReason | None:
        """Make the step of a decision and emit it; the reason to stop, if there is one."""
        tokenizer, token = self._backend.tokenizer, decision.choice.pick.token
        taken = self._ending.take(token)
        self._stop_string = taken.stop_string
        if not tokenizer.is_eog(token):
            self._completeness.note(decision.complete, tokenizer.piece(token))
        step = _step(decision, tokenizer.piece(token), taken.text, tokenizer.piece)
        self._steps.append(step)
        self._emit(step)
        return taken.reason

    def _finish(self, reason: StopReason) -> Run:
        left = self._ending.rest() if reason in ("cancelled", "dead_end", "lost") else ""
        if left and self._steps:
            self._steps[-1] = replace(self._steps[-1], text=self._steps[-1].text + left)
        end = time.perf_counter()
        timings = Timings(
            prompt_tokens=len(self.receipt.prompt_tokens),
            reused=self._reused,
            generated=max(len(self._steps) - self._led, 0),
            prompt_seconds=self._first - self._begin,
            generation_seconds=end - self._first,
        )
        return Run(
            self.receipt,
            tuple(self._steps),
            reason,
            timings,
            self._stop_string,
            tuple(self._ledgers),
            self._backend.replayer,
            self._complete(reason),
            thought=self._thought(),
            trouble=self._trouble,
        )

    def _thought(self) -> Thought | None:
        """The part in which the reply thinks."""
        marks, piece = self._backend.thinking, self._backend.tokenizer.piece
        if marks is None:
            return None
        prompt = [piece(token) for token in self.receipt.prompt_tokens[-_PIECE:]]
        count, ended = thought(marks, prompt, [step.piece for step in self._steps])
        return Thought(count, ended, marks.start, marks.end) if count else None

    def _complete(self, reason: StopReason) -> Completeness | None:
        """Whether the text that is shown matches its grammar."""
        found, vocab = self._completeness.found, self._backend.vocab
        if found is None or reason != "stop" or vocab is None:
            return found
        tokens, text = [step.id for step in self._steps], "".join(step.text for step in self._steps)
        complete = text_is_complete(vocab, self.receipt.settings, tokens, text)
        return Completeness(complete, len(tokens) if complete else None)


def _complete_at_start(backend: Backend, settings: Settings) -> bool | None:
    """Whether a reply without any token matches the grammar; None if there is none."""
    constraint = constraint_of(settings)
    if constraint is None or backend.vocab is None:
        return None
    return constraint_stage(backend.vocab, *constraint).complete


def _step(decision: Decision, data: bytes, text: str, piece: Callable[[int], bytes]) -> Step:
    pick, candidates = decision.choice.pick, decision.choice.candidates
    raw = measure_raw(decision.row, pick.token, N_ALTERNATIVES, decision.choice.near)
    final = final_probabilities(candidates, raw.top_ids)
    return Step(
        id=pick.token,
        piece=data,
        text=text,
        p_raw=raw.p,
        p_final=float(candidates.data["p"][pick.index]) if pick.index >= 0 else 0.0,
        entropy=raw.entropy,
        rank=raw.rank,
        u=pick.u,
        n_candidates=decision.choice.n_candidates,
        set_by=decision.choice.set_by,
        alternatives=tuple(
            Alternative(token, piece(token), p_raw, p_final)
            for token, p_raw, p_final in zip(raw.top_ids, raw.top_p, final, strict=True)
        ),
        taken_back=decision.taken_back,
        unseen=decision.row.unseen if isinstance(decision.row, SeenRow) else 0.0,
        uncertain=decision.uncertain,
    )


class Stream:
    """Steps as they come. Iterate over it, then read `run`; `cancel()` stops it and `run` has what there was.

    Each step comes once: a second iteration goes on where the first one stopped. Leaving a `with` block, or an
    iteration that is broken off, cancels what is still running.
    """

    def __init__(self, backend: Backend, prompt: Prompt, settings: Settings, *, ledgers: bool = False) -> None:
        self.led: Final = len(prompt.begun)  # so many steps at the beginning were there before
        self._making = _RunMaking(backend, prompt, settings, ledgers=ledgers)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._making)

    def cancel(self) -> None:
        """Stop as soon as the present batch is done."""
        self._making.cancel()

    @property
    def receipt(self) -> Receipt:
        """The run's receipt, which is there from the beginning."""
        return self._making.receipt

    @property
    def run(self) -> Run:
        """The finished run; waits for it. Ctrl-C while waiting cancels it."""
        return self._making.result

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()


class _RunMaking(EngineMaking[Step, Run]):
    """One run, whose steps are the news."""

    def __init__(self, backend: Backend, prompt: Prompt, settings: Settings, *, ledgers: bool) -> None:
        super().__init__()
        generation = Generation(backend, prompt, settings, ledgers=ledgers, emit=self._tell)
        self.receipt: Final = generation.receipt
        self._ticket = self._submit(backend.engine, generation.program())

    def _finish(self) -> Run:
        return self._ticket.result()
