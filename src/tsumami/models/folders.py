"""Folders of models: files that can be named by where they lie below a folder, wherever one stands.

Guarantee: a name leads to a file below one of the folders in TSUMAMI_MODELS and to no other: it is looked up among the
files that lie there, so no path can be made of it, and a link that leads out of the folder leads nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tsumami.errors import ModelNotFoundError
from tsumami.models.shards import is_later_shard

__all__ = ["VARIABLE", "in_folders", "offer"]

VARIABLE: Final = "TSUMAMI_MODELS"  # folders, one after the other as in PATH


def offer(folders: Iterable[Path]) -> None:
    """Let the models in these folders have names, beside those that have one; for this process and its children.

    Raises:
        ModelNotFoundError: there is no such folder.
    """
    given = list(folders)
    for folder in given:
        if not folder.is_dir():
            raise ModelNotFoundError(f"{folder}: there is no such folder of models").in_japanese(
                f"{folder}: そういうモデルのフォルダーはありません"
            )
    before = os.environ.get(VARIABLE, "")
    os.environ[VARIABLE] = os.pathsep.join([*(str(folder.absolute()) for folder in given), *filter(None, [before])])


def in_folders() -> dict[str, Path]:
    """The models by name, such as `qwen/qwen.gguf`; where two folders have one, it is the first folder's."""
    found: dict[str, Path] = {}
    for folder in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        for name, path in _below(Path(folder)):
            found.setdefault(name, path)
    return found


def _below(folder: Path) -> list[tuple[str, Path]]:
    try:
        root = folder.resolve()
        files = [path for path in sorted(root.rglob("*")) if path.suffix.lower() == ".gguf" and path.is_file()]
        return [
            (path.relative_to(root).as_posix(), path)
            for path in files
            if path.resolve().is_relative_to(root) and not is_later_shard(path.name)
        ]
    except (OSError, RuntimeError):
        return []
