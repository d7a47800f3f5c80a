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

__all__ = ["folder", "own_folder", "place_for"]

_FOLDER: Final = "GRADIO_TEMP_DIR"  # Gradio reads it whenever it needs the folder


@contextlib.contextmanager
def own_folder() -> Iterator[None]:
    """A folder for what is uploaded and handed out, for as long as the block lasts."""
    before = os.environ.get(_FOLDER)
    with tempfile.TemporaryDirectory(prefix="tsumami-", dir=before, ignore_cleanup_errors=True) as made:
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


def place_for(name: str) -> Path:
    """Where a file can be written that an answer may name."""
    folder().mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=folder())) / name
