"""llama.cpp beside us, and rows of real logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from tests.support.bare import Bare, Row

from tsumami.model import Model

#: Repetitive and with breakers in it, so that penalties and DRY have something to look back on.
PROMPT: Final = 'A list of colours: red, green, blue, red, green, blue, red, green, blue\n"The sky is blue": said'
CONTINUATION: Final = " the red, green and blue bird. The bird is red, green and"


@pytest.fixture(scope="session")
def model(little: Model) -> Model:
    """The first layers of the bundled model: what is promised here holds on any model."""
    return little


@pytest.fixture(scope="session")
def bare(model: Model) -> Iterator[Bare]:
    """The same file as `model`, in a context that only llama.cpp touches."""
    found = Bare(model._loaded.file.path)
    yield found
    found.close()


@pytest.fixture(scope="session")
def prompt_tokens(bare: Bare) -> list[int]:
    return bare.tokenize(PROMPT)


@pytest.fixture(scope="session")
def rows(bare: Bare, prompt_tokens: list[int]) -> list[Row]:
    """Logits (49,152 each) after each token of a sentence that goes on from the prompt."""
    tokens = [*prompt_tokens, *bare.tokenize(CONTINUATION)]
    return bare.rows(tokens, len(prompt_tokens) - 1)
