"""Token healing: a prompt that ends inside a token goes on as if it did not.

Guarantee: the last tokens of the prompt that one longer token begins with are taken back, and the reply has to begin
with their text, which is not shown again. So what the model sees is how it would have written the same text itself. A
prompt that ends with a mark (as chat templates do), a reply that has begun, and one that a grammar, a schema or a regex
governs, stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

from tsumami.runs.backend import Backend
from tsumami.runs.prompt import Prompt
from tsumami.sampling.constraint import constraint_of
from tsumami.sampling.healing import n_taken_back
from tsumami.settings import Settings

__all__ = ["healed"]


def healed(backend: Backend, prompt: Prompt, settings: Settings) -> Prompt:
    """The prompt as a run of these settings gets it; one that was healed before stays as it is."""
    begun = prompt.begun or prompt.healing
    if not settings.heal_tokens or begun or constraint_of(settings) is not None:
        return prompt
    texts = backend.tokenizer
    count = n_taken_back(texts, prompt.tokens)
    if not count:
        return prompt
    text = b"".join(map(texts.piece, prompt.tokens[-count:]))
    return replace(prompt, tokens=prompt.tokens[:-count], healing=text)
