"""The model behind a door, and what a door does with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tsumami
from storm.options import Options


@contextlib.contextmanager
def loaded(options: Options) -> Iterator[tsumami.Model]:
    """The campaign's model on one thread, warm: what is imported late has been imported."""
    with tsumami.load(options.model, threads=1) as model:
        model.run("The", max_tokens=2, seed=0).to_json()
        yield model
