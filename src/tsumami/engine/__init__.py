"""Running models: tokens in, logits out.

    sequence    what is fed, and what comes back: Sequence, Feed, Rows
    program     what an engine runs, and the ticket for it: Program, Ticket
    batcher     Engine: one thread that feeds the context from everybody at once, as planning.py says
    cache       which tokens lie in the context, over cells.py (where) and radix.py (who shares a prefix)
    said        what llama.cpp says in passing, in words
    loading     from a model's name to an engine that runs; memory.py asks whether it fits
    adapting    which LoRA adapters it is loaded with
    exactness   whether the same tokens give the same bits, however they are computed; threads.py may change meanwhile

Guarantee: each name is fetched when it is first asked for, so that whoever needs the seam alone loads no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.engine.adapting import Adapter as Adapter
    from tsumami.engine.adapting import AdapterLike as AdapterLike
    from tsumami.engine.adapting import adapters_from as adapters_from
    from tsumami.engine.batcher import Engine as Engine
    from tsumami.engine.batcher import Usage as Usage
    from tsumami.engine.exactness import Exactness as Exactness
    from tsumami.engine.exactness import check_exactness as check_exactness
    from tsumami.engine.loading import EngineKeywords as EngineKeywords
    from tsumami.engine.loading import EngineOptions as EngineOptions
    from tsumami.engine.loading import LoadedModel as LoadedModel
    from tsumami.engine.loading import load as load
    from tsumami.engine.planning import SOLO as SOLO
    from tsumami.engine.planning import Policy as Policy
    from tsumami.engine.program import Breath as Breath
    from tsumami.engine.program import Program as Program
    from tsumami.engine.program import Ticket as Ticket
    from tsumami.engine.said import Notice as Notice
    from tsumami.engine.said import notices as notices
    from tsumami.engine.sequence import Feed as Feed
    from tsumami.engine.sequence import Rows as Rows
    from tsumami.engine.sequence import Sequence as Sequence
    from tsumami.engine.sequence import first_outside as first_outside
    from tsumami.machine import processor as processor
    from tsumami.machine import usable_cores as usable_cores

_HOMES = {
    "SOLO": "tsumami.engine.planning",
    "Adapter": "tsumami.engine.adapting",
    "AdapterLike": "tsumami.engine.adapting",
    "Engine": "tsumami.engine.batcher",
    "EngineKeywords": "tsumami.engine.loading",
    "EngineOptions": "tsumami.engine.loading",
    "Exactness": "tsumami.engine.exactness",
    "Feed": "tsumami.engine.sequence",
    "LoadedModel": "tsumami.engine.loading",
    "Notice": "tsumami.engine.said",
    "Policy": "tsumami.engine.planning",
    "Breath": "tsumami.engine.program",
    "Program": "tsumami.engine.program",
    "Rows": "tsumami.engine.sequence",
    "Sequence": "tsumami.engine.sequence",
    "Ticket": "tsumami.engine.program",
    "Usage": "tsumami.engine.batcher",
    "adapters_from": "tsumami.engine.adapting",
    "check_exactness": "tsumami.engine.exactness",
    "first_outside": "tsumami.engine.sequence",
    "load": "tsumami.engine.loading",
    "notices": "tsumami.engine.said",
    "processor": "tsumami.machine",
    "usable_cores": "tsumami.machine",
}

__all__ = [
    "SOLO",
    "Adapter",
    "AdapterLike",
    "Breath",
    "Engine",
    "EngineKeywords",
    "EngineOptions",
    "Exactness",
    "Feed",
    "LoadedModel",
    "Notice",
    "Policy",
    "Program",
    "Rows",
    "Sequence",
    "Ticket",
    "Usage",
    "adapters_from",
    "check_exactness",
    "first_outside",
    "load",
    "notices",
    "processor",
    "usable_cores",
]

if not TYPE_CHECKING:  # else every name would pass for one of this face
    __getattr__, __dir__ = face(__name__, _HOMES)
