"""Files of ours on this machine: how they are written, and what was found out once and can be found out again.

Guarantee: a file is written in one step, so no reader sees half of it and a full disk leaves what was there before. A
memory, a small JSON file in the cache folder, is a convenience: if it is broken, unwritable or gone, nothing is known
and nothing fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs

__all__ = ["cache_directory", "recall", "remember", "replace_file", "replacing"]


def cache_directory() -> Path:
    """The folder for what tsumami makes and can make again: TSUMAMI_CACHE, or the platform's own place for caches."""
    return Path(os.environ.get("TSUMAMI_CACHE") or platformdirs.user_cache_dir("tsumami", appauthor=False))


def recall(name: str) -> dict[str, Any]:
    """All that is remembered under `name`; empty if that is nothing."""
    try:
        memory = json.loads(_path(name).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return memory if isinstance(memory, dict) else {}


def remember(name: str, key: str, value: Any) -> None:
    """Keep `value`, which JSON must be able to hold, under `key`."""
    target = _path(name)
    # no place to keep it, or a path that UTF-8 cannot hold: find it out again next time
    with contextlib.suppress(OSError, ValueError):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, json.dumps(recall(name) | {key: value}, indent=1))


def replace_file(target: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old one or the new one, and a full disk leaves the old one.

    Raises:
        OSError: it cannot be written.
        ValueError: the text cannot be written as UTF-8.
    """
    data = text.encode()
    with replacing(target) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to, which takes the place of `target` when the block is left without an exception."""
    temporary = target.with_name(f"{target.stem}-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _path(name: str) -> Path:
    return cache_directory() / f"{name}.json"
