"""What a model's file says of itself in its first bytes: for lists of models, which open many files.

Guarantee: at most 64 KiB of a file are read, once for as long as it stays as it is; nothing that a file holds makes
this fail, take long, or put a control character or a line break on somebody's screen.
"""

from __future__ import annotations

import functools
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tsumami.errors import ModelError
from tsumami.models.gguf import Value, metadata_at_beginning
from tsumami.models.gguf_types import file_type_name

__all__ = ["FileFacts", "file_facts"]

_BYTES: Final = 1 << 16  # what is general comes first in a file; the vocabulary, which is long, later
_REMEMBERED: Final = 1024
_LONGEST: Final = 40  # characters of a fact
_LANGUAGES: Final = 8


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file says; None and () where it says nothing. `kind`: "model", or "adapter" and the like."""

    kind: str = "model"
    architecture: str | None = None
    quantization: str | None = None
    license: str | None = None
    languages: tuple[str, ...] = ()


def file_facts(path: Path) -> FileFacts | None:
    """What the file says of itself; None: it is no GGUF file, or cannot be read."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return _facts(path, found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


@functools.lru_cache(maxsize=_REMEMBERED)
def _facts(path: Path, _changed: int, _size: int) -> FileFacts | None:
    try:
        with path.open("rb") as file:
            said = metadata_at_beginning(path, file.read(_BYTES))
    except (OSError, ModelError):
        return None
    languages = said.get("general.languages")
    return FileFacts(
        kind=_plain(said.get("general.type")) or "model",
        architecture=_plain(said.get("general.architecture")),
        quantization=_quantization(said.get("general.file_type")),
        license=_plain(said.get("general.license")),
        languages=tuple(filter(None, map(_plain, languages[:_LANGUAGES]))) if isinstance(languages, tuple) else (),
    )


def _plain(value: Value | None) -> str | None:
    """A text as it can be shown, or None."""
    if not isinstance(value, str):
        return None
    return "".join(mark for mark in value if mark.isprintable())[:_LONGEST].strip() or None


def _quantization(file_type: Value | None) -> str | None:
    return file_type_name(file_type) if isinstance(file_type, int) else None
