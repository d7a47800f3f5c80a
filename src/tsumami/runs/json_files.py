"""The files of results (runs, maps, grids): one JSON object each, with its version and its kind.

Guarantee: a file is written in one step, so a disk that is full leaves what was there before; whatever is wrong with a
file is a RunFileError that says what was expected.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tsumami.errors import RunFileError, japanese
from tsumami.storage import decoded, replace_file

__all__ = ["file_text", "read_file", "read_form", "write_file"]


def write_file(path: str | os.PathLike[str], text: str) -> None:
    """Write a result's JSON and a line end, in one step.

    Raises:
        RunFileError: it cannot be written.
    """
    try:
        replace_file(Path(path), text + "\n")
    except (OSError, ValueError) as error:
        raise RunFileError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}").in_japanese(
            f"{path} に書き込めません: {getattr(error, 'strerror', None) or error}"
        ) from error


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a result's file.

    Raises:
        RunFileError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise RunFileError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}").in_japanese(
            f"{path} が読めません: {getattr(error, 'strerror', None) or error}"
        ) from error


def file_text(content: str | bytes, what: str) -> str:
    """The text of a result's file, whatever its editor saved it as.

    Raises:
        RunFileError: it is no text.
    """
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        raise RunFileError(f"this is not a {what}: not valid {error.encoding} at byte {error.start}").in_japanese(
            f"これは {what} ではありません。{error.encoding} として正しくありません（バイト {error.start}）"
        ) from error


def read_form(text: str | bytes, what: str, version: int, kind: str | None = None) -> dict[str, Any]:
    """The object that a file of ours holds, without its `version` and `kind`.

    Args:
        text: JSON.
        what: what the file is called in messages.
        version: the one format version that is read.
        kind: what `kind` must be; None for run files, which have none.

    Raises:
        RunFileError: not JSON, no such object, or another version.
    """
    try:
        form = json.loads(file_text(text, what))
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"this is not a {what}: no valid JSON ({error})").in_japanese(
            f"これは {what} ではありません。正しい JSON ではありません（{japanese(error)}）"
        ) from error
    if not isinstance(form, dict) or "version" not in form or form.pop("kind", None) != kind:
        expected = "a `version` and no `kind`" if kind is None else f"a `version` and `kind` {kind}"
        raise RunFileError(f"this is not a {what}: an object with {expected} is expected").in_japanese(
            f"これは {what} ではありません。{expected} のあるオブジェクトのはずです"
        )
    found = form.pop("version")
    if type(found) is not int or found != version:
        raise RunFileError(
            f"this {what} has format version {found!r}; this tsumami reads version {version}"
        ).in_japanese(f"この {what} の形式の版は {found!r} ですが、この tsumami が読めるのは {version} です")
    return form
