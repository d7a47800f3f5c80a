"""The models that can be named, for `tsumami models` and the page.

Guarantee: this machine alone is read, never the network, and of a file no more than how it begins (facts.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from tsumami.models import hub
from tsumami.models.facts import file_facts
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
    fetched on first use). `architecture`, `quantization`, and where the table does not say them `license` and
    `languages` (codes such as "ja"): what its file says of itself, which nobody has checked.
    """

    name: str
    description_ja: str
    description_en: str
    size: int | None
    license: str | None
    source: str
    place: Presence
    install: str | None = None
    architecture: str | None = None
    quantization: str | None = None
    languages: tuple[str, ...] = ()

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
    entries: list[ModelEntry | None] = [_entry(name, known) for name, known in KNOWN.items()]
    for file in hub.cached_ggufs():
        if (file.repository, file.filename) in aliased or is_later_shard(file.filename):
            continue
        name = f"{file.repository}:{file.filename}"
        entries.append(_with_facts(ModelEntry(name, *_FROM_CACHE, file.size, None, f"hub {name}", "cached"), file.path))
    for name, path in in_folders().items():
        size = path.stat().st_size
        entry = ModelEntry(name, *_FROM_FOLDER, size, None, "file in a folder of models", "folder")
        entries.append(_with_facts(entry, path))
    return [entry for entry in entries if entry is not None]


def _with_facts(entry: ModelEntry, path: Path) -> ModelEntry | None:
    """The entry with what its file says; None for a file that says that it is no model but an adapter or the like."""
    facts = file_facts(path)
    if facts is None:
        return entry
    if facts.kind != "model":
        return None
    return replace(
        entry,
        architecture=facts.architecture,
        quantization=facts.quantization,
        license=entry.license or facts.license,
        languages=entry.languages or facts.languages,
    )


def _entry(name: str, known: Known) -> ModelEntry:
    origin, size = known.origin, known.size
    place: Presence = "absent"
    path = hub.cached(origin.repository, origin.filename) if isinstance(origin, OnHub) else joined_path(origin)
    if path is not None and path.is_file():
        size, place = path.stat().st_size, "cached"
    elif isinstance(origin, Packaged) and None not in (pieces := [piece_path(*piece) for piece in origin.pieces]):
        size, place, path = sum(piece.stat().st_size for piece in pieces if piece is not None), "installed", pieces[0]
    install = origin.install if isinstance(origin, Packaged) else None
    entry = ModelEntry(
        name, known.description_ja, known.description_en, size, known.license, origin.source, place, install,
        languages=known.languages,
    )  # fmt: skip
    return entry if place == "absent" or path is None else _with_facts(entry, path) or entry
