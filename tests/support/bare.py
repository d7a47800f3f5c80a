"""llama.cpp itself, through its C API: what our floor is held against. Nothing here goes through tsumami's sampling.

`Bare` is a context of its own on weights of its own; `chain` puts llama.cpp's samplers together the way its manual
says, from the values of a Settings.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import tsumami.native  # isort: skip  (sets the environment that llama.cpp reads when it is loaded, so it comes first)
import llama_cpp as c
import numpy as np
import numpy.typing as npt

from tsumami.knobs import KNOBS
from tsumami.knobs.stages import row_of
from tsumami.settings import Settings

assert tsumami.native
Row = npt.NDArray[np.float32]
BF16 = 30


class Bare:
    """A model and a context with the exact kernels (exactness.md), driven by nothing but `llama_decode`."""

    def __init__(self, path: Path, n_ctx: int = 512) -> None:
        weights = c.llama_model_default_params()
        weights.use_extra_bufts = False
        self.model = c.llama_model_load_from_file(str(path).encode(), weights)
        self.vocab = c.llama_model_get_vocab(self.model)
        self.n_vocab = int(c.llama_vocab_n_tokens(self.vocab))
        params = c.llama_context_default_params()
        params.n_ctx = params.n_batch = n_ctx
        params.n_ubatch = 32
        params.n_threads = params.n_threads_batch = 1
        params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.type_k, params.type_v = c.GGML_TYPE_F16, BF16
        self.context = c.llama_init_from_model(self.model, params)
        self._batch = c.llama_batch_init(n_ctx, 0, 1)
        self._tokens: list[int] = []

    def close(self) -> None:
        c.llama_batch_free(self._batch)
        c.llama_free(self.context)
        c.llama_model_free(self.model)

    def tokenize(self, text: str) -> list[int]:
        data, room = text.encode(), (ctypes.c_int32 * 512)()
        return list(room[: c.llama_tokenize(self.vocab, data, len(data), room, 512, True, True)])

    def rows(self, tokens: Sequence[int], start: int) -> list[Row]:
        """The logits after tokens[start], tokens[start + 1], …: one pass, from the first token that is new."""
        common = 0
        while common < min(start, len(self._tokens)) and self._tokens[common] == tokens[common]:
            common += 1
        c.llama_memory_seq_rm(c.llama_get_memory(self.context), 0, common, -1)
        batch = self._batch
        batch.n_tokens = len(tokens) - common
        for i, position in enumerate(range(common, len(tokens))):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = tokens[position], position, 1
            batch.seq_id[i][0], batch.logits[i] = 0, position >= start
        assert c.llama_decode(self.context, batch) == 0
        self._tokens = list(tokens)
        return [self._row(position - common) for position in range(start, len(tokens))]

    def _row(self, index: int) -> Row:
        return np.ctypeslib.as_array(c.llama_get_logits_ith(self.context, index), (self.n_vocab,)).copy()

    def generate(self, chain: NativeChain, prompt: Sequence[int], count: int) -> list[int]:
        """The loop of llama.cpp's own examples: decode, `llama_sampler_sample` (which accepts, too), and again."""
        c.llama_memory_clear(c.llama_get_memory(self.context), False)
        fed = list(prompt)
        made: list[int] = []
        while len(made) < count:
            memory = (ctypes.c_int32 * len(fed))(*fed)  # the batch points into it
            assert c.llama_decode(self.context, c.llama_batch_get_one(memory, len(fed))) == 0
            token = c.llama_sampler_sample(chain.pointer, self.context, -1)
            made.append(token)
            if c.llama_vocab_is_eog(self.vocab, token):
                break
            fed = [token]
        self._tokens = []
        return made


