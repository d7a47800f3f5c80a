"""What an engine elsewhere can do, as it was found by asking it.

Guarantee: nothing in a record is assumed of a kind of server; each field was read from an answer of this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Capabilities", "lacks"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The capability record of one engine.

    token_ids: prompts and answers by token id, not as text only.
    probabilities: `raw` (the model's own), `processed` (after its sampler), `none`.
    absolute: whether the logits themselves can be had, not only their differences (`repeat_penalty` needs them).
    n_probs: how many tokens of a row are asked for; of `n_vocab`, if that is told.
    prompt_rows: whether rows of prompt tokens come without a request each.
    tokenize, template: whether it makes tokens of texts, and tells its chat template.
    seeds: whether it takes a seed.
    cancel: whether a request ends when its connection does.
    slots: how many requests it works on at once.
    context: tokens that one request may have.
    """

    token_ids: bool
    probabilities: Literal["raw", "processed", "none"]
    absolute: bool
    n_probs: int
    n_vocab: int | None
    prompt_rows: bool
    tokenize: bool
    template: bool
    seeds: bool
    cancel: bool
    slots: int
    context: int

    @property
    def full(self) -> bool:
        """Whether our chain can choose here, token by token."""
        return self.token_ids and self.probabilities == "raw" and self.tokenize

    @property
    def whole(self) -> bool:
        """Whether rows come whole, so that nothing of them is unseen."""
        return self.n_vocab is not None and self.n_probs >= self.n_vocab


_REST: Mapping[str, tuple[str, str]] = {
    "guidance_scale": (
        "このエンジンが知らせるのは上位のトークンだけなので、2 つの行を比べられません",
        "this engine tells only its likeliest tokens, so two rows cannot be held against each other",
    ),
    "top_n_sigma": (
        "このエンジンが知らせるのは上位のトークンだけなので、ロジットの標準偏差がわかりません",
        "this engine tells only its likeliest tokens, so the standard deviation of its logits is not known",
    ),
}
_HIDDEN: Mapping[str, tuple[str, str]] = {
    "penalty_alpha": (
        "ほかの場所で動くエンジンは隠れ状態を知らせません",
        "an engine elsewhere tells no hidden states",
    ),
}
_GRAMMAR: Mapping[str, tuple[str, str]] = dict.fromkeys(
    ("grammar", "json_schema", "regex"),
    (
        "文法には、この場所にあるモデルの語彙が要ります",
        "a grammar needs the vocabulary of a model that is here",
    ),
)
_ABSOLUTE: Mapping[str, tuple[str, str]] = {
    "repeat_penalty": (
        "このエンジンが知らせるのは確率だけで、ロジットのゼロの位置がわかりません（frequency_penalty は使えます）",
        "this engine tells probabilities, and so not where the zero of its logits is (frequency_penalty works)",
    ),
}


def lacks(record: Capabilities, *, vocabulary: bool = False) -> Mapping[str, tuple[str, str]]:
    """The knobs that cannot be used on such an engine, each with the reason in ja and en. `vocabulary`: the model's is
    on this machine.
    """
    return {
        **_HIDDEN,
        **({} if vocabulary else _GRAMMAR),
        **({} if record.whole else _REST),
        **({} if record.absolute else _ABSOLUTE),
    }
