"""Replay: the logits and ledgers of a run, computed again from its tokens in one batched pass.

Guarantee: on an exact engine the logits come back bit for bit, so every ledger is the one that generation would have
written. A replayed token that is not the run's token is a RunFileError: another model, another build, or an edited
file.

    rows     what the model said before each token; for those who ask what another chain would have made of it
    replay   the ledgers of the run's own chain
    Replay   both, and the chains, as a model gives them to its runs
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from tsumami.engine import Feed, Program, Sequence, first_outside
from tsumami.errors import RunFileError
from tsumami.native import Float32Array
from tsumami.runs.backend import Backend
from tsumami.runs.decision import Decision, Reversible
from tsumami.runs.generate import Plain, make_bare_decider, make_chain, search
from tsumami.runs.guiding import both, negative_tokens
from tsumami.runs.run import Run
from tsumami.runs.values import Receipt
from tsumami.sampling import Chain, DeadEndError, Ledger, LedgerWriter
from tsumami.sampling.chain import Watch
from tsumami.stopping import check_wanted

_PIECE: Final = 64  # rows of logits that are in memory at once


def rows(backend: Backend, run: Run, start: int = 0, stop: int | None = None) -> Iterator[Float32Array]:
    """The logits that tokens start .. stop of `run` (as in a slice) were chosen from: one row (n_vocab,) each.

    They are computed as they are asked for, `_PIECE` at a time.

    Raises:
        RunFileError: the run was made by another model, or holds tokens that this one does not have.
    """
    check_run(backend, run.receipt, run.tokens)
    start, stop, _ = slice(start, stop).indices(len(run.steps))
    prompt = run.receipt.prompt_tokens
    prompts = [one for one in (prompt, negative_tokens(backend, run.settings, prompt)) if one]
    with ExitStack() as stack:
        sequences = [stack.enter_context(Sequence()) for _ in prompts]
        for begin in range(start, stop, _PIECE):
            end = min(begin + _PIECE, stop)
            found = [
                backend.engine.run(_piece(sequence, (*one, *run.tokens), len(one) - 1 + begin, len(one) - 1 + end))
                for sequence, one in zip(sequences, prompts, strict=True)
            ]  # the row of token i comes after the last of the prompt and i more
            for row in both(found[0], *found[1:] or ((),)):
                check_wanted()
                yield row


def _piece(sequence: Sequence, tokens: tuple[int, ...], begin: int, end: int) -> Program[Float32Array]:
    """Rows after tokens begin .. end, on a sequence that already holds some of those before."""
    feeds = [Feed(sequence, tokens[begin:end], rows="all")]
    if len(sequence) < begin:
        yield [Feed(sequence, tokens[len(sequence) : begin], rows="none")]
    (got,) = yield feeds
    return got.logits


def replay(backend: Backend, run: Run, start: int, stop: int) -> list[Ledger]:
    """Ledgers of tokens start .. stop of `run` (0 <= start <= stop <= its length) on the model that made it.

    Raises:
        RunFileError: this model's tokens are not the run's.
    """
    check_run(backend, run.receipt, run.tokens)
    receipt = run.receipt
    if run.settings.mode == "contrastive":  # the candidates' hidden states are needed again, so the search runs again
        decider = make_bare_decider(backend, receipt.to_prompt(), receipt.settings, receipt.seed)
    else:
        chain = make_chain(backend, receipt.to_prompt(), receipt.settings, receipt.seed)
        negative = negative_tokens(backend, receipt.settings, receipt.prompt_tokens)
        decider = Plain(chain, receipt.begun, run.tokens[: stop - 1], negative)
    return backend.engine.run(_replay(decider, run, start, stop))


class Replay:
    """What a model gives to its runs (`runs.run.Replayer`)."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def ledgers(self, run: Run, start: int, stop: int) -> list[Ledger]:
        return replay(self._backend, run, start, stop)

    def rows(self, run: Run, start: int = 0, stop: int | None = None) -> Iterator[Float32Array]:
        return rows(self._backend, run, start, stop)

    def chain(self, run: Run, index: int = 0) -> Chain:
        """The run's own chain, ready to choose token `index`. One that remembers logits chooses everything before."""
        check_run(self._backend, run.receipt, run.tokens)
        receipt = run.receipt
        chain = make_chain(self._backend, receipt.to_prompt(), receipt.settings, receipt.seed)
        if not chain.remembers_rows:
            chain.follow(run.tokens[:index])
        for place, row in enumerate(self.rows(run, 0, index) if chain.remembers_rows else ()):
            token = run.tokens[place]
            chain.remove(run.steps[place].removed)
            if chain.choose(row).pick.token != token and place >= len(receipt.begun):
                raise mismatch(place)
            chain.accept(token)
        chain.remove(removed_at(run, index))
        return chain

    def choose(self, run: Run, index: int, chain: Chain, row: Float32Array, watch: Watch | None = None) -> Decision:
        check_wanted()
        if chain.origin.settings.mode != "contrastive":
            return Decision(chain.choose(row, watch), row)
        before = (*run.receipt.prompt_tokens, *run.tokens[:index])
        return self._backend.engine.run(search(chain.clone(), before, row, watch))

    def piece(self, token: int) -> bytes:
        return self._backend.tokenizer.piece(token)


