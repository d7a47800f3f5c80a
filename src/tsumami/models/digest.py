"""A model file's sha256: the name of its weights in every receipt, computed once a file and remembered.

Guarantee: the fingerprint is that of the bytes on disk. It is remembered under the file's real path together with size
and modification time in nanoseconds, and a changed file is hashed again.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tsumami.errors import ModelError, ModelNotFoundError
from tsumami.quoting import theirs
from tsumami.stopping import check_wanted
from tsumami.storage import recall, remember

__all__ = ["ByteProgress", "fingerprint"]

ByteProgress = Callable[[int, int | None], object]
"""Called with the bytes done and the bytes in all (None while that is not known)."""

_BLOCK: Final = 1 << 20
_MEMORY: Final = "fingerprints"
# A file changed twice within one tick of the file system's clock keeps its time; a file this young is not remembered.
_SETTLED_NS: Final = 2_000_000_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def fingerprint(*paths: str | os.PathLike[str], progress: ByteProgress | None = None) -> str:
    """The sha256 of a model's file, 64 hexadecimal digits; of a split model, the sha256 of its shards' digits in order.

    Raises:
        ModelNotFoundError: no such file.
        ModelError: a file cannot be read.
    """
    if not paths:
        raise ValueError("fingerprint needs at least one file")
    digests = [_one(Path(path), progress) for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _one(path: Path, progress: ByteProgress | None) -> str:
    try:
        real = path.resolve(strict=True)
        before = _state(real)
        memory = recall(_MEMORY)
        known = memory.get(str(real))
        if isinstance(known, dict) and known.get("state") == before and _SHA256.fullmatch(str(known.get("sha256"))):
            return str(known["sha256"])
        digest = _hash(real, before[0], progress)
        if _state(real) == before and time.time_ns() - before[1] > _SETTLED_NS:
            remember(_MEMORY, str(real), {"state": before, "sha256": digest})
        return digest
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"no such file: {path}").in_japanese(f"ファイルがありません: {path}") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}").in_japanese(
            f"{path} が読めません: {theirs(error.strerror or error)}"
        ) from error


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _hash(path: Path, size: int, progress: ByteProgress | None) -> str:
    sha = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            check_wanted()
            sha.update(block)
            done += len(block)
            if progress is not None:
                progress(done, size)
    return sha.hexdigest()
