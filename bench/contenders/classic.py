"""llama-cpp-python's own way to get probabilities with a stream: `create_completion(stream=True, logprobs=10)`.

It needs `logits_all`, which keeps a row of logits for every position; the context is only as large as the run needs,
so that these rows cost as little as they can. `complete` is the plain call, for which `logits_all` is off.
"""

from __future__ import annotations

import time
from typing import Any

from llama_cpp import Llama


def make(path: str, threads: int, n_ctx: int, *, logits_all: bool = True) -> Classic:
    """Load a model file."""
    return Classic(path, threads, n_ctx, logits_all=logits_all)


class Classic:
    """One `Llama`."""

    def __init__(self, path: str, threads: int, n_ctx: int, *, logits_all: bool) -> None:
        self._llama = Llama(
            path, n_ctx=n_ctx, n_threads=threads, n_threads_batch=threads, logits_all=logits_all, verbose=False
        )

    def facts(self) -> dict[str, Any]:
        """The context that it has."""
        return {"n_ctx": self._llama.n_ctx()}

    def steps(self, prompt: list[int], count: int, settings: dict[str, Any]) -> dict[str, float]:
        """Tokens after the first and the seconds they took, as a consumer of the stream sees them."""
        stream = self._llama.create_completion(prompt, max_tokens=count, stream=True, logprobs=10, **settings)
        first = last = 0.0
        tokens = after = 0
        for chunk in stream:
            found = chunk["choices"][0]["logprobs"]
            if not found or not found["tokens"]:
                continue
            last = time.perf_counter()
            if not tokens:
                first = last
            else:
                after += len(found["tokens"])
            tokens += len(found["tokens"])
        return {"tokens": after, "seconds": last - first}

    def complete(self, prompt: list[int], count: int, settings: list[dict[str, Any]]) -> float:
        """Seconds for one completion after another; the prompt stays in its cache from one to the next."""
        begin = time.perf_counter()
        for one in settings:
            self._llama.create_completion(prompt, max_tokens=count, **one)
        return time.perf_counter() - begin
