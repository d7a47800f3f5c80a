"""A scripted model without a plan: its logits are dice, thrown by the tokens so far, so that runs with other rolls or
other tokens part at once.
"""

from __future__ import annotations

import zlib

import numpy as np

from tsumami.native import Float32Array
from tsumami.testing import ByteTokenizer, ScriptedModel

#: Half characters, so that runs stop within one, and letters.
WORDS = ("光".encode()[:2], "光".encode()[2:], "こ", "で", "ab", "c", "。")


def dicey(n_ctx: int = 512) -> ScriptedModel:
    """A model that says some of `WORDS`."""
    tokenizer = ByteTokenizer(WORDS)
    first = tokenizer.n_tokens - len(WORDS)

    def script(tokens: tuple[int, ...]) -> Float32Array:
        row = np.full(tokenizer.n_tokens, -20, np.float32)
        dice = np.random.default_rng(zlib.crc32(repr(tokens[-40:]).encode()))
        row[first:] = dice.normal(0, 2, len(WORDS))
        if tokens[-1] == first:
            row[first + 1] = 20  # the rest of the character, so that what is said is text
        row[first + 1] -= 0 if tokens[-1] == first else 40
        return row

    return ScriptedModel(script, tokenizer, n_ctx=n_ctx)
