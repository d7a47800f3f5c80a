"""Models: the one object that most users need.

    local      Model: of a model on this machine, and all that can be done with one
    elsewhere  RemoteModel: the same of a model on a server
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

_HOMES = {
    "Model": "tsumami.model.local",
    "RemoteModel": "tsumami.model.elsewhere",
    "load": "tsumami.model.loading",
}

__all__ = ["Model", "RemoteModel", "load"]

if not TYPE_CHECKING:  # else every name would pass for one of this face
    __getattr__, __dir__ = face(__name__, _HOMES)
