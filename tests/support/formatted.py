"""A scripted model that a conversation can be put to."""

from __future__ import annotations

from typing import Any

from tests.support.dicey import dicey

import tsumami.prompts
import tsumami.runs
from tsumami.testing import ScriptedModel


class Formatted(ScriptedModel):
    """A scripted model that a conversation can be put to: one line a message."""

    @classmethod
    def dicey(cls) -> Formatted:
        """One that says what its dice say, half characters and all."""
        made = dicey()
        return cls(made.engine._script, made.tokenizer)

    def format(self, template: object = None, *_: object) -> Any:
        return tsumami.prompts.format_named("raw", template=None, bos_token="", eos_token="")

    def as_prompt(self, prompt: Any) -> Any:
        return tsumami.runs.Prompt(prompt.text, tuple(self.tokenize(prompt.text)), prompt.format)
