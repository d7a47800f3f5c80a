"""Serve: the API that other programs call, as llama-server and KoboldCpp have it, and what no server has.

    options    what the server is told when it starts         served     the model, as callers see it
    bodies     what a request may hold, typed                 asking     from a body to what is wanted, and notes
    talking    messages to prompts                            texts      from what is wanted to texts, as they grow
    tools      calls of tools, written and read
    slots      who generates where                            kept       runs that can be asked for again
    faults     what is wrong, as answers                      service    what all routes share
    wire       how answers are written, one file a program    routes     one file a family of routes
    keys, cross_origin   who may ask                          site, server   the application, and its socket

Guarantee: what comes out of a call is what `Model.run` gives for the same prompt, settings and seed, whoever else calls
at the same time. What a request holds is read through the tables of `tsumami.exchange`: what has no effect here, or
another one, stands in the answer (`tsumami.notes`) and in the log. Importing this package loads nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.serve.kept import KeptRuns as KeptRuns
    from tsumami.serve.options import ServeOptions as ServeOptions
    from tsumami.serve.served import Served as Served
    from tsumami.serve.server import serve as serve
    from tsumami.serve.service import ApiService as ApiService
    from tsumami.serve.site import api as api

_HOMES: Final = {
    "KeptRuns": "tsumami.serve.kept",
    "ServeOptions": "tsumami.serve.options",
    "Served": "tsumami.serve.served",
    "ApiService": "tsumami.serve.service",
    "api": "tsumami.serve.site",
    "serve": "tsumami.serve.server",
}

__all__ = ["ApiService", "KeptRuns", "ServeOptions", "Served", "api", "serve"]

if not TYPE_CHECKING:  # else every name would pass for one of this face
    __getattr__, __dir__ = face(__name__, _HOMES)
