"""A prompt as the model gets it, and whether a run can start from it.

Guarantee: whoever starts something from a prompt refuses the same prompts with the same words.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tsumami.engine import Notice, first_outside
from tsumami.errors import EmptyPromptError, PromptError, PromptTooLongError
from tsumami.wording import counted

__all__ = ["Prompt", "check_prompt"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as the model gets it: the text, its tokens, and the name of the format that made it.

    `begun`: tokens that the reply is made to begin with, whatever the chain would choose (a branch, say). They are
    steps of the run like all others: stages take note of them, and each lets its roll pass.

    `parse_special`: the names of special tokens were read in what people wrote, too, not only in what the format did.
    `healing`: the end of the text for which there are no tokens here: the reply begins with it, unseen (healing.py).
    `notices`: what llama.cpp said when it made tokens of the text.
    """

    text: str
    tokens: tuple[int, ...]
    template: str = "raw"
    begun: tuple[int, ...] = ()
    parse_special: bool = True
    healing: bytes = b""
    notices: tuple[Notice, ...] = field(default=(), compare=False)


def check_prompt(prompt: Prompt, n_ctx: int, n_vocab: int, *, answers: bool = True) -> None:
    """Refuse a prompt that no run can start from. `answers` False: it is only looked at, so it may fill the context.

    Raises:
        PromptError: it is empty, too long for the context, or holds a token that the model does not have.
    """
    if not prompt.tokens:
        raise EmptyPromptError
    if not answers and len(prompt.tokens) > n_ctx:
        raise PromptTooLongError(
            f"the prompt has {counted(len(prompt.tokens), 'token')}; the context has {n_ctx:,}"
        ).in_japanese(f"プロンプトは {len(prompt.tokens):,} トークン、コンテキストは {n_ctx:,} トークンです。")
    if answers and len(prompt.tokens) >= n_ctx:
        raise PromptTooLongError(
            f"the prompt has {counted(len(prompt.tokens), 'token')}; {n_ctx - 1:,} fit into a context of {n_ctx:,} "
            "with one to answer. Shorten it, or load the model with a larger n_ctx"
        ).in_japanese(
            f"プロンプトは {len(prompt.tokens):,} トークンですが、コンテキスト({n_ctx:,} トークン)には、"
            f"返事の 1 トークンを残して {n_ctx - 1:,} トークンまで入ります。"
            "短くするか、n_ctx を大きくしてモデルを読み込み直してください。"
        )
    for place, tokens in (("prompt", prompt.tokens), ("beginning of the reply", prompt.begun)):
        bad = first_outside(tokens, n_vocab)  # the chain looks at the prompt before the engine does
        if bad is not None:
            raise PromptError(
                f"token {bad} of the {place} has id {tokens[bad]}; this vocabulary has 0..{n_vocab - 1}"
            ).in_japanese(
                f"{place} の {bad} 番目のトークンの id が {tokens[bad]} ですが、この語彙は 0〜{n_vocab - 1} です"
            )
