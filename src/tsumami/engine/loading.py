"""Loading: from a model's name to an engine that runs.

Guarantee: a file is looked at before llama.cpp is let near it, the exactness of what was loaded is known
(exactness.py), and an engine that should be exact and is not falls back to one fixed call shape per run.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypedDict

from tsumami.engine.adapting import Adapter, AdapterLike, LoadedAdapter, adapters_from, fingerprint_with, prepared
from tsumami.engine.batcher import Engine
from tsumami.engine.cache import N_KEEPERS
from tsumami.engine.exactness import FAST_VERDICT, SUM_VERDICT, Exactness, remembered_check
from tsumami.engine.memory import check_room
from tsumami.engine.planning import SOLO
from tsumami.engine.repacking import found_repacked, may_repack
from tsumami.engine.said import Notice, notices
from tsumami.engine.trying import try_first
from tsumami.errors import CancelledError, EngineError, ModelFormatError, OutOfMemoryError, SettingsError
from tsumami.machine import usable_cores
from tsumami.models import DEFAULT_MODEL, ByteProgress, GGUFHeader, ModelFile, resolve
from tsumami.native import ContextOptions, NativeModel, supports_gpu
from tsumami.wording import counted

DEFAULT_N_CTX: Final = 4096
SMALLEST_N_CTX: Final = 512
_SLOTS: Final = 64
_CACHE_BYTES: Final = 512 * 2**20
_INT32_MAX: Final = 2**31 - 1
_RANGES: Final = {
    "n_ctx": (SMALLEST_N_CTX, _INT32_MAX),
    "n_gpu_layers": (-1, _INT32_MAX),  # below 0: all of them
    "threads": (1, 512),  # GGML_MAX_N_THREADS
    "n_cells": (SMALLEST_N_CTX, _INT32_MAX),
    "n_probs": (100, _INT32_MAX),  # mirostat looks at the 100 likeliest
}
#: Of more adapters llama.cpp's sum has another order, and so other last bits, from load to load: it keeps them by their
#: address (`llama_adapter_loras`).
_SUMMED_ALIKE: Final = 2
_EXACT_UBATCH: Final = 32  # from 64 query rows on, attention takes a tiled kernel with other rounding


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How to load.

    n_ctx: tokens that one run may have (None: the model's own context, at most 4096).
    n_gpu_layers: layers to put on a GPU, -1 for all; a GPU backend is not bit-exact.
    threads: most threads to use (None: all usable cores).
    exact: kernels whose result does not depend on what else is computed; False is faster and promises no repeats.
    repack: let llama.cpp rearrange the weights for faster kernels, which have other last bits (None: in exact mode
        where that was found to be as exact, in fast mode always).
    n_cells: tokens that all sequences together may have in the cache (None: twice n_ctx where that is cheap).
    n_probs: of an engine elsewhere: how many tokens of each row to ask for (None: 1000).
    vocabulary: of an engine elsewhere that tells none (vLLM, SGLang): a model here that has the same one.
    lora: LoRA adapters, each `FILE`, `FILE:SCALE`, a path with its scale, or an `Adapter`; one alone will do.
    """

    n_ctx: int | None = None
    n_gpu_layers: int = 0
    threads: int | None = None
    exact: bool = True
    n_cells: int | None = None
    n_probs: int | None = None
    lora: tuple[AdapterLike, ...] = ()
    vocabulary: str | None = None
    repack: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lora", adapters_from(self.lora))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is None and name != "n_gpu_layers":
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise SettingsError(f"{name} = {value!r}: needs a whole number").in_japanese(
                    f"{name} = {value!r}: 整数にしてください"
                )
            if not low <= value <= high:
                raise SettingsError(f"{name} = {value}: needs {low} to {high}").in_japanese(
                    f"{name} = {value}: 使えるのは {low}〜{high} です"
                )

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """What `lora` says."""
        return adapters_from(self.lora)


