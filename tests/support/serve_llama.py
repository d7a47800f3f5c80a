"""Run by the Python of the environment that has `xllamacpp`: path, port, slots, cells; serves until stdin ends."""

from __future__ import annotations

import sys
import time

import xllamacpp


def serve(path: str, port: int, slots: int, cells: int) -> None:
    """Serve until stdin ends."""
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel, params.n_gpu_layers = cells, slots, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.hostnames, params.port = ["127.0.0.1"], port
    params.cont_batching = params.cache_prompt = True
    params.n_threads_http = slots + 2
    params.verbosity = -1
    server = xllamacpp.Server(params)
    while not server.listening_address:
        time.sleep(0.01)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1], *map(int, sys.argv[2:]))
