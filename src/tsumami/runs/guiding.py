"""Guiding: the second sequence of guidance, which has the negative prompt and the same reply.

Guarantee: without guidance there is none, and nothing is fed for it. Without a negative prompt it begins with the
prompt's last token alone, as in transformers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tsumami.engine import Feed, Program
from tsumami.engine import Sequence as Branch
from tsumami.errors import PromptTooLongError
from tsumami.native import Float32Array
from tsumami.runs.backend import Backend
from tsumami.runs.tokenizing import special_tokens
from tsumami.sampling.building import is_there
from tsumami.sampling.guidance import GuidedRow
from tsumami.settings import Settings
from tsumami.wording import counted

__all__ = ["both", "guided_rows", "negative_tokens"]


def negative_tokens(backend: Backend, settings: Settings, prompt: tuple[int, ...]) -> tuple[int, ...]:
    """What the second sequence begins with; () where there is none.

    Raises:
        PromptTooLongError: it leaves no room for a reply.
    """
    if not is_there("guidance", settings):
        return ()
    text = settings.negative_prompt
    tokens = tuple(special_tokens(backend.tokenizer, text)) if text else prompt[-1:]
    if len(tokens) >= backend.n_ctx:
        raise PromptTooLongError(
            f"the negative prompt has {counted(len(tokens), 'token')}; {backend.n_ctx - 1:,} fit into a context of "
            f"{backend.n_ctx:,} with one to answer. Shorten it, or load the model with a larger n_ctx"
        ).in_japanese(
            f"ネガティブプロンプトは {len(tokens)} トークンですが、答え 1 トークン分を除くと、"
            f"{backend.n_ctx:,} のコンテキストに入るのは {backend.n_ctx - 1:,} "
            "です。短くするか、n_ctx を大きくして読み込んでください"
        )
    return tokens


def both(rows: Iterable[Float32Array], others: Sequence[Float32Array]) -> list[Float32Array]:
    """Rows with those of the second sequence, as many as there are of these."""
    if not len(others):
        return list(rows)
    return [GuidedRow.of(row, other) for row, other in zip(rows, others, strict=True)]


def guided_rows(
    backend: Backend, settings: Settings, prompt: tuple[int, ...], reply: tuple[int, ...], rows: Sequence[Float32Array]
) -> list[Float32Array]:
    """The rows after a prompt and after each token of a reply, as a chain of these settings wants them."""
    negative = negative_tokens(backend, settings, prompt)
    return both(rows, backend.engine.run(_others(negative, reply)) if negative else ())


def _others(negative: tuple[int, ...], reply: tuple[int, ...]) -> Program[list[Float32Array]]:
    with Branch() as branch:
        (rows,) = yield [Feed(branch, negative)]
        made = [np.asarray(rows.last)]
        if reply:
            (rows,) = yield [Feed(branch, reply, rows="all")]
            made += list(rows.logits)
        return made
