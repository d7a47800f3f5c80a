"""The folder of what browsers send and get.

Guarantee: nobody else on this machine reads what lies in it, and it goes with the server. No Gradio is imported here.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tsumami.errors import RunFileError, TsumamiError
from tsumami.storage import replace_file

__all__ = ["folder", "hand_out", "own_folder"]

_FOLDER: Final = "GRADIO_TEMP_DIR"  # Gradio reads it whenever it needs the folder


@contextlib.contextmanager
def own_folder() -> Iterator[None]:
    """A folder for what is uploaded and handed out, for as long as the block lasts.

    Raises:
        TsumamiError: there is no place for one.
    """
    before = os.environ.get(_FOLDER)
    try:
        lent = tempfile.TemporaryDirectory(prefix="tsumami-", dir=before, ignore_cleanup_errors=True)
    except OSError as error:
        raise TsumamiError(
            f"there is no folder for what browsers send ({error.strerror}); set TMPDIR to one that can be written"
        ) from error
    with lent as made:
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
        raise RunFileError(f"{name} cannot be written: {error.strerror}") from error
    return str(place)
