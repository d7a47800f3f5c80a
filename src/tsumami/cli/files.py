"""Texts from outside: prompt files, stdin, settings files and `@file` values, read as strict UTF-8.

Guarantee: what is not UTF-8 is refused with the position of the byte, never replaced; a file that cannot be read is
named with the reason.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tsumami.errors import PromptError, SettingsError, TsumamiError


def decode(data: bytes, where: str, kind: type[TsumamiError] = PromptError) -> str:
    """Bytes as text; `kind` is the error that names the first byte that is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise kind(
            f"{where} is not valid UTF-8 at byte {error.start} (0x{data[error.start]:02x}): {error.reason};"
            " save it as UTF-8"
        ) from error


def read_text(path: str, kind: type[TsumamiError] = PromptError) -> str:
    """The text of a file; `kind` is the error of a file that cannot be read."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise kind(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return decode(data, path, kind)


def without_last_newline(text: str) -> str:
    """As llama.cpp does with prompt files: editors and `echo` put one newline at the end that nobody means."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def read_prompt(text: str | None, file: str | None) -> str:
    """The prompt: the given text, a file, or stdin (`-`, or nothing given and stdin is not a terminal).

    Raises:
        PromptError: both or none were given, or what was given cannot be read.
    """
    if text is not None and file is not None:
        raise PromptError("a prompt and --file were both given; give one of them")
    if file is not None and file != "-":
        return without_last_newline(read_text(file))
    if text is not None and text != "-":
        return text
    if text is None and file is None and sys.stdin.isatty():
        raise PromptError('no prompt: give a text (tsumami run "Once upon a time"), --file FILE, or pipe one in')
    return without_last_newline(decode(sys.stdin.buffer.read(), "stdin"))


def read_json(path: str) -> Any:
    """What a JSON file holds.

    Raises:
        SettingsError: it cannot be read or is no JSON; the message names line and column.
    """
    text = read_text(path, SettingsError)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
