"""Weights that come inside Python packages, in one piece or in several that make one file.

Guarantee: nothing is imported from those packages; only their files are used. A file that is joined is written under a
name of its own until its sha256 is right.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from pathlib import Path
from typing import BinaryIO

from tsumami.errors import MissingDependencyError, ModelError, ModelFormatError
from tsumami.models.digest import ByteProgress, fingerprint
from tsumami.models.known import Packaged
from tsumami.quoting import theirs
from tsumami.storage import cache_directory, replacing
from tsumami.wording import counted

__all__ = ["joined_path", "packaged_path", "piece_path"]


def piece_path(module: str, filename: str) -> Path | None:
    """The file in the installed top-level package `module`, found without importing it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (path := Path(folder, filename)).is_file():
            return path
    return None


def joined_path(origin: Packaged) -> Path | None:
    """Where several pieces are joined; None for weights in one piece, which are used where they are."""
    return cache_directory() / "models" / origin.filename if len(origin.pieces) > 1 else None


def packaged_path(name: str, origin: Packaged, progress: ByteProgress | None) -> Path:
    """The file with the weights of model `name`, joined if need be.

    Raises:
        MissingDependencyError: a package is not installed; the message says the command.
        ModelFormatError: a package is damaged.
        ModelError: the joined file cannot be written.
    """
    joined = joined_path(origin)
    if joined is not None and joined.is_file() and fingerprint(joined) == origin.sha256:
        return joined
    pieces = [path for piece in origin.pieces if (path := piece_path(*piece)) is not None]
    if len(pieces) < len(origin.pieces):
        raise MissingDependencyError(
            f"the model {name!r} comes with a package that is not installed: {origin.install}"
        ).in_japanese(f"モデル {name!r} のパッケージが入っていません: {origin.install}")
    if joined is None:
        return pieces[0]
    _join(pieces, joined, origin, progress)
    return joined


def _join(pieces: list[Path], target: Path, origin: Packaged, progress: ByteProgress | None) -> None:
    """Write the pieces as one file: under a name of its own until its sha256 is right, then moved in one step."""
    total = sum(piece.stat().st_size for piece in pieces)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as output:
            if _copy(pieces, output, total, progress) != origin.sha256:
                raise ModelFormatError(
                    f"{target.name} joined from {origin.source} has the wrong sha256: a package is damaged; "
                    f"{origin.install.replace('install', 'install --force-reinstall', 1)}"
                ).in_japanese(
                    f"{origin.source} から組み立てた {target.name} の sha256 が違います。"
                    f"パッケージが壊れています: {origin.install.replace('install', 'install --force-reinstall', 1)}"
                )
    except OSError as error:
        raise ModelError(
            f"{target.name} ({counted(total, 'byte')}) cannot be written to {target.parent}: {error.strerror or error}"
            f"{_free(target.parent)}; make room there, or set TSUMAMI_CACHE to another folder"
        ).in_japanese(
            f"{target.name}（{total:,} バイト）を {target.parent} に書けません:"
            f" {theirs(error.strerror or error)}{_free(target.parent)}。空きを作るか、"
            "TSUMAMI_CACHE に別のフォルダーを指定してください"
        ) from error


def _copy(pieces: list[Path], output: BinaryIO, total: int, progress: ByteProgress | None) -> str:
    sha = hashlib.sha256()
    done = 0
    for piece in pieces:
        with piece.open("rb") as source:
            while block := source.read(1 << 20):
                output.write(block)
                sha.update(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
    return sha.hexdigest()


def _free(folder: Path) -> str:
    try:
        return f" ({counted(shutil.disk_usage(folder).free, 'byte')} are free)"
    except OSError:
        return ""
