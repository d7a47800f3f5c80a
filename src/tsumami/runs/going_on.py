"""Going on with a reply where it stopped.

Guarantee: it equals never having stopped. The tokens that there are stay what they were, their rolls have passed, and
penalties, grammar and stop strings go on from them; a character that was not complete becomes whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from tsumami.knobs import get
from tsumami.runs.backend import Backend
from tsumami.runs.generate import Stream
from tsumami.runs.prompt import Prompt, check_prompt
from tsumami.runs.run import Run
from tsumami.settings import Settings

__all__ = ["go_on", "longer"]

_MOST: Final = int(get("max_tokens").high or 0)


def go_on(backend: Backend, run: Run, settings: Settings | None = None, **knobs: Any) -> Stream:
    """Go on with a run, with its settings and seed or with others; `max_tokens` counts what comes to it.

    Raises:
        SettingsError: a knob that does not exist or cannot have this value.
        PromptTooLongError: the context is full.
    """
    made = (settings or run.settings).replace(**knobs)
    made = made if made.seed >= 0 else made.replace(seed=run.receipt.seed)
    begun = run.reply.tokens or ()
    prompt = replace(run.receipt.to_prompt(), begun=begun)
    return Stream(backend, prompt, longer(backend, prompt, made))


def longer(backend: Backend, prompt: Prompt, settings: Settings) -> Settings:
    """The settings for a reply that has begun: as many new tokens as they say.

    Raises:
        PromptTooLongError: the context has no room for one.
    """
    check_prompt(replace(prompt, tokens=prompt.tokens + prompt.begun, begun=()), backend.n_ctx, backend.engine.n_vocab)
    wanted = settings.max_tokens
    return settings.replace(max_tokens=min(wanted + len(prompt.begun), _MOST) if wanted else 0)
