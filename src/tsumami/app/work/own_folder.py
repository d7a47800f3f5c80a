"""The folder of what browsers send and get.

Guarantee: nobody else on this machine reads what lies in it; a file goes when it has lain there for a while (`tidy`),
and the folder goes with the server. What a server left that was killed goes when the next one starts; what a server
that runs has is left alone. No Gradio is imported here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tsumami.errors import RunFileError, TsumamiError
from tsumami.storage import replace_file

with contextlib.suppress(ImportError):  # elsewhere than on Unix nothing tells whether a folder's server still runs
    import fcntl

__all__ = ["folder", "hand_out", "own_folder", "tidy"]

_PREFIX: Final = "tsumami-"
_LOCK: Final = ".in-use"  # locked for as long as the server runs
_FOLDER: Final = "GRADIO_TEMP_DIR"  # Gradio reads it whenever it needs the folder


@contextlib.contextmanager
def own_folder() -> Iterator[None]:
    """A folder for what is uploaded and handed out, for as long as the block lasts.

    Raises:
        TsumamiError: there is no place for one.
    """
    before = os.environ.get(_FOLDER)
    _remove_left(before)
    with _lent(before) as made, _in_use(Path(made)):
        os.environ[_FOLDER] = made
        try:
            yield
        finally:
            if before is None:
                del os.environ[_FOLDER]
            else:
                os.environ[_FOLDER] = before


def folder() -> Path:
    """Where Gradio keeps what is uploaded and handed out: our own while a server runs."""
    return Path(os.environ.get(_FOLDER) or Path(tempfile.gettempdir(), "gradio"))


def hand_out(name: str, content: str | bytes) -> str:
    """Write a file that an answer may name; gives its path.

    Raises:
        RunFileError: there is no room for it.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=folder()), Path(name).name)
        replace_file(place, content)
    except OSError as error:  # the whole of it tells the path
        raise RunFileError(f"{name} cannot be written: {error.strerror}").in_japanese(
            f"{name} に書き込めません: {error.strerror}"
        ) from error
    return str(place)


def tidy(seconds: float) -> None:
    """Delete the files that were put into the folder longer ago than so."""
    until = time.time() - seconds
    for path in sorted(folder().rglob("*"), reverse=True):  # what is in a folder comes before it
        with contextlib.suppress(OSError):  # in use, or a folder that is not empty
            if path.name != _LOCK and path.lstat().st_mtime < until:
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _lent(parent: str | None) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise TsumamiError(
            f"there is no folder for what browsers send ({error.strerror}); set TMPDIR to one that can be written"
        ).in_japanese(
            f"ブラウザーから送られるものを置くフォルダーがありません（{error.strerror}）"
            "。書き込めるフォルダーを TMPDIR に指定してください"
        ) from error


@contextlib.contextmanager
def _in_use(made: Path) -> Iterator[None]:
    """Keep a lock in a folder while the block lasts; it is locked before it has its name, so nobody finds it open."""
    temporary = made / f"{_LOCK}.new"
    with temporary.open("wb") as lock:
        _locked(lock.fileno())
        temporary.rename(made / _LOCK)
        yield


def _remove_left(parent: str | None) -> None:
    """Remove the folders of servers that run no more."""
    with contextlib.suppress(OSError):
        for lock in Path(parent or tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
            with contextlib.suppress(OSError), lock.open("rb") as file:
                if _locked(file.fileno()):
                    shutil.rmtree(lock.parent, ignore_errors=True)


def _locked(file: int) -> bool:
    """Lock a file; whether nobody else has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, NameError):
        return False
    return True
