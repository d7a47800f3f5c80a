"""llama.cpp's C API in the plainest loop: `llama_decode` and nothing else, on tokens that are known beforehand.

Nothing is sampled, measured or kept, so this is the most that the library can give. It makes its own parameters instead
of borrowing tsumami's code: `exact` repeats the context parameters of shared knowledge (flash attention, F16 keys and
BF16 values, one unified cache, weights rearranged where tsumami does), `default` takes the library's own.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any, Literal

import llama_cpp as c

_GGML_TYPE_BF16 = 30  # ggml.h; the binding does not name it


@c.llama_log_callback
def _silent(_level: int, _text: bytes, _data: object) -> None:
    """The log would go to stderr, which costs time."""


def make(
    path: str,
    options: dict[str, Any],
    parameters: Literal["exact", "default"] = "exact",
    changes: Sequence[Literal["exact", "no_repack", "flash_attention", "bf16_values", "pieces"]] = (),
) -> Bare:
    """Load a model file; `options` are those of tsumami's context, `changes` what is as in exact beside the default
    parameters.
    """
    return Bare(path, options, ["exact"] if parameters == "exact" else changes)


class Bare:
    """A model, a context, and one batch that every call reuses."""

    def __init__(self, path: str, options: dict[str, Any], changes: Sequence[str]) -> None:
        c.llama_log_set(_silent, ctypes.c_void_p(0))
        c.llama_backend_init()
        model = c.llama_model_default_params()
        model.n_gpu_layers = 0
        context = c.llama_context_default_params()
        context.n_ctx, context.n_seq_max = options["n_cells"], options["n_sequences"]
        context.n_threads = context.n_threads_batch = options["threads"]
        exact = "exact" in changes
        if exact:
            model.use_extra_bufts = options["repack"]
        if "no_repack" in changes:
            model.use_extra_bufts = False
        if exact or "pieces" in changes:
            context.n_batch, context.n_ubatch = options["n_batch"], options["n_ubatch"]
        if exact or "flash_attention" in changes:
            context.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if exact or "bf16_values" in changes:
            context.type_k, context.type_v = c.GGML_TYPE_F16, _GGML_TYPE_BF16
        if exact:
            context.kv_unified = context.swa_full = True
        self._model = c.llama_model_load_from_file(path.encode(), model)
        self._context = c.llama_init_from_model(self._model, context)
        assert self._context, "no context"
        self._memory = c.llama_get_memory(self._context)
        self._n_batch = int(c.llama_n_batch(self._context))
        self._batch = c.llama_batch_init(self._n_batch, 0, 1)

    def facts(self) -> dict[str, Any]:
        """Sizes as the library took them."""
        return {"n_ctx": int(c.llama_n_ctx(self._context)), "n_ubatch": int(c.llama_n_ubatch(self._context))}

    def single(self, prompt: list[int], tokens: list[int]) -> float:
        """Seconds to decode all of `tokens` but the last, one by one, after a prompt that is not timed."""
        self._prompt(prompt)
        batch, context, n = self._batch, self._context, len(prompt)
        batch.n_tokens = 1
        batch.seq_id[0][0], batch.logits[0] = 0, True
        begin = time.perf_counter()
        for position, token in enumerate(tokens[:-1], n):
            batch.token[0], batch.pos[0] = token, position
            self._decode()
            c.llama_get_logits_ith(context, 0)
        return time.perf_counter() - begin

    def crowd(self, prompt: list[int], tokens: list[list[int]]) -> float:
        """Seconds to decode many sequences side by side, one token of each in a call. The prompt but its last token is
        shared and not timed; every sequence then takes that token and all of its own but the last.
        """
        self._prompt(prompt[:-1])
        for sequence in range(1, len(tokens)):
            c.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)
        feeds = [[prompt[-1], *own[:-1]] for own in tokens]
        batch, context = self._batch, self._context
        begin = time.perf_counter()
        for step in range(max(map(len, feeds))):
            row = 0
            for sequence, feed in enumerate(feeds):
                if step < len(feed):
                    batch.token[row], batch.pos[row] = feed[step], len(prompt) - 1 + step
                    batch.seq_id[row][0], batch.logits[row] = sequence, True
                    row += 1
            batch.n_tokens = row
            self._decode()
            c.llama_get_logits_ith(context, row - 1)
        return time.perf_counter() - begin

    def turn(self, history: list[int], new: list[int]) -> float:
        """Seconds to decode `new` tokens after a history that is not timed, until the logits of the last are there."""
        self._prompt(history)
        begin = time.perf_counter()
        self._append(new, len(history))
        c.llama_get_logits_ith(self._context, -1)
        return time.perf_counter() - begin

    def speed(self, prompt: list[int], seconds: float) -> float:
        """Tokens per second over about so many seconds, whatever happens around it."""
        batch, count = self._batch, 0
        begin = end = time.perf_counter()
        while end - begin < seconds:
            self._prompt(prompt)
            batch.n_tokens = 1
            batch.seq_id[0][0], batch.logits[0] = 0, True
            for position in range(len(prompt), len(prompt) + 256):
                batch.token[0], batch.pos[0] = 1000, position
                self._decode()
                count += 1
                end = time.perf_counter()
                if end - begin >= seconds:
                    break
        return count / (end - begin)

    def _prompt(self, tokens: list[int]) -> None:
        c.llama_memory_clear(self._memory, False)
        self._append(tokens, 0)

    def _append(self, tokens: list[int], start: int) -> None:
        """Decode tokens of sequence 0 in pieces of n_batch; logits for the last one only."""
        batch = self._batch
        for first in range(0, len(tokens), self._n_batch):
            piece = tokens[first : first + self._n_batch]
            for row, token in enumerate(piece):
                batch.token[row], batch.pos[row] = token, start + first + row
                batch.n_seq_id[row], batch.seq_id[row][0] = 1, 0
                batch.logits[row] = first + row == len(tokens) - 1
            batch.n_tokens = len(piece)
            self._decode()

    def _decode(self) -> None:
        code = c.llama_decode(self._context, self._batch)
        assert code == 0, f"llama_decode returned {code}"
