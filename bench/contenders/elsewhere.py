"""tsumami on a llama-server: our chain chooses here from the rows that the server gives, every Step made."""

from __future__ import annotations

import time
from typing import Any

import tsumami
from tsumami.model import RemoteModel


def make(address: str) -> Elsewhere:
    """Connect."""
    return Elsewhere(address)


class Elsewhere:
    """One connected model."""

    def __init__(self, address: str) -> None:
        model = tsumami.load(f"llama-server+{address}")
        assert isinstance(model, RemoteModel)
        self._model = model

    def facts(self) -> dict[str, Any]:
        """What was found out."""
        return {"n_probs": self._model.record.n_probs, "exact": self._model.exactness.exact}

    def runs(self, prompt: list[int], count: int, lanes: int, penalty: float) -> float:
        """Tokens per second in sum, nothing remembered."""
        self._model.engine.forget()
        begin = time.perf_counter()
        streams = [
            self._model.stream(prompt, seed=seed, max_tokens=count, repeat_penalty=penalty, ignore_eos=True)
            for seed in range(lanes)
        ]
        made = sum(len(stream.run.steps) for stream in streams)
        return made / (time.perf_counter() - begin)
