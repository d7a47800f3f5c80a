"""Loading a model by its name, wherever it runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Unpack

from tsumami.engine import EngineKeywords, EngineOptions
from tsumami.engine import load as load_engine
from tsumami.errors import SettingsError
from tsumami.model.elsewhere import RemoteModel
from tsumami.model.local import Model
from tsumami.models import DEFAULT_MODEL, ByteProgress, is_remote, remote_name
from tsumami.runs.connecting import connect


def load(
    name: str | os.PathLike[str] = DEFAULT_MODEL,
    options: EngineOptions | None = None,
    *,
    download_progress: ByteProgress | None = None,
    load_progress: Callable[[float], None] | None = None,
    **changes: Unpack[EngineKeywords],
) -> Model:
    """Load a model by name: `smollm2` (bundled, the default), `gemma`, `elyza`, `gpt2`, a path, `owner/repo:file.gguf`,
    or an engine elsewhere, such as `llama-server+http://localhost:8080`.

    Args:
        name: which model.
        options: how to load it (default: the defaults).
        download_progress: called with bytes done and bytes in all.
        load_progress: called with a share in 0..1.
        changes: values that replace those of `options`: `n_ctx`, `n_gpu_layers`, `threads`, `exact`, `n_cells`,
            `vocabulary` (of vLLM or SGLang: a model here that has the same),
            `lora` (LoRA adapters: `"style.gguf"`, `"style.gguf:0.5"`, or a tuple of several).
            `tsumami.engine.EngineOptions` says what each means.

    Raises:
        ModelError: it cannot be found, is broken, or does not fit into memory.
        RemoteError: an engine elsewhere cannot be reached, or answers as it should not.
        SettingsError: an option that cannot be.
    """
    made = replace(options or EngineOptions(), **changes)
    if isinstance(name, str) and is_remote(name):
        return RemoteModel(connect(remote_name(name), made))
    if made.vocabulary is not None:
        raise SettingsError(
            "vocabulary is for an engine elsewhere that tells none; a model here has its own"
        ).in_japanese(
            "vocabulary は、語彙を知らせないほかの場所のエンジンのためのものです。ここのモデルには自分の語彙があります"
        )
    return Model(load_engine(name, made, download_progress=download_progress, load_progress=load_progress))
