"""Contrastive search: of the k likeliest tokens, the one that is likely and unlike what has been said.

score(v) = (1 - alpha) · p(v | x) - alpha · max_j cos(h_v, h_j), the largest wins; p is the softmax of the processed
logits over the whole vocabulary, h_v the hidden state after the final norm with v appended, h_j those of all tokens so
far, prompt and BOS included. Nothing is rolled.

Source: Su et al. 2022, A Contrastive Framework for Neural Text Generation, https://arxiv.org/abs/2202.06417; as in
Hugging Face transformers 4.55 (`_contrastive_search`) and Bumblebee. The k candidates are forks, decoded in one batch.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsumami.engine import Feed, Rows, Sequence
from tsumami.errors import EngineError
from tsumami.native import Float32Array
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.ledger import ContrastiveTerm

_PROMPT_PIECE = 64  # prompt tokens per feed: every one of them is an output, a whole row of logits


@dataclass(slots=True)
class ContrastiveState:
    """The branch so far, its unit hidden states (n, n_embd), and the logits after it (n_vocab,)."""

    sequence: Sequence
    hidden: Float32Array
    row: Float32Array


@dataclass(frozen=True, slots=True)
class ContrastiveChoice:
    """The winner's place among the candidates, every candidate's terms, and the state with the winner appended."""

    index: int
    terms: tuple[ContrastiveTerm, ...]
    state: ContrastiveState


def start(tokens: tuple[int, ...]) -> Generator[list[Feed], list[Rows], ContrastiveState]:
    """Feed the prompt with hidden states; nothing can be reused, because hidden states are not cached."""
    sequence = Sequence()
    hidden = []
    row = np.empty(0, np.float32)
    for begin in range(0, len(tokens), _PROMPT_PIECE):
        piece = tokens[begin : begin + _PROMPT_PIECE]
        (rows,) = yield [Feed(sequence, piece, rows="all", hidden=True)]
        if rows.hidden is None:
            raise EngineError(
                "contrastive search needs hidden states, and this model hands out none; set penalty_alpha to 0"
            ).in_japanese(
                "コントラスティブサーチには隠れ状態が要りますが、このモデルは渡してくれません。"
                "penalty_alpha を 0 にしてください"
            )
        hidden.append(rows.hidden)
        row = rows.last
    return ContrastiveState(sequence, _unit(np.concatenate(hidden)), row)


def choose(
    state: ContrastiveState, candidates: Candidates, k: int, alpha: float
) -> Generator[list[Feed], list[Rows], ContrastiveChoice]:
    """Try the k likeliest of the processed `candidates` and choose; their order in the result is by probability."""
    probs = candidates.probs()
    order = np.lexsort((candidates.ids, -probs))[:k]
    order = order[probs[order] > 0]
    ids, confidence = candidates.ids[order], probs[order]
    forks = [state.sequence.fork() for _ in ids]
    results = yield [Feed(fork, [int(token)], hidden=True) for fork, token in zip(forks, ids, strict=True)]
    hidden = _unit(np.concatenate([rows.hidden for rows in results if rows.hidden is not None]))
    penalty = (hidden @ state.hidden.T).max(axis=1).astype(np.float64)
    score = (1 - alpha) * confidence - alpha * penalty
    best = int(np.argmax(score))
    for i, fork in enumerate(forks):
        if i != best:
            fork.close()
    state.sequence.close()
    grown = np.concatenate([state.hidden, hidden[best : best + 1]])
    terms = tuple(
        ContrastiveTerm(int(ids[i]), float(confidence[i]), float(penalty[i]), float(score[i])) for i in range(len(ids))
    )
    return ContrastiveChoice(best, terms, ContrastiveState(forks[best], grown, results[best].last))


def _unit(states: Float32Array) -> Float32Array:
    """Rows of length 1, so that a dot product is a cosine; a zero row stays zero."""
    norms: npt.NDArray[np.float32] = np.linalg.norm(states, axis=1, keepdims=True)
    return np.asarray(states / np.where(norms > 0, norms, 1), np.float32)
