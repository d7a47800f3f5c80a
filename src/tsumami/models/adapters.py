"""LoRA adapters: a path in, a GGUF file that fits one model out, looked at without llama.cpp.

Guarantee: what passes `check_adapter` is a LoRA adapter for a model of this architecture, and each of its pairs of
matrices fits a weight that the model has. Everything else is refused in words, before C code sees it.

An adapter adds scale · B · A to a weight W. Its file has the tensors `W.lora_a`, shape (width of W, rank), and
`W.lora_b`, shape (rank, height of W); those of the token embeddings stand the other way round. Source: llama.cpp's
src/llama-adapter.cpp and convert_lora_to_gguf.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tsumami.errors import ModelFormatError
from tsumami.models.digest import fingerprint
from tsumami.models.finding import ModelFile, printable_name
from tsumami.models.gguf import GGUFHeader, TensorInfo, read_header

__all__ = ["AdapterFile", "check_adapter", "open_adapter"]

_ENDS: Final = (".lora_a", ".lora_b")
_FLOATS: Final = ("F32", "F16", "BF16", "Q8_0")
_ALORA: Final = "adapter.alora.invocation_tokens"

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """An adapter on this machine. `name`: the file's, without its folder."""

    path: Path
    name: str
    size: int
    header: GGUFHeader = field(repr=False, compare=False)

    def fingerprint(self) -> str:
        """The sha256 of the file."""
        return fingerprint(self.path)


def open_adapter(path: str | os.PathLike[str]) -> AdapterFile:
    """Read an adapter's header.

    Raises:
        ModelNotFoundError: no such file.
        ModelFormatError: it is not GGUF, or no LoRA adapter.
        ModelError: it cannot be read.
    """
    file = Path(os.path.expanduser(os.fspath(path)))  # noqa: PTH111  Path.expanduser raises for a user it does not know
    header = read_header(file)
    kind, way = header.kind, header.text("adapter.type")
    if kind != "adapter":
        raise ModelFormatError(
            f"{file} holds a {kind!r}, not an adapter; give the GGUF file of a LoRA adapter"
        ).in_japanese(
            f"{file} の中身は {kind!r} で、アダプターではありません。LoRA アダプターの GGUF ファイルを指定してください"
        )
    if way != "lora":
        raise ModelFormatError(f"{file} holds an adapter of the type {way!r}; llama.cpp knows lora alone").in_japanese(
            f"{file} は {way!r} 型のアダプターです。llama.cpp が使えるのは lora だけです"
        )
    if _ALORA in header.metadata:
        raise ModelFormatError(
            f"{file} is an activated LoRA (aLoRA), which acts only after certain tokens; only those that act always "
            "can be used"
        ).in_japanese(f"{file} は決まったトークンのあとだけ働く LoRA（aLoRA）です。使えるのは、いつも働くものだけです")
    return AdapterFile(file, printable_name(file.name), file.stat().st_size, header)


def check_adapter(adapter: AdapterFile, model: ModelFile) -> None:
    """Refuse an adapter that was not made for a model of this form.

    Raises:
        ModelFormatError: another architecture, a weight that the model does not have, or shapes that do not fit.
    """
    theirs, ours = adapter.header.architecture, model.header.architecture
    if theirs != ours:
        raise ModelFormatError(
            f"{adapter.name} is an adapter for {theirs!r} models, and {model.name} is {ours!r}"
        ).in_japanese(f"{adapter.name} は {theirs!r} のモデルのアダプターで、{model.name} は {ours!r} です")
    weights = {tensor.name: tensor.shape for part in model.parts for tensor in read_header(part).tensors}
    pairs = _pairs(adapter)
    if not pairs:
        raise ModelFormatError(
            f"{adapter.name} holds no pair of matrices (….lora_a, ….lora_b), so it adapts nothing"
        ).in_japanese(f"{adapter.name} には行列の組（….lora_a、….lora_b）がないので、何も変えません")
    for name, pair in pairs.items():
        _check_pair(adapter, model, name, pair, weights.get(name))


def _pairs(adapter: AdapterFile) -> dict[str, dict[str, TensorInfo]]:
    """The matrices of each weight, by `.lora_a` and `.lora_b`."""
    found: dict[str, dict[str, TensorInfo]] = {}
    for tensor in adapter.header.tensors:
        end = next((end for end in _ENDS if tensor.name.endswith(end)), None)
        if end is None:
            raise ModelFormatError(
                f"{adapter.name} holds the tensor {tensor.name!r}, which is no part of a LoRA (….lora_a, ….lora_b): "
                "extra trained weights cannot be used"
            ).in_japanese(
                f"{adapter.name} のテンソル {tensor.name!r} は LoRA の部分（….lora_a、"
                "….lora_b）ではありません。追加で学習した重みは使えません"
            )
        found.setdefault(tensor.name.removesuffix(end), {})[end] = tensor
    return found


def _check_pair(
    adapter: AdapterFile, model: ModelFile, name: str, pair: Mapping[str, TensorInfo], weight: Shape | None
) -> None:
    if len(pair) != len(_ENDS):
        (alone,) = pair
        raise ModelFormatError(f"{adapter.name} holds {name}{alone} without its other half; it is damaged").in_japanese(
            f"{adapter.name} の {name}{alone} には片割れがないので、壊れています"
        )
    if weight is None:
        raise ModelFormatError(
            f"{adapter.name} adapts the weight {name}, which {model.name} does not have"
        ).in_japanese(f"{adapter.name} は重み {name} を変えますが、{model.name} にはありません")
    kinds = sorted({half.type for half in pair.values() if half.type not in _FLOATS})
    if kinds:
        raise ModelFormatError(
            f"{adapter.name}: {name} is of the type {', '.join(kinds)}; needs {', '.join(_FLOATS)}"
        ).in_japanese(f"{adapter.name}: {name} は {', '.join(kinds)} 型です。使えるのは {', '.join(_FLOATS)} です")
    a, b = (pair[end].shape for end in _ENDS)
    if not _fits(a, b, weight, turned=name.endswith("token_embd.weight")):
        raise ModelFormatError(
            f"{adapter.name} does not fit {model.name}: {name} is {_by(weight)}, and the adapter's matrices are "
            f"{_by(a)} and {_by(b)}; it was made for another model"
        ).in_japanese(
            f"{adapter.name} は {model.name} に合いません。{name} は {_by(weight)} "
            f"で、アダプターの行列は {_by(a)} と {_by(b)} です。別のモデルのものです"
        )


def _fits(a: Shape, b: Shape, weight: Shape, *, turned: bool) -> bool:
    if not len(a) == len(b) == len(weight) >= 2 or a[2:] != weight[2:] or b[2:] != weight[2:]:
        return False
    if turned:
        return a[0] == b[0] > 0 and (b[1], a[1]) == weight[:2]
    return a[1] == b[0] > 0 and (a[0], b[1]) == weight[:2]


def _by(shape: Shape) -> str:
    return " x ".join(map(str, shape))
