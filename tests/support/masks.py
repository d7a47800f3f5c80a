"""Which tokens a constraint allows next: ours, and llama.cpp's own grammar through its C API."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator

import llama_cpp as c
import numpy as np
import numpy.typing as npt

from tsumami.native import Vocab
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.constraint import ConstraintStage

Mask = npt.NDArray[np.bool_]


def allowed(stage: ConstraintStage, n_vocab: int) -> Mask:
    """What our stage leaves of a whole vocabulary."""
    candidates = Candidates.from_row(np.zeros(n_vocab, np.float32))
    stage.apply(candidates)
    mask = np.zeros(n_vocab, np.bool_)
    mask[candidates.data["id"][candidates.data["logit"] > -np.inf]] = True
    return mask


def read(stage: ConstraintStage, vocab: Vocab, text: str) -> bool:
    """Whether the stage lets all tokens of a text come, and then an end."""
    for token in vocab.tokenize(text.encode(), add_special=False, parse_special=False):
        if not allowed(stage, vocab.n_tokens)[token]:
            return False
        stage.accept(token)
    return stage.complete


class LlamaGrammar:
    """llama.cpp's grammar sampler."""

    def __init__(self, vocab: Vocab, text: str) -> None:
        self._n_vocab = vocab.n_tokens
        self.pointer = c.llama_sampler_init_grammar(vocab.pointer, text.encode(), b"root")
        if not self.pointer:
            raise ValueError("llama.cpp does not read this grammar")

    def allowed(self) -> Mask:
        data = (c.llama_token_data * self._n_vocab)()
        view = np.ctypeslib.as_array(data)
        view["id"] = np.arange(self._n_vocab)
        array = c.llama_token_data_array(data, self._n_vocab, -1, False)
        c.llama_sampler_apply(self.pointer, ctypes.byref(array))
        mask = np.zeros(self._n_vocab, np.bool_)
        mask[view["id"][view["logit"] > -np.inf]] = True
        return mask

    def accept(self, token: int) -> None:
        c.llama_sampler_accept(self.pointer, token)

    def close(self) -> None:
        c.llama_sampler_free(self.pointer)


def differences(stage: ConstraintStage, theirs: LlamaGrammar, vocab: Vocab, text: bytes) -> Iterator[tuple[int, int]]:
    """The places of a text (its tokens taken one by one) and the tokens of which one side thinks otherwise. Control
    tokens are left out: llama.cpp lets them stand for the text of their names, we never do.
    """
    marks = np.array([vocab.is_control(token) and not vocab.is_eog(token) for token in range(vocab.n_tokens)])
    for place, token in enumerate([*vocab.tokenize(text, add_special=False, parse_special=False), None]):
        for different in np.flatnonzero((allowed(stage, vocab.n_tokens) != theirs.allowed()) & ~marks):
            yield place, int(different)
        if token is not None:
            stage.accept(token)
            theirs.accept(token)


def wander(stage: ConstraintStage, vocab: Vocab, dice: random.Random, most: int = 200) -> bytes | None:
    """A reply that the stage calls complete, token by token at random; None if there was none within `most`."""
    said = b""
    for _ in range(most):
        if stage.complete and dice.random() < 0.5:
            return said
        tokens = np.flatnonzero(allowed(stage, vocab.n_tokens))
        drawn = [int(tokens[dice.randrange(len(tokens))]) for _ in range(9 * bool(len(tokens)))]
        token = next((one for one in drawn if not vocab.is_eog(one)), None)
        if token is None:
            return said if stage.complete else None
        said += vocab.piece(token)
        stage.accept(token)
    return None
