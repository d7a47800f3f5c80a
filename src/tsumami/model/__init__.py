"""Models: the one object that most users need.

    local      Model: of a model on this machine, and all that can be done with one
    elsewhere  RemoteModel: the same of a model on a server
    there      ThereStream, ThereReply: a reply that such a server chooses by itself
    loading    load: from a name to either

Guarantee: each name is fetched when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.model.elsewhere import RemoteModel as RemoteModel
    from tsumami.model.loading import load as load
    from tsumami.model.local import Model as Model
    from tsumami.model.there import ThereReply as ThereReply
    from tsumami.model.there import ThereStream as ThereStream

_HOMES = {
    "Model": "tsumami.model.local",
    "RemoteModel": "tsumami.model.elsewhere",
    "ThereReply": "tsumami.model.there",
    "ThereStream": "tsumami.model.there",
    "load": "tsumami.model.loading",
}

__all__ = ["Model", "RemoteModel", "ThereReply", "ThereStream", "load"]

if not TYPE_CHECKING:  # else every name would pass for one of this face
    __getattr__, __dir__ = face(__name__, _HOMES)