class NativeChain:
    """A `llama_sampler_chain`, which owns what is added to it."""

    def __init__(self, samplers: Iterable[object]) -> None:
        self.pointer = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
        for sampler in samplers:
            c.llama_sampler_chain_add(self.pointer, sampler)

    def sample(self, row: Row) -> int | None:
        """What `llama_sampler_sample` does with a context's row: all tokens in id order, apply, accept.

        None where the stages have left only forbidden tokens (-inf): llama.cpp then falls through to one of them.
        """
        data = np.zeros(len(row), tsumami.native.TOKEN_DATA)
        data["id"], data["logit"] = np.arange(len(row)), row
        array = c.llama_token_data_array(
            data=ctypes.cast(data.ctypes.data, ctypes.POINTER(c.llama_token_data)),
            size=len(row),
            selected=-1,
            sorted=False,
        )
        c.llama_sampler_apply(self.pointer, ctypes.byref(array))
        chosen = array.data[array.selected]
        self.accept(chosen.id)
        return None if chosen.logit == -np.inf else int(chosen.id)

    def accept(self, token: int) -> None:
        c.llama_sampler_accept(self.pointer, token)

    def __del__(self) -> None:
        c.llama_sampler_free(self.pointer)


#: The knobs of stages that llama.cpp has not, at the values at which they do nothing.
NOT_ITS_OWN: dict[str, Any] = {
    name: knob.neutral
    for name, knob in KNOBS.items()
    if not row_of(knob.stage).in_llama_cpp and knob.neutral is not None
} | {"penalize_except": (), "text_bias": ()}


def chain(settings: Settings, seed: int, bare: Bare, grammar: str | None = None) -> NativeChain:
    """llama.cpp's chain for these settings (what it has not must be neutral)."""
    assert all(getattr(settings, name) == value for name, value in NOT_ITS_OWN.items())
    s, made = settings, _bias(settings, bare)
    if grammar is not None:
        made.append(c.llama_sampler_init_grammar(bare.vocab, grammar.encode(), b"root"))
    make = makers(settings, seed, bare)
    if s.temperature == 0:
        made += [make[name]() for name in s.chain_order if name in ("penalties", "dry")]
        made.append(c.llama_sampler_init_greedy())
    elif s.mirostat_mode:
        made += [make["penalties"](), c.llama_sampler_init_temp(s.temperature), _mirostat(s, seed, bare)]
    else:
        made += [make[name]() for name in s.chain_order if name in make]
        adaptive = s.adaptive_target >= 0
        made.append(
            c.llama_sampler_init_adaptive_p(s.adaptive_target, s.adaptive_decay, seed)
            if adaptive
            else c.llama_sampler_init_dist(seed)
        )
    return NativeChain(made)


def makers(s: Settings, seed: int, bare: Bare) -> dict[str, Callable[[], object]]:
    breakers = [text.encode() for text in s.dry_sequence_breakers]
    return {
        "penalties": lambda: c.llama_sampler_init_penalties(
            bare.n_vocab, s.repeat_last_n, s.repeat_penalty, s.frequency_penalty, s.presence_penalty
        ),
        "dry": lambda: c.llama_sampler_init_dry(
            bare.vocab,
            s.dry_multiplier,
            s.dry_base,
            s.dry_allowed_length,
            s.dry_penalty_last_n,
            (ctypes.c_char_p * len(breakers))(*breakers),
            len(breakers),
        ),
        "top_n_sigma": lambda: c.llama_sampler_init_top_n_sigma(s.top_n_sigma),
        "top_k": lambda: c.llama_sampler_init_top_k(s.top_k),
        "typ_p": lambda: c.llama_sampler_init_typical(s.typical_p, s.min_keep),
        "top_p": lambda: c.llama_sampler_init_top_p(s.top_p, s.min_keep),
        "min_p": lambda: c.llama_sampler_init_min_p(s.min_p, s.min_keep),
        "xtc": lambda: c.llama_sampler_init_xtc(s.xtc_probability, s.xtc_threshold, s.min_keep, seed),
        "temperature": lambda: c.llama_sampler_init_temp_ext(s.temperature, s.dynatemp_range, s.dynatemp_exponent),
    }


def _bias(s: Settings, bare: Bare) -> list[object]:
    biases = [c.llama_logit_bias(token, bias) for token, bias in s.logit_bias]
    return [c.llama_sampler_init_logit_bias(bare.n_vocab, len(biases), (c.llama_logit_bias * len(biases))(*biases))]


def _mirostat(s: Settings, seed: int, bare: Bare) -> object:
    if s.mirostat_mode == 1:
        return c.llama_sampler_init_mirostat(bare.n_vocab, seed, s.mirostat_tau, s.mirostat_eta, 100)
    return c.llama_sampler_init_mirostat_v2(seed, s.mirostat_tau, s.mirostat_eta)
