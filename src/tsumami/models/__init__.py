"""Finding models: a name in, a checked GGUF file on this machine out.

    known      the table of the models that have a name of their own
    finding    `resolve`: what a name or a path leads to
    folders    files that have a name because they lie in a folder of models
    listing    `catalogue`: what can be named, and what of it is here
    hub, packaged, shards    where files come from: the hub, Python packages, several files that are one model
    gguf       a file's header, read without llama.cpp
    digest     a file's sha256, computed once
    adapters   LoRA adapters, and whether one fits a model
    remote_names    names of engines elsewhere, taken apart

Guarantee: nothing here loads llama.cpp, and each name is fetched when it is first asked for, so that listing models and
completing names is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.models.adapters import AdapterFile as AdapterFile
    from tsumami.models.adapters import check_adapter as check_adapter
    from tsumami.models.adapters import open_adapter as open_adapter
    from tsumami.models.digest import ByteProgress as ByteProgress
    from tsumami.models.digest import fingerprint as fingerprint
    from tsumami.models.finding import ModelFile as ModelFile
    from tsumami.models.finding import is_name as is_name
    from tsumami.models.finding import no_such_model as no_such_model
    from tsumami.models.finding import printable_name as printable_name
    from tsumami.models.finding import resolve as resolve
    from tsumami.models.folders import offer as offer
    from tsumami.models.gguf import GGUFHeader as GGUFHeader
    from tsumami.models.gguf import read_header as read_header
    from tsumami.models.known import DEFAULT_MODEL as DEFAULT_MODEL
    from tsumami.models.known import KNOWN as KNOWN
    from tsumami.models.listing import ModelEntry as ModelEntry
    from tsumami.models.listing import catalogue as catalogue
    from tsumami.models.remote_names import RemoteName as RemoteName
    from tsumami.models.remote_names import is_remote as is_remote
    from tsumami.models.remote_names import remote_name as remote_name

_HOMES = {
    "DEFAULT_MODEL": "tsumami.models.known",
    "KNOWN": "tsumami.models.known",
    "AdapterFile": "tsumami.models.adapters",
    "ByteProgress": "tsumami.models.digest",
    "GGUFHeader": "tsumami.models.gguf",
    "ModelEntry": "tsumami.models.listing",
    "ModelFile": "tsumami.models.finding",
    "catalogue": "tsumami.models.listing",
    "check_adapter": "tsumami.models.adapters",
    "open_adapter": "tsumami.models.adapters",
    "fingerprint": "tsumami.models.digest",
    "is_name": "tsumami.models.finding",
    "no_such_model": "tsumami.models.finding",
    "printable_name": "tsumami.models.finding",
    "offer": "tsumami.models.folders",
    "read_header": "tsumami.models.gguf",
    "RemoteName": "tsumami.models.remote_names",
    "is_remote": "tsumami.models.remote_names",
    "remote_name": "tsumami.models.remote_names",
    "resolve": "tsumami.models.finding",
}

__all__ = [
    "DEFAULT_MODEL",
    "KNOWN",
    "AdapterFile",
    "ByteProgress",
    "GGUFHeader",
    "ModelEntry",
    "ModelFile",
    "RemoteName",
    "catalogue",
    "check_adapter",
    "fingerprint",
    "is_name",
    "is_remote",
    "no_such_model",
    "offer",
    "open_adapter",
    "printable_name",
    "read_header",
    "remote_name",
    "resolve",
]

if not TYPE_CHECKING:  # else every name would pass for one of this face
    __getattr__, __dir__ = face(__name__, _HOMES)
