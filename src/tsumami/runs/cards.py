"""The cards of a loaded model: which weights and which arithmetic its runs are made with, as receipts name them."""

from __future__ import annotations

from dataclasses import dataclass

from tsumami.engine import LoadedModel, processor
from tsumami.native import NativeModel, engine_build
from tsumami.runs.values import AdapterCard, EngineCard, ModelCard

__all__ = ["ModelShape", "engine_card", "model_card", "shape_of"]


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of a model: transformer blocks, attention heads (and those that keys and values have), length of a
    hidden state, size of the vocabulary, tokens of context in training, and number of weights.
    """

    n_layer: int
    n_head: int
    n_head_kv: int
    n_embd: int
    n_vocab: int
    n_ctx_train: int
    n_params: int


def shape_of(native: NativeModel) -> ModelShape:
    """The sizes of an open model."""
    return ModelShape(
        n_layer=native.n_layer,
        n_head=native.n_head,
        n_head_kv=native.n_head_kv,
        n_embd=native.n_embd,
        n_vocab=native.vocab.n_tokens,
        n_ctx_train=native.n_ctx_train,
        n_params=native.n_params,
    )


def model_card(loaded: LoadedModel, native: NativeModel) -> ModelCard:
    """Which weights these are. native: the open model of `loaded`."""
    file = loaded.file
    return ModelCard(
        name=file.name,
        fingerprint=loaded.fingerprint,
        architecture=file.header.architecture or "?",
        quantization=file.header.quantization,
        n_params=native.n_params,
        size=file.size,
        source=file.source,
        license=file.license,
        adapters=tuple(AdapterCard(one.name, one.fingerprint, one.scale) for one in loaded.adapters),
        weights=file.fingerprint() if loaded.adapters else None,
    )


def engine_card(loaded: LoadedModel, native: NativeModel) -> EngineCard:
    """Which arithmetic this is. native: the open model of `loaded`."""
    build, verdict = engine_build(), loaded.exactness
    return EngineCard(
        binding=build.binding,
        library=build.library,
        features=build.features,
        processor=processor(),
        mode="exact" if loaded.options.exact else "fast",
        exact=verdict.exact,
        why_ja=verdict.why_ja,
        why_en=verdict.why_en,
        n_ctx=loaded.n_ctx,
        notices=tuple(one for one in loaded.notices if not one.ours),
        repacked=loaded.options.exact and native.repacked,
    )