def check_run(backend: Backend, receipt: Receipt, tokens: tuple[int, ...]) -> None:
    """Whether this model can have made that run.

    The chain looks at the prompt before the engine does, so ids that do not exist must be found here.

    Raises:
        RunFileError: other weights, or tokens that they do not have.
    """
    theirs, ours, n_vocab = receipt.model, backend.model_card, backend.engine.n_vocab
    if theirs.fingerprint != ours.fingerprint:
        raise RunFileError(
            f"this run was made with {theirs.full_name} (sha256 {theirs.fingerprint[:12]}…), not with {ours.full_name} "
            f"({ours.fingerprint[:12]}…)"
        ).in_japanese(
            f"この実行は {theirs.full_name}（sha256 {theirs.fingerprint[:12]}…）"
            f"で作られたもので、{ours.full_name}（{ours.fingerprint[:12]}…）"
            "ではありません"
        )
    for name, ids in (
        ("prompt_tokens", receipt.prompt_tokens),
        ("begun", receipt.begun),
        ("steps", tokens),
    ):
        bad = first_outside(ids, n_vocab)
        if bad is not None:
            raise RunFileError(
                f"{name}.{bad}: token {ids[bad]} is not in this vocabulary (0..{n_vocab - 1})"
            ).in_japanese(f"{name}.{bad}: トークン {ids[bad]} はこの語彙（0〜{n_vocab - 1}）にありません")


def removed_at(run: Run, index: int) -> frozenset[int]:
    """The tokens that were no candidates any more where token number `index` was chosen, as each began a banned text;
    none behind the end.
    """
    return run.steps[index].removed if index < len(run.steps) else frozenset()


def _replay(decider: Reversible, run: Run, start: int, stop: int) -> Program[list[Ledger]]:
    """Choose every token again; each must be the run's."""
    ledgers: list[Ledger] = []
    try:
        yield from decider.start(run.receipt.prompt_tokens)
        for index, token in enumerate(run.tokens[:stop]):
            if index:
                yield from decider.advance(run.tokens[index - 1])
            writer = LedgerWriter()
            decider.remove(run.steps[index].removed)
            try:
                decision = yield from decider.choose(writer.watch if index >= start else None)
            except DeadEndError as error:
                raise mismatch(index) from error
            pick = decision.choice.pick
            if pick.token != token:
                raise mismatch(index)
            if index >= start:
                ledgers.append(writer.close(index, pick, decision.contrast))
    finally:
        decider.close()
    return ledgers


def mismatch(index: int) -> RunFileError:
    """What to say when token number `index` is not the run's."""
    return RunFileError(
        f"token {index} does not come out again: the run was made by another build or without exactness, or the file "
        "was edited; `tsumami verify` says which"
    ).in_japanese(
        f"トークン {index} がもう一度は出ません。実行が別のビルドか exact "
        "ではない状態で作られたか、ファイルが書き換えられました。どれかは "
        "tsumami verify でわかります"
    )
