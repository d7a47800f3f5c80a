"""Adapting: which LoRA adapters a model is loaded with, and how strongly each acts.

Guarantee: the adapters and their scales belong to the loaded model, not to a run: its fingerprint is theirs as well, so
two models of one file with other adapters are two models. A scale of 0 is no adapter at all, for every bit.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from tsumami.errors import SettingsError
from tsumami.models import AdapterFile, ModelFile, check_adapter, open_adapter
from tsumami.wording import counted

__all__ = ["Adapter", "AdapterLike", "LoadedAdapter", "adapters_from", "fingerprint_with", "prepared"]

_MOST: Final = 16
_STRONGEST: Final = 100.0


@dataclass(frozen=True, slots=True)
class Adapter:
    """The path of a LoRA adapter (a GGUF file), and how strongly it acts: its own strength times `scale`."""

    path: str
    scale: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.scale, bool) or not math.isfinite(self.scale):
            raise SettingsError(f"lora: the scale {self.scale!r} of {self.path} is no number").in_japanese(
                f"lora: {self.path} の強さ {self.scale!r} は数ではありません"
            )
        if abs(self.scale) > _STRONGEST:
            raise SettingsError(
                f"lora: the scale {self.scale:g} of {self.path}: needs -{_STRONGEST:g} to {_STRONGEST:g}"
            ).in_japanese(f"lora: {self.path} の強さ {self.scale:g}: 使えるのは -{_STRONGEST:g}〜{_STRONGEST:g} です")
        object.__setattr__(self, "scale", float(self.scale) + 0.0)
        if not self.path.strip():
            raise SettingsError("lora: the path of an adapter is empty; give FILE or FILE:SCALE").in_japanese(
                "lora: アダプターのパスが空です。FILE か FILE:SCALE を指定してください"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """`FILE` or `FILE:SCALE`; where there is a file of the whole name, that is meant.

        Raises:
            SettingsError: an empty path, or a scale that cannot be.
        """
        path, colon, scale = text.rpartition(":")
        if not colon or Path(text).exists():
            return cls(text)
        try:
            return cls(path, float(scale))
        except ValueError as error:
            if isinstance(error, SettingsError):
                raise
            return cls(text)


AdapterLike: TypeAlias = Adapter | str | os.PathLike[str] | tuple[str | os.PathLike[str], float]
"""An adapter as it may be given: `FILE`, `FILE:SCALE`, a path, a pair of a path and a scale, or an `Adapter`."""


def adapters_from(given: AdapterLike | Iterable[AdapterLike]) -> tuple[Adapter, ...]:
    """Adapters as they may be given, one or several.

    Raises:
        SettingsError: one cannot be, or there are too many.
    """
    several: Iterable[Any] = (given,) if isinstance(given, str | os.PathLike | Adapter) else given
    found = tuple(map(_adapter_from, several))
    if len(found) > _MOST:
        raise SettingsError(f"lora: {counted(len(found), 'adapter')}; at most {_MOST} can be used at once").in_japanese(
            f"lora: アダプターが {len(found)} 個あります。同時に使えるのは {_MOST} 個までです"
        )
    if len({one.path for one in found}) < len(found):
        raise SettingsError("lora: one adapter is named twice; give it one scale").in_japanese(
            "lora: 同じアダプターが 2 回指定されました。強さを 1 つにしてください"
        )
    return found


def _adapter_from(one: object) -> Adapter:
    match one:
        case Adapter():
            return one
        case str():
            return Adapter.parse(one)
        case (str() | os.PathLike() as path, int() | float() as scale):
            return Adapter(os.fspath(path), scale)
        case os.PathLike():
            return Adapter(os.fspath(one))
    raise SettingsError(
        f"lora: {one!r} is no adapter; give FILE, FILE:SCALE, or a pair of a path and a scale"
    ).in_japanese(f"lora: {one!r} はアダプターではありません。FILE、FILE:SCALE、またはパスと強さの組を指定してください")


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """An adapter that a model was loaded with: its file's name and sha256, and its scale."""

    file: AdapterFile
    scale: float
    fingerprint: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name


def prepared(adapters: Sequence[Adapter], model: ModelFile) -> tuple[LoadedAdapter, ...]:
    """The adapters' files, each found to fit the model.

    Raises:
        ModelError: one cannot be found or read, or was not made for this model.
    """
    made = []
    for one in adapters:
        file = open_adapter(one.path)
        check_adapter(file, model)
        made.append(LoadedAdapter(file, one.scale, file.fingerprint()))
    return tuple(made)


def fingerprint_with(weights: str, adapters: Sequence[LoadedAdapter]) -> str:
    """What a model with these adapters is known by: the sha256 of its weights if there are none, else one of that,
    theirs and their scales.
    """
    if not adapters:
        return weights
    parts = [weights, *(f"{one.fingerprint}:{one.scale!r}" for one in adapters)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
