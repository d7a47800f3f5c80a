"""The models that can be named, for `tsumami models` and the page.

Guarantee: this machine alone is read, never the network, and no weights are opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tsumami.models import hub
from tsumami.models.folders import in_folders
from tsumami.models.known import KNOWN, Known, OnHub, Packaged
from tsumami.models.packaged import joined_path, piece_path
from tsumami.models.shards import is_later_shard

__all__ = ["ModelEntry", "catalogue"]

Presence = Literal["installed", "cached", "folder", "absent"]

_FROM_FOLDER: Final = ("モデルのフォルダーにあるモデル", "in a folder of models")
_FROM_CACHE: Final = ("ハブのキャッシュにあるモデル", "in the hub's cache")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A line of `tsumami models`: a name that `resolve` takes, and what is known of it without the network.

    `size` is in bytes, None if unknown. `place`: "installed" with a Python package, "cached" in the hub's cache or
    joined in ours, in a "folder" of models, or "absent". `install` is the command that brings a packaged one (None:
    fetched on first use).
    """

    name: str
    description_ja: str
    description_en: str
    size: int | None
    license: str | None
    source: str
    place: Presence
    install: str | None = None

    @property
    def here(self) -> bool:
        """Whether the model can be used without the network."""
        return self.place != "absent"


def catalogue() -> list[ModelEntry]:
    """The aliases, then the other GGUF files in the hub's cache, then those in folders of models; reads this machine
    only, never the network.
    """
    aliased = {(known.origin.repository, known.origin.filename) for known in KNOWN.values()
               if isinstance(known.origin, OnHub)}  # fmt: skip
    entries = [_entry(name, known) for name, known in KNOWN.items()]
    for file in hub.cached_ggufs():
        if (file.repository, file.filename) in aliased or is_later_shard(file.filename):
            continue
        name = f"{file.repository}:{file.filename}"
        entries.append(ModelEntry(name, *_FROM_CACHE, file.size, None, f"hub {name}", "cached"))
    for name, path in in_folders().items():
        entries.append(
            ModelEntry(name, *_FROM_FOLDER, path.stat().st_size, None, "file in a folder of models", "folder")
        )
    return entries


def _entry(name: str, known: Known) -> ModelEntry:
    origin, size = known.origin, known.size
    place: Presence = "absent"
    path = hub.cached(origin.repository, origin.filename) if isinstance(origin, OnHub) else joined_path(origin)
    if path is not None and path.is_file():
        size, place = path.stat().st_size, "cached"
    elif isinstance(origin, Packaged) and None not in (pieces := [piece_path(*piece) for piece in origin.pieces]):
        size, place = sum(piece.stat().st_size for piece in pieces if piece is not None), "installed"
    install = origin.install if isinstance(origin, Packaged) else None
    return ModelEntry(
        name, known.description_ja, known.description_en, size, known.license, origin.source, place, install
    )
