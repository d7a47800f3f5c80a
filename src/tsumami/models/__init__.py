"""Finding models: a name in, a checked GGUF file on this machine out.

    known      the table of the models that have a name of their own
    finding    `resolve`: what a name or a path leads to
    listing    `catalogue`: what can be named, and what of it is here
    hub, packaged, shards    where files come from: the hub, Python packages, several files that are one model
    gguf       a file's header, read without llama.cpp
    digest     a file's sha256, computed once

Guarantee: nothing here loads llama.cpp, and each name is fetched when it is first asked for, so that listing models and
completing names is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsumami.models.digest import ByteProgress as ByteProgress
    from tsumami.models.digest import fingerprint as fingerprint
    from tsumami.models.finding import ModelFile as ModelFile
    from tsumami.models.finding import is_name as is_name
    from tsumami.models.finding import no_such_model as no_such_model
    from tsumami.models.finding import resolve as resolve
    from tsumami.models.gguf import GGUFHeader as GGUFHeader
    from tsumami.models.gguf import read_header as read_header
    from tsumami.models.known import DEFAULT_MODEL as DEFAULT_MODEL
    from tsumami.models.listing import ModelEntry as ModelEntry
    from tsumami.models.listing import catalogue as catalogue

_HOMES = {
    "DEFAULT_MODEL": "tsumami.models.known",
    "ByteProgress": "tsumami.models.digest",
    "GGUFHeader": "tsumami.models.gguf",
    "ModelEntry": "tsumami.models.listing",
    "ModelFile": "tsumami.models.finding",
    "catalogue": "tsumami.models.listing",
    "fingerprint": "tsumami.models.digest",
    "is_name": "tsumami.models.finding",
    "no_such_model": "tsumami.models.finding",
    "read_header": "tsumami.models.gguf",
    "resolve": "tsumami.models.finding",
}

__all__ = [
    "DEFAULT_MODEL",
    "ByteProgress",
    "GGUFHeader",
    "ModelEntry",
    "ModelFile",
    "catalogue",
    "fingerprint",
    "is_name",
    "no_such_model",
    "read_header",
    "resolve",
]


if not TYPE_CHECKING:  # so that a name that is not listed is an error of types, too

    def __getattr__(name: str) -> Any:
        """Fetch a name from its file when it is first asked for (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
