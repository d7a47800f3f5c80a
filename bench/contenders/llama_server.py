"""llama-server, from the wheel `xllamacpp`: the C++ server in a process of its own, spoken to over loopback HTTP.

Its arithmetic is its own (a newer llama.cpp, prebuilt, the library's default kernels); same weights, same number of
threads, as many slots as there are requests, each slot with room for the whole run. The measure drives it with one
connection per request and without streaming, which is the least work for it.
"""

from __future__ import annotations

from typing import Any

import xllamacpp


def make(path: str, threads: int, slots: int, cells: int) -> LlamaServer:
    """Start a server with `slots` slots that share `cells` tokens of context."""
    return LlamaServer(path, threads, slots, cells)


class LlamaServer:
    """A running server."""

    def __init__(self, path: str, threads: int, slots: int, cells: int) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = path
        params.n_ctx, params.n_parallel, params.n_gpu_layers = cells, slots, 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.hostnames, params.port = ["127.0.0.1"], 0
        params.cont_batching = params.cache_prompt = True
        params.n_threads_http = slots + 2
        params.verbosity = -1
        self._server = xllamacpp.Server(params)

    def facts(self) -> dict[str, Any]:
        """Where it listens, and what it is."""
        return {
            "address": self._server.listening_address,
            "build": str(xllamacpp.BUILD_INFO),
            "system": str(xllamacpp.get_system_info()),
        }