class EngineKeywords(TypedDict, total=False):
    """The same as keywords, for those who give them one by one."""

    n_ctx: int | None
    n_gpu_layers: int
    threads: int | None
    exact: bool
    n_cells: int | None
    n_probs: int | None
    lora: tuple[AdapterLike, ...]
    vocabulary: str | None
    repack: bool | None


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """Weights, tokenizer and a running engine, with what is known of them; `notices`: what llama.cpp said of them;
    `fingerprint` is that of the weights with the adapters.
    """

    file: ModelFile
    native: NativeModel
    engine: Engine
    options: EngineOptions
    n_ctx: int
    fingerprint: str
    exactness: Exactness
    notices: tuple[Notice, ...] = ()
    adapters: tuple[LoadedAdapter, ...] = ()

    def close(self) -> None:
        """End the engine and free everything."""
        self.engine.close(self.native.close)


def load(
    name: str | os.PathLike[str] = DEFAULT_MODEL,
    options: EngineOptions | None = None,
    *,
    download_progress: ByteProgress | None = None,
    load_progress: Callable[[float], None] | None = None,
) -> LoadedModel:
    """Find, check and load a model.

    Args:
        name: an alias, a path, or `owner/repo:file.gguf`.
        options: how to load it.
        download_progress: receives bytes done and bytes in all.
        load_progress: receives a share in 0..1 while weights are read.

    Raises:
        ModelError: it cannot be found, is broken, or does not fit into memory.
        SettingsError: `n_ctx` is more than the model was trained for.
    """
    options = options or EngineOptions()
    if options.n_probs is not None:
        raise SettingsError(
            "n_probs is of an engine elsewhere; a model on this machine tells all of its logits"
        ).in_japanese("n_probs はほかの場所のエンジンのものです。このマシンのモデルは、すべてのロジットを出します")
    file = resolve(name, progress=download_progress)
    if file.header.metadata.get(f"{file.header.architecture}.attention.causal") is False:
        raise _not_a_generator(file)
    adapters = prepared(options.adapters, file)
    weights = file.fingerprint()
    fingerprint = fingerprint_with(weights, adapters)
    wanted = _Wanted(file, weights, fingerprint, adapters, options, load_progress)
    if options.repack is not None or not options.exact or _on_gpu(options):
        return _loaded(wanted, repack=options.repack if options.repack is not None else not options.exact)
    if may_repack(file, fingerprint) and (loaded := _exactly_repacked(wanted)) is not None:
        return loaded
    return _loaded(wanted, repack=False)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be loaded: the file, sha256 of its weights without and with adapters, and how."""

    file: ModelFile
    weights: str
    fingerprint: str
    adapters: tuple[LoadedAdapter, ...]
    options: EngineOptions
    progress: Callable[[float], None] | None


def _on_gpu(options: EngineOptions) -> bool:
    return options.n_gpu_layers != 0 and supports_gpu()


def _exactly_repacked(wanted: _Wanted) -> LoadedModel | None:
    """With rearranged weights, if that breaks nothing down and the self-check finds every bit the same."""
    try:
        _try_first(wanted, repack=True)
    except CancelledError:
        raise
    except (EngineError, OutOfMemoryError):
        found_repacked(wanted.fingerprint, exact=False)
        return None
    loaded = _loaded(wanted, repack=True)
    found_repacked(wanted.fingerprint, loaded.exactness.exact)
    if loaded.exactness.exact:
        return loaded
    loaded.close()
    return None


def _try_first(wanted: _Wanted, *, repack: bool) -> None:
    waits = _still_wanted(wanted.progress)
    try_first(wanted.file, wanted.weights, wanted.adapters, repack=repack, waits=waits)


def _loaded(wanted: _Wanted, *, repack: bool) -> LoadedModel:
    file, options, adapters = wanted.file, wanted.options, wanted.adapters
    _try_first(wanted, repack=repack)
    native = NativeModel(file.path, n_gpu_layers=options.n_gpu_layers, repack=repack, progress=wanted.progress)
    with contextlib.ExitStack() as undo:
        undo.callback(native.close)
        for one in adapters:
            native.add_adapter(one.file.path, one.scale)
        n_ctx = _n_ctx(file, native, options)
        engine = Engine(native, _context_options(native, file.header, options, n_ctx))
        undo.callback(engine.close)
        exactness = FAST_VERDICT
        if options.exact:
            gpu_layers = options.n_gpu_layers if supports_gpu() else 0
            exactness = remembered_check(engine, file.header, wanted.fingerprint, gpu_layers=gpu_layers)
            if not exactness.exact:
                engine.set_policy(SOLO)
            elif sum(one.scale != 0 for one in adapters) > _SUMMED_ALIKE:
                exactness = SUM_VERDICT
        undo.pop_all()
    said = notices((*native.said, *engine.said), {str(file.path): file.path.name})
    return LoadedModel(file, native, engine, options, n_ctx, wanted.fingerprint, exactness, said, adapters)


def _still_wanted(progress: Callable[[float], None] | None) -> Callable[[], None] | None:
    """Nothing is loaded yet; what `progress` raises says that nothing need be."""
    return None if progress is None else functools.partial(progress, 0.0)


def _n_ctx(file: ModelFile, native: NativeModel, options: EngineOptions) -> int:
    """The tokens that one run may have, or why this model cannot run."""
    if not native.generates:
        raise _not_a_generator(file)
    if options.n_ctx is not None and options.n_ctx > native.n_ctx_train:
        raise SettingsError(
            f"n_ctx = {options.n_ctx}: {file.name} was trained for {counted(native.n_ctx_train, 'token')} and "
            "knows no position "
            "beyond them"
        ).in_japanese(
            f"n_ctx = {options.n_ctx}: {file.name} は {native.n_ctx_train} トークンで学習していて、"
            "その先の位置を知りません"
        )
    return options.n_ctx or min(native.n_ctx_train, DEFAULT_N_CTX)


def _not_a_generator(file: ModelFile) -> ModelFormatError:
    return ModelFormatError(
        f"{file.name}: this model does not generate text token by token (an encoder, embedding or diffusion model)"
    ).in_japanese(f"{file.name}: このモデルはトークンを 1 つずつ生成しません（エンコーダー、埋め込み、拡散のモデル）")


def _bytes_per_cell(native: NativeModel, header: GGUFHeader) -> int:
    """What one token's keys and values take in all layers: two bytes a number."""
    usual = native.n_embd // max(1, native.n_head)
    widths = [header.whole(f"{header.architecture}.attention.{part}_length") or usual for part in ("key", "value")]
    return 2 * native.n_layer * native.n_head_kv * sum(widths)


def _context_options(native: NativeModel, header: GGUFHeader, options: EngineOptions, n_ctx: int) -> ContextOptions:
    bytes_per_cell = _bytes_per_cell(native, header)
    cheap = _CACHE_BYTES // max(1, bytes_per_cell)
    if options.n_cells is not None and options.n_cells < n_ctx:
        raise SettingsError(
            f"n_cells = {options.n_cells}: a single run may have n_ctx = {counted(n_ctx, 'token')}, so it needs as many"
        ).in_japanese(
            f"n_cells = {options.n_cells}: 1 回の実行が n_ctx = {n_ctx} トークンまで使えるので、それだけ要ります"
        )
    n_cells = options.n_cells or max(n_ctx, min(2 * n_ctx, cheap))
    n_cells = -(-n_cells // 256) * 256  # llama.cpp pads to this anyway
    if options.n_gpu_layers == 0:
        check_room(n_cells, n_cells * bytes_per_cell)
    return ContextOptions(
        n_cells=n_cells,
        n_batch=512,
        n_ubatch=_EXACT_UBATCH if options.exact else 512,
        n_sequences=_SLOTS + N_KEEPERS,
        threads=options.threads or usable_cores(),
        exact=options.exact,
    )
