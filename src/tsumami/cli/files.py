"""Texts from outside: prompt files, stdin, settings files and `@file` values, in UTF-8 or as a byte order mark says.

Guarantee: what is not valid is refused with the position of the byte, never replaced; a byte order mark is no part of a
text; a file that cannot be read is named with the reason.
"""

from __future__ import annotations

import codecs
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tsumami.errors import PromptError, SettingsError, TsumamiError
from tsumami.quoting import theirs
from tsumami.storage import decoded


def decode(data: bytes, where: str, kind: type[TsumamiError] = PromptError) -> str:
    """Bytes as text; `kind` is the error that names the first byte that is not valid."""
    try:
        return decoded(data)
    except UnicodeDecodeError as error:
        raise _invalid(where, error, kind) from error


def _invalid(where: str, error: UnicodeDecodeError, kind: type[TsumamiError]) -> TsumamiError:
    encoding = error.encoding.upper().removesuffix("-LE").removesuffix("-BE")
    return kind(
        f"{where} is not valid {encoding} at byte {error.start} (0x{error.object[error.start]:02x}): {error.reason};"
        " save it as UTF-8"
    ).in_japanese(
        f"{where} は {encoding} として正しくありません（バイト {error.start}、"
        f"0x{error.object[error.start]:02x}: {theirs(error.reason)}）。UTF-8 で保存してください"
    )


def read_text(path: str, kind: type[TsumamiError] = PromptError) -> str:
    """The text of a file; `kind` is the error of a file that cannot be read."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise kind(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}").in_japanese(
            f"{path} が読めません: {getattr(error, 'strerror', None) or error}"
        ) from error
    return decode(data, path, kind)


def lines(stream: BinaryIO, where: str) -> Iterator[str]:
    """The lines of a stream as soon as each is there, without their ends.

    Raises:
        PromptError: a line is not valid in the encoding that the stream began with.
    """
    first = stream.readline()
    encoding = json.detect_encoding(first)
    width = {"utf-16": 2, "utf-32": 4}.get(encoding[:6], 1)
    decoder = codecs.getincrementaldecoder(encoding)()
    text, number = "", 1
    for part in itertools.chain([first], iter(stream.readline, b""), [b""]):
        whole = part + stream.read(-len(part) % width)  # a wide line end may go on after the byte that readline seeks
        try:
            text += decoder.decode(whole, final=not part)
        except UnicodeDecodeError as error:
            raise _invalid(f"{where} line {number}", error, PromptError) from error
        if text.endswith("\n") or (text and not part):  # else the byte was a part of another character
            yield decoded(text).rstrip("\r\n")
            text, number = "", number + 1


def without_last_newline(text: str) -> str:
    """As llama.cpp does with prompt files: editors and `echo` put one newline at the end that nobody means."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def read_prompt(text: str | None, file: str | None) -> str:
    """The prompt: the given text, a file, or stdin (`-`, or nothing given and stdin is not a terminal).

    Raises:
        PromptError: both or none were given, or what was given cannot be read.
    """
    if text is not None and file is not None:
        raise PromptError("a prompt and --file were both given; give one of them").in_japanese(
            "プロンプトと --file の両方が指定されました。どちらか 1 つにしてください"
        )
    if file is not None and file != "-":
        return without_last_newline(read_text(file))
    if text is not None and text != "-":
        return text
    if text is None and file is None and sys.stdin.isatty():
        raise PromptError(
            'no prompt: give a text (tsumami run "Once upon a time"), --file FILE, or pipe one in'
        ).in_japanese(
            'プロンプトがありません。文章（tsumami run "Once upon a time"）'
            "か --file FILE を指定するか、パイプで渡してください"
        )
    return without_last_newline(decode(sys.stdin.buffer.read(), "stdin"))


def json_in(text: str, path: str) -> Any:
    """What the text of a JSON file holds.

    Raises:
        SettingsError: it is no JSON; the message names line and column.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not JSON: {error}").in_japanese(
            f"{path} は JSON ではありません: {theirs(error)}"
        ) from error
