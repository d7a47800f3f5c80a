"""Replay: the ledgers of a run, computed again from its tokens in one batched pass.

Guarantee: on an exact engine the logits come back bit for bit, so every ledger is the one that generation would have
written. A replayed token that is not the run's token is a RunFileError: another model, another build, or an edited
file.
"""

from __future__ import annotations

from collections.abc import Generator

from tsumami.engine.batcher import Program
from tsumami.engine.sequence import Feed, Rows, Sequence
from tsumami.errors import RunFileError
from tsumami.native import Float32Array
from tsumami.runs.backend import Backend
from tsumami.runs.generate import make_chain, make_decider
from tsumami.runs.run import Run
from tsumami.sampling import DeadEndError, Ledger, LedgerWriter

_PIECE = 64  # rows of logits that are in memory at once


def rows_of(prompt: tuple[int, ...], reply: tuple[int, ...]) -> Generator[list[Feed], list[Rows], list[Float32Array]]:
    """Part of a program: the row of logits before each token of `reply`."""
    rows: list[Float32Array] = []
    with Sequence() as sequence:
        (first,) = yield [Feed(sequence, prompt)]
        rows.append(first.last)
        for begin in range(0, len(reply) - 1, _PIECE):
            (got,) = yield [Feed(sequence, reply[begin : min(begin + _PIECE, len(reply) - 1)], rows="all")]
            rows.extend(got.logits)
    return rows[: len(reply)]


def replay(backend: Backend, run: Run, start: int, stop: int) -> list[Ledger]:
    """Ledgers of tokens start .. stop of `run` (0 <= start <= stop <= its length) on the model that made it.

    Raises:
        RunFileError: this model's tokens are not the run's.
    """
    _check_model(backend, run)
    _check_tokens(run, backend.engine.n_vocab)
    if run.settings.mode == "contrastive":
        return backend.engine.run(_replay_contrastive(backend, run, start, stop))
    return backend.engine.run(_replay_chain(backend, run, start, stop))


def _check_model(backend: Backend, run: Run) -> None:
    theirs, ours = run.receipt.model, backend.model_card
    if theirs.fingerprint != ours.fingerprint:
        raise RunFileError(
            f"this run was made with {theirs.name} (sha256 {theirs.fingerprint[:12]}…), not with {ours.name} "
            f"({ours.fingerprint[:12]}…)"
        )


def _check_tokens(run: Run, n_vocab: int) -> None:
    """The whole run is fed before a choice is compared, and one id that does not exist would fail the shared batch."""
    for name, tokens in (("prompt_tokens", run.receipt.prompt_tokens), ("steps", run.tokens)):
        for index, token in enumerate(tokens):
            if not 0 <= token < n_vocab:
                raise RunFileError(f"{name}.{index}: token {token} is not in this vocabulary (0..{n_vocab - 1})")


def _replay_chain(backend: Backend, run: Run, start: int, stop: int) -> Program[list[Ledger]]:
    receipt = run.receipt
    chain = make_chain(backend, receipt.prompt_tokens, receipt.settings, receipt.seed)
    rows = yield from rows_of(receipt.prompt_tokens, run.tokens[:stop])
    ledgers = []
    for index, (row, token) in enumerate(zip(rows, run.tokens, strict=False)):
        writer = LedgerWriter()
        try:
            pick = chain.choose(row, writer.watch if index >= start else None).pick
        except DeadEndError as error:
            raise _mismatch(index) from error
        if pick.token != token:
            raise _mismatch(index)
        chain.accept(token)
        if index >= start:
            ledgers.append(writer.close(index, pick))
    return ledgers


def _replay_contrastive(backend: Backend, run: Run, start: int, stop: int) -> Program[list[Ledger]]:
    """The candidates' hidden states are needed again, so the search itself runs again."""
    decider = make_decider(backend, run.receipt.prompt_tokens, run.settings, run.receipt.seed)
    ledgers = []
    try:
        yield from decider.start(run.receipt.prompt_tokens)
        for index, token in enumerate(run.tokens[:stop]):
            writer = LedgerWriter()
            try:
                decision = yield from decider.choose(writer.watch if index >= start else None)
            except DeadEndError as error:
                raise _mismatch(index) from error
            if decision.choice.pick.token != token:
                raise _mismatch(index)
            if index >= start:
                ledgers.append(writer.close(index, decision.choice.pick, decision.contrast))
    finally:
        decider.close()
    return ledgers


def _mismatch(index: int) -> RunFileError:
    return RunFileError(
        f"token {index} does not come out again: the run was made by another build or without exactness, or the file "
        "was edited; `tsumami verify` says which"
    )
