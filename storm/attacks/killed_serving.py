"""Killed while it serves: SIGKILL at a random moment to a server that four callers read from; then it starts again.

Must hold: a reader of a server that is gone hears of it (no answer that ends as if it were whole); the next server
starts on the same port with the same cache, says no word of trouble, and answers as the one before did.
"""

from __future__ import annotations

import random
import socket
import tempfile
import threading
import time
from typing import Final

import httpx

from storm.judge import Judgement
from storm.options import Options
from storm.serving import Caller, Server, calling
from storm.tally import Tally

TITLE: Final = "SIGKILL while four callers are read to; then started again"
DOOR: Final = "HTTP"

_READERS: Final = 4
_LONG: Final = {"max_tokens": 400, "seed": 1, "logit_bias": {"0": "-inf", "2": "-inf"}}
_SHORT: Final = {"max_tokens": 4, "seed": 1}


def attack(options: Options) -> Tally:
    """`options.kills` kills."""
    tally, dice = Tally(options.of(__name__)), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as cache:
        environment, port = {"TSUMAMI_CACHE": cache}, _free_port()
        first: object = None
        for number in range(options.kills):
            with Server(options, environment=environment, port=port) as server:
                with calling(server, options.patience) as caller:
                    answer = caller.call("generate", "The sky", _SHORT, None)
                first = answer.value if first is None else first
                tally.count(server.judged(answer.judgement), None, f"kill-{number}")
                if answer.value != first:
                    tally.note(
                        Judgement("lost", f"{answer.value!r} after a kill, {first!r} before"), None, f"kill-{number}"
                    )
                for judgement in _killed(server, options, dice.uniform(0.1, 1.5)):
                    tally.note(judgement, None, f"kill-{number}")
    return tally


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _killed(server: Server, options: Options, seconds: float) -> list[Judgement]:
    """What its readers thought when it was killed in mid-sentence."""
    found: list[Judgement] = []
    whole: list[int] = []

    def read(number: int) -> None:
        caller = Caller(server.url, options.patience)
        try:
            if not caller.call("generate", f"Story {number}:", _LONG, None).error:
                whole.append(number)
        except httpx.HTTPError:
            pass  # it was told
        finally:
            caller.close()

    readers = [threading.Thread(target=read, args=(number,), daemon=True) for number in range(_READERS)]
    for reader in readers:
        reader.start()
    time.sleep(seconds)
    server.process.kill()
    for reader in readers:
        reader.join(options.patience + 5)
        if reader.is_alive():
            found.append(Judgement("crashed", "a reader of a server that is gone still waits"))
    if whole and seconds < 1:  # 400 tokens take longer than that
        found.append(Judgement("lost", f"{len(whole)} readers took a torn reply for a whole one"))
    return found
