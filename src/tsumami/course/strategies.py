"""Strategies: one prompt, one seed, eight ways to choose; and variants of a prompt under one setting.

Guarantee: a strategy changes nothing but what it is named for: everything else is neutral, so what differs is its work.
All of them get the same seed, so token t of each is chosen by the same roll.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from tsumami import presets
from tsumami.errors import SettingsError
from tsumami.model import Model
from tsumami.runs import Run
from tsumami.settings import Settings

#: The knobs of each strategy, on top of the neutral preset.
STRATEGIES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "greedy": {"temperature": 0.0},
        "low_temperature": {"temperature": 0.7},
        "sampling": {"temperature": 1.1},
        "top_k": {"top_k": 40},
        "nucleus": {"top_p": 0.9},
        "min_p": {"min_p": 0.1},
        "mirostat": {"mirostat_mode": 2, "mirostat_tau": 3.0},
        "contrastive": {"top_k": 40, "penalty_alpha": 0.6},
    }
)

N_TOKENS: Final = 40


def strategy_settings(name: str, *, seed: int = 0, max_tokens: int = N_TOKENS) -> Settings:
    """The settings of a strategy by its name in `STRATEGIES`.

    Raises:
        SettingsError: no strategy has this name.
    """
    if name not in STRATEGIES:
        raise SettingsError(f"no strategy is called {name!r}; the strategies are: {', '.join(STRATEGIES)}").in_japanese(
            f"{name!r} という選び方はありません。あるのは {', '.join(STRATEGIES)} です"
        )
    return presets.get("neutral").apply().replace(**STRATEGIES[name], seed=seed, max_tokens=max_tokens)


def run_strategy(model: Model, prompt: str, name: str, *, seed: int = 0, max_tokens: int = N_TOKENS) -> Run:
    """Generate with one strategy.

    Raises:
        SettingsError: no strategy has this name.
        PromptError: an empty or too long prompt.
        EngineError: contrastive search on a model that hands out no hidden states.
    """
    return model.run(prompt, strategy_settings(name, seed=seed, max_tokens=max_tokens))


def contrast_table(model: Model, run: Run, step: int) -> pd.DataFrame:
    """The two terms of contrastive search at step number `step`, from searching there once more: columns id, piece,
    confidence, penalty, score, chosen; best first.

    Raises:
        SettingsError: the run was made in another way.
        IndexError: no such token.
    """
    if run.settings.mode != "contrastive":
        raise SettingsError(
            "only contrastive search has these terms; set penalty_alpha above 0 and top_k above 1"
        ).in_japanese(
            "この数値があるのはコントラスティブサーチだけです。penalty_alpha "
            "を 0 より大きく、top_k を 2 以上にしてください"
        )
    if not 0 <= step < len(run.steps):
        raise IndexError(f"token {step} of a run of {len(run.steps)}")
    replayer = model.replayer
    (row,) = replayer.rows(run, step, step + 1)
    found = replayer.choose(run, step, replayer.chain(run, step), row)
    rows = [
        {
            "id": term.id,
            "piece": model.detokenize([term.id]),
            "confidence": term.confidence,
            "penalty": term.penalty,
            "score": term.score,
            "chosen": term.id == run.steps[step].id,
        }
        for term in found.contrast
    ]
    return pd.DataFrame(rows).sort_values("score", ascending=False, ignore_index=True)


def run_variants(model: Model, prompts: Iterable[str], settings: Settings) -> tuple[Run, ...]:
    """One run for each prompt, all with the same settings and rolls.

    Raises:
        PromptError: an empty or too long prompt.
    """
    return tuple(model.run(prompt, settings) for prompt in prompts)
