"""The model that is served, as callers see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tsumami.model import Model
from tsumami.models import resolve
from tsumami.runs.backend import Backend

__all__ = ["Served", "file_name", "served"]


@dataclass(frozen=True, slots=True)
class Served:
    """What routes need of a model. file: the name of its file, without a path; template: its chat template; bos, eos:
    the texts of these tokens, "" if it has none; facts: sizes, for whoever lists models; longest_piece: bytes of the
    longest token.
    """

    backend: Backend
    name: str
    file: str = ""
    template: str | None = None
    bos: str = ""
    eos: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    longest_piece: Callable[[], int] = lambda: 64


def file_name(model: Model, name: str) -> str:
    """The name of the file of a model that was loaded by this name, without a path; of one elsewhere its name there."""
    return model.name if model.model_card.elsewhere else resolve(name).path.name


def served(model: Model, file: str) -> Served:
    """A loaded model, to be served. file: the name of its file."""
    card, vocab = model.model_card, model.tokenizer
    bos, eos = ("" if one is None else model.detokenize([one]) for one in (vocab.bos, vocab.eos))
    facts = {
        "n_vocab": vocab.n_tokens,
        "n_ctx": model.n_ctx,
        **({} if card.elsewhere else {"n_ctx_train": model.shape.n_ctx_train, "n_embd": model.shape.n_embd}),
        "n_params": card.n_params,
        "size": card.size,
        "ftype": card.quantization,
    }
    return Served(model, model.name, file, model.chat_template, bos, eos, facts, lambda: model.tokenizer.longest_piece)
