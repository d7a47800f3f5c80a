"""Engines elsewhere: how they are named, asked, and what they can do.

    wire          JSON over HTTP, with its failures
    record        what an engine can do, as it was found by asking it
    llama_server  a full engine: rows of the likeliest tokens
    vocabulary    its tokens
    rows          a row as it was told, and how much was not
    there         a full engine that chooses by itself for once, in one call
    by_ids        vLLM and SGLang as full engines, with a vocabulary that is here
    texts         lesser engines, which generate by themselves: Ollama, OpenAI's API, vLLM

Guarantee: each name is fetched when it is first asked for, and nothing here is loaded or asked before a model is named
that runs elsewhere. Programs are run on what comes from here by runs/elsewhere.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.remote.by_ids import IdServer as IdServer
    from tsumami.remote.by_ids import SglangServer as SglangServer
    from tsumami.remote.by_ids import VllmServer as VllmServer
    from tsumami.remote.llama_server import LlamaServer as LlamaServer
    from tsumami.remote.llama_server import ServerFacts as ServerFacts
    from tsumami.remote.record import Capabilities as Capabilities
    from tsumami.remote.record import lacks as lacks
    from tsumami.remote.rows import ToldRow as ToldRow
    from tsumami.remote.texts import TextServer as TextServer
    from tsumami.remote.texts import ToldText as ToldText
    from tsumami.remote.texts import ToldToken as ToldToken
    from tsumami.remote.texts import models_of as models_of
    from tsumami.remote.there import ThereReading as ThereReading
    from tsumami.remote.there import there_body as there_body
    from tsumami.remote.vocabulary import RemoteTokenizer as RemoteTokenizer
    from tsumami.remote.vocabulary import Vocabulary as Vocabulary
    from tsumami.remote.wire import AsyncHttpWire as AsyncHttpWire
    from tsumami.remote.wire import HttpWire as HttpWire
    from tsumami.remote.wire import Patience as Patience

_HOMES = {
    "IdServer": "tsumami.remote.by_ids",
    "SglangServer": "tsumami.remote.by_ids",
    "VllmServer": "tsumami.remote.by_ids",
    "LlamaServer": "tsumami.remote.llama_server",
    "ServerFacts": "tsumami.remote.llama_server",
    "Capabilities": "tsumami.remote.record",
    "lacks": "tsumami.remote.record",
    "ToldRow": "tsumami.remote.rows",
    "TextServer": "tsumami.remote.texts",
    "ToldText": "tsumami.remote.texts",
    "ToldToken": "tsumami.remote.texts",
    "models_of": "tsumami.remote.texts",
    "ThereReading": "tsumami.remote.there",
    "there_body": "tsumami.remote.there",
    "RemoteTokenizer": "tsumami.remote.vocabulary",
    "Vocabulary": "tsumami.remote.vocabulary",
    "AsyncHttpWire": "tsumami.remote.wire",
    "Patience": "tsumami.remote.wire",
    "HttpWire": "tsumami.remote.wire",
}

__all__ = [
    "AsyncHttpWire",
    "Capabilities",
    "HttpWire",
    "IdServer",
    "LlamaServer",
    "Patience",
    "RemoteTokenizer",
    "ServerFacts",
    "SglangServer",
    "TextServer",
    "ThereReading",
    "ToldRow",
    "ToldText",
    "ToldToken",
    "VllmServer",
    "Vocabulary",
    "lacks",
    "models_of",
    "there_body",
]

if not TYPE_CHECKING:  # else every name would pass for one of this face
    __getattr__, __dir__ = face(__name__, _HOMES)
