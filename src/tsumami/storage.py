"""Files on this machine: how texts are read and files written, and what was found out once and can be found out again.

Guarantee: a file is written in one step, so no reader sees half of it and a full disk leaves what was there before; a
link stays a link, and a file keeps its rights. A text is read as its editor wrote it: a byte order mark says how, and
is no part of the text. A memory, a small JSON file in the cache folder, is a convenience: if it is broken, unwritable
or gone, nothing is known and nothing fails.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs

__all__ = [
    "cache_directory",
    "check_replaceable",
    "data_directory",
    "decoded",
    "recall",
    "remember",
    "replace_file",
    "replacing",
]


def cache_directory() -> Path:
    """The folder for what tsumami makes and can make again: TSUMAMI_CACHE, or the platform's own place for caches.

    Whoever has no home has no such place; the folder can then neither be read nor made.
    """
    try:
        return Path(os.environ.get("TSUMAMI_CACHE") or platformdirs.user_cache_dir("tsumami", appauthor=False))
    except RuntimeError:
        return Path(os.devnull, "tsumami")


def data_directory() -> Path:
    """The folder for what belongs to the user and cannot be made again: TSUMAMI_DATA, or the platform's own place.

    Whoever has no home has no such place; the folder can then neither be read nor made.
    """
    try:
        return Path(os.environ.get("TSUMAMI_DATA") or platformdirs.user_data_dir("tsumami", appauthor=False))
    except RuntimeError:
        return Path(os.devnull, "tsumami")


# --- texts ---


def decoded(data: str | bytes) -> str:
    """A file's content as text: UTF-8, UTF-16 or UTF-32, as a byte order mark says, or else the place of the null bytes
    that every other encoding of an ASCII character has (RFC 4627, section 3). A text loses its byte order mark.

    Raises:
        UnicodeDecodeError: it is not valid in that encoding.
    """
    if isinstance(data, bytes):
        data = data.decode(json.detect_encoding(data))
    return data.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")


# --- memories ---


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
    # no place to keep it: find it out again next time
    with contextlib.suppress(OSError, ValueError):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, json.dumps(recall(name) | {key: value}, indent=1))


def _path(name: str) -> Path:
    return cache_directory() / f"{name}.json"


# --- writing ---


def replace_file(target: Path, content: str | bytes) -> None:
    """Write a file in one step: a reader sees the old one or the new one, and a full disk leaves the old one.

    Raises:
        OSError: it cannot be written.
        ValueError: a text that UTF-8 cannot hold, or a name that no file can have.
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(target) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to, which takes the place of `target` when the block is left without an exception.

    What is no file but a device or a pipe is written to as it is.

    Raises:
        OSError: it cannot be written.
        ValueError: no file can have such a name.
    """
    place = _behind_links(target)
    before = _rights(place)
    if before is not None and not stat.S_ISREG(before):
        with place.open("wb") as device:
            yield device
        return
    temporary = place.with_name(f".tsumami-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        if before is not None:
            with contextlib.suppress(OSError):  # a file system without rights
                temporary.chmod(stat.S_IMODE(before))
        temporary.replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def check_replaceable(target: Path) -> None:
    """Find out whether `replacing` could write there, without touching what is there.

    Raises:
        OSError: it could not.
        ValueError: no file can have such a name.
    """
    place = _behind_links(target)
    before = _rights(place)
    if before is None or stat.S_ISREG(before):
        probe = place.with_name(f".tsumami-{secrets.token_hex(8)}.tmp")
        probe.touch(exist_ok=False)
        probe.unlink()


def _behind_links(target: Path) -> Path:
    return Path(os.path.realpath(target))


def _rights(place: Path) -> int | None:
    """The kind and the rights of the file that is there; None if there is none.

    Raises:
        OSError: a folder, or nothing that may be written.
    """
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
    return mode
