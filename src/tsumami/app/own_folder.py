"""The folder of what browsers send and get.

Guarantee: nobody else on this machine reads what lies in it, and it goes with the server. No Gradio is imported here.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Final

_FOLDER: Final = "GRADIO_TEMP_DIR"  # Gradio reads it whenever it needs the folder


@contextlib.contextmanager
def own_folder() -> Iterator[None]:
    """A folder for what is uploaded and handed out, for as long as the block lasts."""
    before = os.environ.get(_FOLDER)
    with tempfile.TemporaryDirectory(prefix="tsumami-", dir=before, ignore_cleanup_errors=True) as folder:
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[_FOLDER]
            else:
                os.environ[_FOLDER] = before
