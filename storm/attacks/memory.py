"""Memory over many requests: every endpoint that needs no file, one after the other, each time from another caller.

Must hold: after the first fifth (200 of 1,000), what the server holds stays within 5 %.
"""

from __future__ import annotations

import random
from typing import Any, Final

from storm.footprint import leaks
from storm.judge import Judgement
from storm.options import Options
from storm.serving import Caller, Server
from storm.tally import Tally

TITLE: Final = "requests in a row, each from another caller"
DOOR: Final = "HTTP"

_SHORT: Final = {"max_tokens": 4, "seed": 1}


def attack(options: Options) -> Tally:
    """`options.requests` requests."""
    tally, dice = Tally(options.of(__name__)), random.Random(options.seed)
    warm_after = max(1, options.requests // 5)
    with Server(options) as server:
        warm = server.footprint()
        for number in range(options.requests):
            caller = Caller(server.url, options.patience)
            name, *data = _request(dice)
            since = server.log.stat().st_size
            tally.count(server.judged(caller.call(name, *data).judgement, since), [name, *data], f"request-{number}")
            caller.close()
            if number + 1 == warm_after:
                warm = server.footprint()
        for leak in leaks(warm, server.footprint, rest=30):
            tally.note(Judgement("leaked", leak), None, "after-all-requests")
        tally.facts["memory MB"] = f"{warm.memory / 1e6:.0f} to {server.footprint().memory / 1e6:.0f}"
    return tally


def _request(dice: random.Random) -> tuple[Any, ...]:
    text, knobs = (
        f"The {dice.choice(('sky', 'sea', 'cat'))} {dice.randrange(1000)}",
        {**_SHORT, "temperature": dice.choice((0, 0.8, 1.5))},
    )
    return dice.choice((
        ("run", text, knobs, None), ("generate", text, knobs, None), ("chat", [{"role": "user", "content": text}],
        knobs, None, None, None, None),
        ("tokenize", text, True, True, None), ("model", None), ("check_settings", {"top_k": dice.randrange(-5, 50)}),
        ("knobs",), ("presets",),
        ("next_token", text, knobs, 0, None), ("compare", text, [{"top_k": 3}, {"top_k": 9}], knobs, None), ("models",),
        ("run", text, {**knobs, "grammar": f'root ::= "{dice.randrange(10**6)}"'}, None),
        ("run", text, {**knobs, "regex": f"[a-z]{{1,{dice.randrange(1, 99)}}}"}, None),
    ))  # fmt: skip
