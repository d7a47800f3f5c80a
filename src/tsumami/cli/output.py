"""Where output goes: stdout holds the product (text or JSON), stderr everything that is said about it.

Guarantee: `tsumami run … | other` hands on the text and nothing else; bars are drawn only on a terminal; an error is
one line without control characters, whatever a file's name or content holds. A character that a terminal cannot show is
shown as its code, and JSON stays JSON. What cannot be said on stderr ends no work.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import typer

from tsumami.cli.words import say
from tsumami.errors import RunFileError
from tsumami.storage import check_replaceable, replace_file

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from tsumami.engine import Notice
    from tsumami.models import ByteProgress


_NOT_ASCII: Final = re.compile("[^\0-\x7f]")


def write(text: str) -> None:
    """Put text on stdout at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_bytes(data: bytes) -> None:
    """Put bytes on stdout, such as a picture's."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def json_text(value: Any) -> str:
    """A value as JSON, as we print it and write it to files."""
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def write_json(value: Any) -> None:
    """Put a value on stdout as JSON."""
    write_json_text(json_text(value))


def write_json_text(text: str) -> None:
    """Put JSON on stdout, with JSON's own escapes where the encoding of stdout lacks a character."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = _NOT_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)  # it stands in strings alone
    write(text)


def note(text: str) -> None:
    """Say something about the work, dimmed on a terminal, on stderr."""
    with suppress(OSError):
        typer.secho(text, err=True, dim=True)


def tell_notices(found: Iterable[Notice]) -> None:
    """Say on stderr what llama.cpp says of a model or a prompt."""
    for one in found:
        note(say(f"注意: {one.ja}", f"Note: {one.en}"))


def warn(text: str) -> None:
    """Say on stderr, in one line, what went wrong."""
    line = "".join(mark if mark.isprintable() else " " if mark.isspace() else "\ufffd" for mark in text)
    with suppress(OSError):
        typer.secho(f"{say('エラー', 'Error')}: {line}", err=True, fg="red")


def piece(data: bytes) -> str:
    r"""A token's bytes for people: quoted, what is no character as \\x.."""
    return repr(data.decode("utf-8", "backslashreplace")).replace("\\\\x", "\\x")


def console(*, stderr: bool = False) -> Console:
    """A Rich console that prints what it is given: no markup, no guessing at numbers and paths."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def careful_streams() -> None:
    """Let a terminal that cannot show a character show its code instead of ending the run, and put nothing where
    whoever started us has closed a stream.
    """
    for name in ("stdin", "stdout", "stderr"):  # in this order each gets its own number again
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def drop_stdout() -> None:
    """Forget what stdout still holds: it cannot be written, and Python would try once more at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_writable(path: Path | None) -> None:
    """Find out before the work whether its result can be written there.

    Raises:
        RunFileError: no such folder, a folder instead of a file, or no permission.
    """
    if path is None:
        return
    try:
        check_replaceable(path)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def save_file(path: Path, content: str | bytes, *, quiet: bool = False) -> None:
    """Write a file of ours in one step, and say so: where it cannot be written, what was there before stays.

    Raises:
        RunFileError: it cannot be written.
    """
    try:
        replace_file(path, content)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    if not quiet:
        note(written(path))


def written(path: Path) -> str:
    """What is said of a file that was written, by every command in the same words."""
    return say(f"書き込みました: {path}", f"Written: {path}")


def _unwritable(path: Path, error: OSError | ValueError) -> RunFileError:
    return RunFileError(
        f"{path} cannot be written: {getattr(error, 'strerror', None) or error}; give another file"
    ).in_japanese(
        f"{path} に書き込めません: {getattr(error, 'strerror', None) or error}。別のファイルを指定してください"
    )


@dataclass(frozen=True, slots=True)
class Bars:
    """What `tsumami.load` reports to; both None where nobody watches."""

    download: ByteProgress | None = None
    loading: Callable[[float], None] | None = None


@contextmanager
def bars(model: str) -> Iterator[Bars]:
    """Bars for a download and for loading, on stderr, if it is a terminal; they vanish when the work is done."""
    with _drawn(percents=True) as progress:
        if progress is None:
            yield Bars()
            return
        fetching = progress.add_task(say(f"{model} を取得中", f"fetching {model}"), total=None, visible=False)
        loading = progress.add_task(say(f"{model} を読み込み中", f"loading {model}"), total=1.0)

        def download(done: int, total: int | None) -> None:
            progress.update(fetching, completed=done, total=total, visible=done != total)

        def load(share: float) -> None:
            checking = say("正確さを確認中（初回のみ）", "checking exactness (first time only)")
            progress.update(loading, completed=share, description=checking if share >= 1 else None)

        yield Bars(download, load)


class Show(Protocol):
    """Shows how far the work is."""

    def __call__(self, line: str, done: float | None = None, of: float | None = None) -> None:
        """A line, how much is done, and of how much (None: that is not known)."""


@contextmanager
def bar() -> Iterator[Show]:
    """A bar for the work itself; where there is no terminal it shows nothing."""
    with _drawn() as progress:
        task = None if progress is None else progress.add_task("", total=None)

        def show(line: str, done: float | None = None, of: float | None = None) -> None:
            if progress is not None and task is not None:
                progress.update(task, description=line, completed=done, total=of)

        yield show


@contextmanager
def _drawn(*, percents: bool = False) -> Iterator[Progress | None]:
    """Rich's bars on stderr, if it is a terminal; they vanish when the work is done."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()]
    if not percents:
        del columns[2]
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        yield progress
