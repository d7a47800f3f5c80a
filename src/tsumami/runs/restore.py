"""Restore: a run from its receipt and its tokens, as a chat keeps them.

Guarantee: on an exact engine the run is the one that was generated, step for step and bit for bit (only its timings are
those of the restoring), from one batched pass over the tokens. A token that does not come out again is a RunFileError.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from tsumami.engine import Feed, Rows
from tsumami.errors import RunFileError
from tsumami.runs.backend import Backend
from tsumami.runs.decision import Decider, Decision, UpTo
from tsumami.runs.files import receipt_from
from tsumami.runs.generate import Generation, Plain, make_chain, make_decider
from tsumami.runs.guiding import negative_tokens
from tsumami.runs.replay import check_run, mismatch
from tsumami.runs.run import Run
from tsumami.runs.values import Receipt
from tsumami.sampling.chain import Watch


def restore(backend: Backend, receipt: Receipt, tokens: tuple[int, ...]) -> Run:
    """The run with this receipt that chose these tokens; if nothing else ended it there, it was cancelled.

    Raises:
        RunFileError: another model, or a token that does not come out again.
    """
    check_run(backend, receipt, tokens)
    settings = receipt.settings.replace(seed=receipt.seed)
    if settings.mode == "contrastive" or settings.banned_texts:  # these have to be chosen again one by one
        inner = make_decider(backend, receipt.to_prompt(), settings, receipt.seed)
    else:
        chain = make_chain(backend, receipt.to_prompt(), settings, receipt.seed)
        negative = negative_tokens(backend, settings, receipt.prompt_tokens)
        inner = Plain(chain, receipt.begun, tokens, negative)
    following = _Following(inner, tokens)
    made = Generation(backend, receipt.to_prompt(), settings, ledgers=False, emit=_nobody_waits, decider=following)
    return replace(backend.engine.run(made.program()), receipt=receipt)


def restore_json(backend: Backend, values: Mapping[str, Any]) -> Run:
    """As `restore`, from a receipt as plain values with the tokens as `reply_tokens`: what the chat page saves.

    Raises:
        RunFileError: a field is missing or does not fit, or as `restore`.
    """
    receipt = dict(values)
    tokens = receipt.pop("reply_tokens", None)
    receipt.pop("completeness", None)  # which comes out again
    if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
        raise RunFileError(
            "this is not a receipt with its reply: a list of token ids `reply_tokens` is expected"
        ).in_japanese("返事のついたレシートではありません。トークン ID のリスト `reply_tokens` があるはずです")
    return restore(backend, receipt_from(receipt), tuple(tokens))


def _nobody_waits(_: object) -> None:
    """The steps are wanted all at once."""


class _Following(UpTo):
    """Its choices are known: each must come out again."""

    def __init__(self, inner: Decider, tokens: tuple[int, ...]) -> None:
        super().__init__(inner, len(tokens))
        self._tokens = tokens

    def choose(self, watch: Watch | None) -> Generator[list[Feed], list[Rows], Decision]:
        place = len(self._tokens) - self._left
        decision = yield from super().choose(watch)
        if decision.choice.pick.token != self._tokens[place]:
            raise mismatch(place)
        return decision
