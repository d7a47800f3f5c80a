"""Clients that read slowly, stop reading, send half a request, or die; and somebody who just wants an answer meanwhile.

Must hold: the one who asks properly gets the whole reply, and waits at most a few times what it takes alone; and soon
after all the others are gone, nothing of theirs is left: no connection, no thread, no generation.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from storm.footprint import leaks
from storm.judge import Judgement
from storm.options import Options
from storm.serving import Caller, Server, at_once, calling
from storm.tally import Tally

TITLE: Final = "clients that read slowly, send half a request, or die"
DOOR: Final = "HTTP"

_CLIENTS: Final = 24  # of each kind
_TIMES: Final = 10.0  # as long as alone, at most; generous: the endless ones take their share of the engine
_ENDLESS: Final = {"max_tokens": 0, "seed": 1, "logit_bias": {"0": "-inf", "2": "-inf", "4": "-inf"}}
_SHORT: Final = {"max_tokens": 8, "seed": 1}


def attack(options: Options) -> Tally:
    """A few of each kind at once."""
    tally = Tally(options.of(__name__))
    count = min(_CLIENTS, max(2, options.sessions))
    with Server(options) as server, calling(server, options.patience) as caller:
        at_once(count + 2, lambda number: caller.call("generate", f"Warm {number}:", _SHORT, None))  # it keeps threads
        alone, text = min(_timed(caller) for _ in range(3))
        for kind in (_half_a_request, _never_reads, _reads_a_byte, _dies):
            before = server.footprint()
            with contextlib.ExitStack() as stack:
                for number in range(count):
                    tally.count(_tried(kind, server, stack, number), None, kind.__name__)
                seconds, again = _timed(caller)
                tally.facts[f"{kind.__name__.strip('_')}: times"] = round(seconds / alone, 1)
                if again != text:
                    tally.note(Judgement("lost", f"{again!r} instead of {text!r}"), None, kind.__name__)
                if seconds > _TIMES * max(alone, 0.2):
                    tally.note(
                        Judgement("crashed", f"others waited {seconds:.1f} s instead of {alone:.1f} s"),
                        None,
                        kind.__name__,
                    )
            for leak in leaks(before, server.footprint, memory=False, rest=30):
                tally.note(Judgement("leaked", f"{kind.__name__}: {leak}"), None, kind.__name__)
            if (busy := _busy(server)) > 0.5:
                tally.note(
                    Judgement("leaked", f"{kind.__name__}: it still computes, {busy:.1f} cores"), None, kind.__name__
                )
        tally.note(server.judged(Judgement("passed")), None, "log")
    return tally


def _timed(caller: Caller) -> tuple[float, str]:
    begun = time.monotonic()
    answer = caller.call("generate", "The sky", _SHORT, None)
    return time.monotonic() - begun, str(answer.value)


def _busy(server: Server) -> float:
    """Cores that it uses, after a while for it to notice."""

    def ticks() -> int:
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:  # noqa: PTH123
            return sum(map(int, file.read().rpartition(")")[2].split()[11:13]))

    for _ in range(10):
        before = ticks()
        time.sleep(1)
        busy = (ticks() - before) / 100
        if busy < 0.2:
            break
    return busy


def _tried(
    kind: Callable[[Server, contextlib.ExitStack, int], None], server: Server, stack: contextlib.ExitStack, number: int
) -> Judgement:
    try:
        kind(server, stack, number)
    except OSError as error:
        return Judgement("refused", f"the connection was refused: {error}")
    return Judgement("passed")


def _connected(server: Server, stack: contextlib.ExitStack) -> socket.socket:
    parts = urlsplit(server.url)
    made = socket.create_connection((parts.hostname, parts.port), timeout=10)
    return stack.enter_context(contextlib.closing(made))


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    lines = (
        f"{method} /en/gradio_api/{path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def _begun(server: Server, stack: contextlib.ExitStack, number: int) -> socket.socket:
    """A connection on which an endless reply has been asked for."""
    body = json.dumps({"data": [f"Story {number}:", _ENDLESS, None]}).encode()
    asking = _connected(server, stack)
    asking.sendall(_request("POST", "call/generate", body))
    answer = b""
    while b"event_id" not in answer or not answer.endswith(b"}"):
        more = asking.recv(4096)
        if not more:
            raise ConnectionError("it hung up")
        answer += more
    event = json.loads(answer.partition(b"\r\n\r\n")[2])["event_id"]
    reading = _connected(server, stack)
    reading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reading.sendall(_request("GET", f"call/generate/{event}"))
    return reading


def _half_a_request(server: Server, stack: contextlib.ExitStack, number: int) -> None:
    whole = _request("POST", "call/run", b'{"data": ["x", {}, null]}')
    _connected(server, stack).sendall(whole[: 5 + number * 7 % (len(whole) - 6)])


def _never_reads(server: Server, stack: contextlib.ExitStack, number: int) -> None:
    _begun(server, stack, number)


def _reads_a_byte(server: Server, stack: contextlib.ExitStack, number: int) -> None:
    _begun(server, stack, number).recv(1)


def _dies(server: Server, stack: contextlib.ExitStack, number: int) -> None:
    """The other side resets the connection, as a process does that is killed."""
    one = _begun(server, stack, number)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    one.close()
