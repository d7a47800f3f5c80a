"""Gradio's scripts and style sheets, compressed once and kept.

Guarantee: a file is given out as it lies in Gradio's folder and nothing outside of that folder is. A page is a hundred
files; on Gradio's own way, through its middlewares and compressed anew each time, they took the most of its opening.
Their names hold a hash of their contents, so a browser need not ask for one again.
"""

from __future__ import annotations

import functools
import gzip
import mimetypes
from pathlib import Path
from typing import Final

import gradio
from starlette.responses import Response

_FOLDER: Final = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_COMPRESSED: Final = frozenset({".js", ".css", ".svg", ".json"})


def asset(name: str, accepted: str) -> Response | None:
    """The file of that name for a browser that accepts these encodings; None where there is no such file."""
    path = _files().get(name)
    if path is None:
        return None
    headers = {"cache-control": _FOR_GOOD, "vary": "accept-encoding"}
    packed = path.suffix in _COMPRESSED and "gzip" in accepted
    if packed:
        headers["content-encoding"] = "gzip"
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(_content(path, packed=packed), headers=headers, media_type=kind)


@functools.cache
def _files() -> dict[str, Path]:
    """By name, so that no path of a request ever reaches the file system."""
    return {path.name: path for path in _FOLDER.iterdir() if path.is_file()} if _FOLDER.is_dir() else {}


@functools.lru_cache(maxsize=256)
def _content(path: Path, *, packed: bool) -> bytes:
    data = path.read_bytes()
    return gzip.compress(data, 6, mtime=0) if packed else data
