"""A GGUF file's header, read without llama.cpp, so that a bad file is refused before C code sees it.

Guarantee: for any bytes at all `read_header` returns a `GGUFHeader` or raises a `ModelError` that says what is wrong
and what to do; it never crashes, never allocates more than the limits below, and takes time only for what the file
holds. Counts and lengths are checked against the bytes that are really there before anything is read. Which
architectures can run is llama.cpp's to decide; nothing here lists them.

Layout (ggml, docs/gguf.md; the checks follow ggml/src/gguf.cpp): "GGUF", version u32, tensor count u64, pair count u64;
per pair a key, a value type and a value; per tensor a name, a shape, a type and an offset; padding; tensor data.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import stat
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tsumami.errors import ModelError, ModelFormatError, ModelNotFoundError
from tsumami.models.gguf_faults import LOOKALIKES, truncated, unusable
from tsumami.models.gguf_types import TENSOR_TYPES, file_type_name
from tsumami.wording import counted

__all__ = [
    "GGUFHeader",
    "TensorInfo",
    "Unread",
    "Value",
    "metadata_at_beginning",
    "read_header",
]

MAX_PAIRS: Final = 1 << 16
MAX_TENSORS: Final = 1 << 17
MAX_KEY_BYTES: Final = (1 << 16) - 1  # the specification's own limit
MAX_TENSOR_NAME_BYTES: Final = 63  # GGML_MAX_NAME is 64 with the final zero
MAX_DIMENSIONS: Final = 4  # GGML_MAX_DIMS
MAX_STRINGS_IN_ARRAY: Final = 1 << 22  # strings are walked one by one; the largest vocabularies have about 2**18
MAX_KEPT_STRING: Final = 1 << 20
MAX_KEPT_ELEMENTS: Final = 1024
MAX_KEPT_TOTAL: Final = 1 << 26

_SCALARS: Final = {
    0: ("uint8", struct.Struct("<B")),
    1: ("int8", struct.Struct("<b")),
    2: ("uint16", struct.Struct("<H")),
    3: ("int16", struct.Struct("<h")),
    4: ("uint32", struct.Struct("<I")),
    5: ("int32", struct.Struct("<i")),
    6: ("float32", struct.Struct("<f")),
    7: ("bool", struct.Struct("<?")),
    10: ("uint64", struct.Struct("<Q")),
    11: ("int64", struct.Struct("<q")),
    12: ("float64", struct.Struct("<d")),
}
_STRING: Final = 8
_ARRAY: Final = 9


@dataclass(frozen=True, slots=True)
class Unread:
    """A metadata value too long to keep: `count` elements (or bytes of a string) of `kind` at byte `offset`."""

    kind: str
    count: int
    offset: int


Value = str | int | float | bool | tuple[str | int | float | bool, ...] | Unread


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: name, shape (fastest dimension first), type, byte offset in the data section, bytes if known."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    nbytes: int | None


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """What a GGUF file says about itself.

    `data_offset` and `expected_size` are bytes from the start of the file; `expected_size` is the end of the last
    tensor of known type, so a complete file is at least that long.
    """

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    expected_size: int

    @property
    def architecture(self) -> str:
        """`general.architecture`, for example "llama"; whether it can run is llama.cpp's decision."""
        return self.text("general.architecture") or ""

    @property
    def kind(self) -> str:
        """`general.type`: "model" unless the file says "adapter", "mmproj", "imatrix" or the like."""
        return self.text("general.type") or "model"

    @property
    def license(self) -> str | None:
        """`general.license`, mostly an SPDX name."""
        return self.text("general.license")

    @property
    def templates(self) -> tuple[str, ...]:
        """The names of the chat templates beside the one that holds by default (`tokenizer.chat_template`)."""
        prefix = "tokenizer.chat_template."
        return tuple(sorted(key.removeprefix(prefix) for key in self.metadata if key.startswith(prefix)))

    @property
    def quantization(self) -> str | None:
        """The quantisation's name, as `general.file_type` or else the type of most weights; None without tensors."""
        file_type = self.whole("general.file_type")
        if file_type is not None and (name := file_type_name(file_type)):
            return name
        weights: Counter[str] = Counter()
        for tensor in self.tensors:
            weights[tensor.type] += math.prod(tensor.shape)
        return weights.most_common(1)[0][0] if weights else None

    def text(self, key: str) -> str | None:
        """The string at `key`, or None where there is none or it is not a string."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def whole(self, key: str) -> int | None:
        """The whole number at `key`, or None where there is none or it is something else."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_header(path: str | os.PathLike[str]) -> GGUFHeader:
    """Read and check the header of the GGUF file at `path` (one shard of a split model counts as a file).

    Raises:
        ModelNotFoundError: there is no such file, or it is a folder.
        ModelFormatError: not GGUF, a version that llama.cpp does not read, big-endian, inconsistent, or truncated.
        ModelError: the file cannot be opened.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode  # before opening: a pipe without a writer would wait for ever
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise ModelNotFoundError(f"{path} is not a regular file; give a GGUF file").in_japanese(
                f"{path} はふつうのファイルではありません。GGUF ファイルを指定してください"
            )
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise ModelFormatError(f"{path} is empty; download or copy the file again").in_japanese(
                    f"{path} は空です。取り直すか、コピーし直してください"
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                return _Reader(path, view).header()
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"no such file: {path}").in_japanese(f"ファイルがありません: {path}") from error
    except IsADirectoryError as error:
        raise ModelNotFoundError(f"{path} is a folder; give a GGUF file in it").in_japanese(
            f"{path} はフォルダーです。その中の GGUF ファイルを指定してください"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise ModelError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}").in_japanese(
            f"{path} が読めません: {getattr(error, 'strerror', None) or error}"
        ) from error


def metadata_at_beginning(path: Path, data: bytes) -> dict[str, Value]:
    """The metadata of a file that lies whole in its first bytes; what begins there and ends later is left out.

    Raises:
        ModelFormatError: not GGUF, or a version that llama.cpp does not read.
    """
    return _Reader(path, data).beginning()


class _Reader:
    """A position in the mapped file; every read is checked against the file's end first."""

    def __init__(self, path: Path, view: mmap.mmap | bytes) -> None:
        self.path = path
        self.view = view
        self.end = len(view)
        self.position = 0
        self.kept = 0

    def header(self) -> GGUFHeader:
        version = self._version()
        n_tensors = self._count("tensors", MAX_TENSORS)
        n_pairs = self._count("metadata pairs", MAX_PAIRS)
        metadata = self._metadata(n_pairs)
        alignment = self._alignment(metadata)
        tensors = self._tensors(n_tensors, alignment)
        data_offset = -(-self.position // alignment) * alignment
        ends = [data_offset + tensor.offset + (tensor.nbytes or 0) for tensor in tensors]
        expected_size = max(ends, default=self.position)
        if expected_size > self.end:
            raise ModelFormatError(
                f"{self.path} is truncated: its tensors need {counted(expected_size, 'byte')} and the file has "
                f"{self.end:,} "
                f"({self.end / expected_size:.0%}); download or copy it again"
            ).in_japanese(
                f"{self.path} は途中で切れています。テンソルに {expected_size:,} "
                f"バイト要りますが、ファイルは {self.end:,} バイト（{self.end / expected_size:.0%}）"
                "です。取り直すか、コピーし直してください"
            )
        return GGUFHeader(version, MappingProxyType(metadata), tensors, data_offset, expected_size)

    def beginning(self) -> dict[str, Value]:
        self._version()
        found: dict[str, Value] = {}
        with contextlib.suppress(ModelFormatError):
            self._count("tensors", MAX_TENSORS)
            for index in range(self._count("metadata pairs", MAX_PAIRS)):
                key = self._text(MAX_KEY_BYTES, f"key {index}")
                found[key] = self._value(key)
        return found

    def _version(self) -> int:
        magic = bytes(self.view[:64])
        if magic[:4] != b"GGUF":
            for start, meaning, meaning_ja in LOOKALIKES:
                if magic.startswith(start):
                    raise self._bad(f"it looks like {meaning}", f"{meaning_ja}のようです")
            if magic[8:10] == b'{"':
                raise self._bad(
                    "it looks like safetensors; convert it with llama.cpp's convert_hf_to_gguf.py",
                    "safetensors のようです。llama.cpp の convert_hf_to_gguf.py で変換してください",
                )
            raise self._bad(
                f"it starts with {magic[:4]!r} where b'GGUF' should be; give a model in GGUF format",
                f"b'GGUF' のはずの始まりが {magic[:4]!r} です。GGUF 形式のモデルを指定してください",
            )
        self.position = 4
        version = self._integer(4)
        if version and version & 0xFFFF == 0:
            raise self._bad(
                "it is big-endian; use a little-endian file (convert it with gguf-convert-endian)",
                "ビッグエンディアンです。リトルエンディアンのものを使ってください（gguf-convert-endian で変換）",
            )
        if version not in (2, 3):
            raise self._bad(
                f"its GGUF version is {version}, and llama.cpp reads 2 and 3; convert the model again",
                f"GGUF の版が {version} ですが、llama.cpp が読めるのは 2 と 3 です。変換し直してください",
            )
        return version

    def _metadata(self, n_pairs: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for index in range(n_pairs):
            key = self._text(MAX_KEY_BYTES, f"key {index}")
            if not key or key in metadata:
                raise self._bad(
                    f"metadata key {index} ({key!r}) is {'twice there' if key else 'empty'}",
                    f"メタデータの {index} 番目の名前（{key!r}）が{'2 回あります' if key else '空です'}",
                )
            metadata[key] = self._value(key)
        if not isinstance(metadata.get("general.architecture"), str):
            raise self._bad(
                "it has no general.architecture, so it is no model; give a model file",
                "general.architecture がないので、モデルではありません",
            )
        return metadata

    def _value(self, key: str) -> Value:
        kind = self._integer(4)
        if kind == _STRING:
            return self._kept_string(key)
        if kind == _ARRAY:
            return self._array(key)
        if kind not in _SCALARS:
            raise self._bad(
                f"metadata {key!r} has the unknown value type {kind}", f"メタデータ {key!r} の型 {kind} は知りません"
            )
        return self._scalars(kind, 1)[0]

    def _array(self, key: str) -> Value:
        kind, count = self._integer(4), self._integer(8)
        offset = self.position
        if kind == _STRING:
            return self._strings(key, count)
        if kind not in _SCALARS:
            raise self._bad(
                f"metadata {key!r} is an array of the unknown value type {kind}",
                f"メタデータ {key!r} の配列の型 {kind} は知りません",
            )
        name, layout = _SCALARS[kind]
        self._need(count * layout.size, f"array {key!r}")
        if count <= MAX_KEPT_ELEMENTS and self.kept + 8 * count <= MAX_KEPT_TOTAL:
            self.kept += 8 * count
            return self._scalars(kind, count)
        self.position += count * layout.size
        return Unread(name, count, offset)

    def _scalars(self, kind: int, count: int) -> tuple[int | float | bool, ...]:
        layout = _SCALARS[kind][1]
        self._need(count * layout.size, "value")
        start = self.position
        self.position += count * layout.size
        return tuple(layout.unpack_from(self.view, start + index * layout.size)[0] for index in range(count))

    def _kept_string(self, key: str) -> str | Unread:
        length = self._length(f"string {key!r}")
        if length > MAX_KEPT_STRING or self.kept + length > MAX_KEPT_TOTAL:
            self.position += length
            return Unread("string", length, self.position - length)
        return self._take(length)

    def _strings(self, key: str, count: int) -> Value:
        self._need(8 * count, f"array {key!r}")
        if count > MAX_STRINGS_IN_ARRAY:
            raise self._bad(
                f"metadata {key!r} claims {counted(count, 'string')}; at most {MAX_STRINGS_IN_ARRAY:,} are accepted",
                f"メタデータ {key!r} の文字列が {count:,} 個あります。読めるのは {MAX_STRINGS_IN_ARRAY:,} 個までです",
            )
        offset = self.position
        lengths = struct.Struct("<Q").unpack_from
        view, end, position = self.view, self.end, self.position
        for _ in range(count):
            if position > end - 8:
                raise self._truncated(f"array {key!r}")
            position += 8 + lengths(view, position)[0]
        if position > end:
            raise self._truncated(f"array {key!r}")
        size = position - offset
        if count > MAX_KEPT_ELEMENTS or size > MAX_KEPT_STRING or self.kept + size > MAX_KEPT_TOTAL:
            self.position = position
            return Unread("string", count, offset)
        return tuple(self._text(end, key) for _ in range(count))

    def _alignment(self, metadata: Mapping[str, Value]) -> int:
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1) or alignment > 1 << 31:
            raise self._bad(
                f"general.alignment is {alignment!r}; it must be a power of two",
                f"general.alignment が {alignment!r} ですが、2 の累乗でなければなりません",
            )
        return alignment

    def _tensors(self, n_tensors: int, alignment: int) -> tuple[TensorInfo, ...]:
        self._need(24 * n_tensors, f"list of {counted(n_tensors, 'tensor')}")  # the least that one description takes
        tensors: dict[str, TensorInfo] = {}
        for index in range(n_tensors):
            tensor = self._tensor(index)
            if tensor.name in tensors:
                raise self._bad(f"tensor {tensor.name!r} is there twice", f"テンソル {tensor.name!r} が 2 回あります")
            if tensor.offset % alignment:
                raise self._bad(
                    f"tensor {tensor.name!r} starts at {tensor.offset}, not a multiple of {alignment}",
                    f"テンソル {tensor.name!r} の位置 {tensor.offset} が {alignment} の倍数ではありません",
                )
            tensors[tensor.name] = tensor
        return tuple(tensors.values())

    def _tensor(self, index: int) -> TensorInfo:
        name = self._text(MAX_TENSOR_NAME_BYTES, f"name of tensor {index}")
        n_dimensions = self._integer(4)
        if n_dimensions > MAX_DIMENSIONS:
            raise self._bad(
                f"tensor {name!r} has {counted(n_dimensions, 'dimension')}; at most {MAX_DIMENSIONS} are possible",
                f"テンソル {name!r} が {n_dimensions} 次元です。{MAX_DIMENSIONS} 次元までのはずです",
            )
        shape = tuple(self._integer(8) for _ in range(n_dimensions))
        if max(shape, default=0) > (1 << 63) - 1 or math.prod(shape) > (1 << 63) - 1:
            raise self._bad(
                f"tensor {name!r} has the impossible shape {shape}", f"テンソル {name!r} の形 {shape} はありえません"
            )
        type_number, offset = self._integer(4), self._integer(8)
        if type_number not in TENSOR_TYPES:
            return TensorInfo(name, shape, f"type {type_number}", offset, None)
        type_name, block, block_bytes = TENSOR_TYPES[type_number]
        row = shape[0] if shape else 1
        if row % block:
            raise self._bad(
                f"tensor {name!r} has rows of {counted(row, 'weight')}; {type_name} needs a multiple of {block}",
                f"テンソル {name!r} の行が {row} 個の重みですが、{type_name} では {block} の倍数のはずです",
            )
        return TensorInfo(name, shape, type_name, offset, math.prod(shape) // block * block_bytes)

    def _count(self, what: str, limit: int) -> int:
        count = self._integer(8)
        if count > limit:
            raise self._bad(
                f"it claims {count:,} {what}; at most {limit:,} are accepted",
                f"{what} が {count:,} 個あることになっています。読めるのは {limit:,} 個までです",
            )
        return count

    def _text(self, limit: int, what: str) -> str:
        length = self._length(what)
        if length > limit:
            raise self._bad(
                f"{what} is {counted(length, 'byte')} long; at most {limit:,} are accepted",
                f"{what} が {length:,} バイトあります。読めるのは {limit:,} バイトまでです",
            )
        return self._take(length)

    def _length(self, what: str) -> int:
        length = self._integer(8)
        self._need(length, what)
        return length

    def _take(self, length: int) -> str:
        start = self.position
        self.position += length
        self.kept += length
        return self.view[start : self.position].decode("utf-8", "replace")

    def _integer(self, size: int) -> int:
        self._need(size, "number")
        start = self.position
        self.position += size
        return int.from_bytes(self.view[start : self.position], "little")

    def _need(self, size: int, what: str) -> None:
        if size > self.end - self.position:
            raise self._truncated(what)

    def _truncated(self, what: str) -> ModelFormatError:
        return truncated(self.path, what, self.position, self.end)

    def _bad(self, reason: str, reason_ja: str) -> ModelFormatError:
        return unusable(self.path, reason, reason_ja)
