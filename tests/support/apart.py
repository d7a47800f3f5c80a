"""What tests let run apart: a function that does to its process whatever it is asked to."""

from __future__ import annotations

import os
import sys
import time

_KEPT: list[bytes] = []


def obey(request: bytes) -> bytes:
    """`pid`, `compute`, `wait`, `die`, `take`: memory, `scream`; anything else comes back."""
    match request:
        case b"pid":
            return str(os.getpid()).encode()
        case b"compute":
            while True:
                pass
        case b"wait":
            time.sleep(600)
        case b"die":
            os.abort()
        case b"take":
            _KEPT.append(b"x" * (50 << 20))
        case b"scream":
            sys.stdout.write("loud")
    return request
