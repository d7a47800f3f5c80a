"""A walk along what a constraint allows, without a model: a reply token by token, by dice that like to finish.

So whole replies cost microseconds a token, and go to places where no model would go.
"""

from __future__ import annotations

import contextlib
import random
import zlib
from collections.abc import Iterator

import numpy as np

import tsumami
from storm.options import Options
from tsumami.native import Vocab
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.constraint import constraint_of, constraint_stage
from tsumami.settings import Settings

_LONGEST = 120  # tokens


class Walker:
    """Walks with one vocabulary."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        pieces = [vocab.piece(token) for token in range(vocab.n_tokens)]
        self._ends = np.array([vocab.is_eog(token) for token in range(vocab.n_tokens)])
        self._handy = np.array([len(piece) == 1 and piece in b'"}],0a)' for piece in pieces])

    def __call__(self, settings: Settings) -> str | None:
        """A reply that the settings' constraint calls complete; None if there was none within a while."""
        constraint = constraint_of(settings)
        if constraint is None:
            return None
        stage = constraint_stage(self._vocab, *constraint)
        dice = random.Random(zlib.crc32(constraint[1].encode()))
        said: list[int] = []
        while len(said) < _LONGEST:
            candidates = Candidates.from_row(np.zeros(self._vocab.n_tokens, np.float32))
            stage.apply(candidates)
            open_ids = candidates.data["id"][candidates.data["logit"] > -np.inf]
            ends = open_ids[self._ends[open_ids]]
            if not len(open_ids) or (len(ends) and (len(ends) == len(open_ids) or dice.random() < 0.3)):
                return self._text(said) if len(ends) or stage.complete else None
            said.append(self._choose(open_ids[~self._ends[open_ids]], dice))
            stage.accept(said[-1])
        return None

    def _choose(self, tokens: np.ndarray, dice: random.Random) -> int:
        handy = tokens[self._handy[tokens]]
        chosen = handy if len(handy) and dice.random() < 0.6 else tokens
        return int(chosen[dice.randrange(len(chosen))])

    def _text(self, tokens: list[int]) -> str | None:
        try:
            return b"".join(map(self._vocab.piece, tokens)).decode()
        except UnicodeDecodeError:
            return None


@contextlib.contextmanager
def walker(options: Options) -> Iterator[Walker]:
    """Walks with the campaign's model's vocabulary."""
    with tsumami.load(options.model, threads=1) as model:
        yield Walker(model.vocab)
