"""Sentences that hold numbers: what a line, a trial, a model or a parting says in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence

from tsumami.course.inside import CausalTrial
from tsumami.course.timing import Fit
from tsumami.course.words import Words
from tsumami.knobs.stages import ROLLING
from tsumami.model import Model
from tsumami.models import catalogue
from tsumami.runs import Run


def fit_sentence(line: Fit, words: Words) -> str:
    """The line through measured times, in words."""
    return words(
        "time.fit",
        start=f"{line.start:.3f}",
        per_token=f"{line.per_token:.4f}",
        per_second=f"{line.tokens_per_second:.1f}",
        r2=f"{line.r2:.3f}",
    )


def trial_sentence(trial: CausalTrial, words: Words) -> str:
    """What became of the logits when text was put behind them."""
    return words("inside.tried", n=trial.n_positions, logits=f"{trial.n_logits:,}", change=f"{trial.largest_change:g}")


def facts(model: Model, words: Words) -> str:
    """How large the model's parts are."""
    shape = model.shape
    return words(
        "inside.facts",
        params=f"{shape.n_params:,}",
        layers=shape.n_layer,
        heads=shape.n_head,
        heads_kv=shape.n_head_kv,
        embd=f"{shape.n_embd:,}",
        vocab=f"{shape.n_vocab:,}",
        ctx=f"{shape.n_ctx_train:,}",
    )


def where_they_part(runs: Sequence[Run], words: Words) -> str:
    """From which token on runs of different prompts differ, and on which roll."""
    columns = enumerate(zip(*(run.tokens for run in runs), strict=False))
    first = next((index for index, tokens in columns if len(set(tokens)) > 1), None)
    if first is None and len({len(run.steps) for run in runs}) > 1:
        first = min(len(run.steps) for run in runs)
    if first is None:
        return words("prompts.same")
    rolled = (run.steps[first].u for run in runs if first < len(run.steps) and run.settings.mode in ROLLING)
    roll = next(rolled, None)
    if roll is None:
        return words("prompts.part_without_roll", step=first + 1)
    return words("prompts.part", step=first + 1, u=f"{roll:.4f}")


def models_here() -> list[str]:
    """Names of the known models that are on this machine."""
    return [entry.name for entry in catalogue() if entry.here]
