"""A crowd: many sessions for minutes, who generate, stop, leave in mid-reply, change the model and come back.

Must hold: who waits for a reply gets the very text that the model gives alone (each asks for one of a few things, whose
texts are known before); whoever is refused is told why; and when all have left, nothing of theirs is left.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from storm.footprint import leaks
from storm.judge import Judgement
from storm.options import Options
from storm.serving import Caller, Server, at_once, calling
from storm.tally import Tally
from tsumami.models import resolve

TITLE: Final = "sessions that generate, stop, leave and change the model"
DOOR: Final = "HTTP"

_TOPICS: Final = ("The sky", "Once upon a time", "Bread is", "猫は", "In 1969", "def main():")
_KNOBS: Final = (
    {"seed": 1},
    {"seed": 2, "temperature": 1.3},
    {"seed": 3, "mirostat_mode": 2},
    {"seed": 4, "regex": "[a-z ]{5,40}"},
    {"temperature": 0},
)
_WARM: Final = 12  # calls


@dataclass(slots=True)
class _Crowd:
    """What all sessions share."""

    server: Server
    options: Options
    models: list[str]
    known: dict[str, Any]
    tally: Tally
    until: float
    lock: Any


def attack(options: Options) -> Tally:
    """`options.sessions` sessions for `options.minutes`."""
    tally = Tally(options.of(__name__))
    with tempfile.TemporaryDirectory() as folder, Server(options) as server:
        model = resolve(options.model)
        other = Path(shutil.copy(model.path, Path(folder) / "other.gguf"))
        models = [options.model, str(other)]
        with calling(server, options.patience) as caller:
            known = {
                _key(topic, knobs): caller.call("generate", topic, {"max_tokens": 12, **knobs}, None).value
                for topic in _TOPICS for knobs in _KNOBS
            }  # fmt: skip
            caller.call("generate", "x", {"max_tokens": 1}, models[1])
        crowd = _Crowd(server, options, models, known, tally, 0.0, threading.Lock())
        _stay(
            crowd, seconds=min(60.0, options.minutes * 12)
        )  # a fifth of the time: what it holds after that, it may hold
        time.sleep(2)
        warm = server.footprint()
        _stay(crowd, seconds=options.minutes * 60)
        for leak in leaks(warm, server.footprint, rest=60):
            tally.note(Judgement("leaked", leak), None, "after-all-had-left")
        tally.note(server.judged(Judgement("passed")), None, "log")
        tally.note(server.end(), None, "end")
        tally.facts["memory MB"] = f"{warm.memory / 1e6:.0f} after the warm-up"
    return tally


def _stay(crowd: _Crowd, seconds: float) -> None:
    crowd.until = time.monotonic() + seconds
    at_once(crowd.options.sessions, lambda number: _session(crowd, number))


def _key(topic: str, knobs: dict[str, Any]) -> str:
    return f"{topic} {knobs}"


def _session(crowd: _Crowd, number: int) -> None:
    dice = random.Random(crowd.options.seed * 1000 + number)
    while time.monotonic() < crowd.until:
        caller = Caller(crowd.server.url, crowd.options.patience)
        try:
            for _ in range(dice.randint(1, 6)):
                judgement = _act(crowd, caller, dice)
                with crowd.lock:
                    crowd.tally.count(judgement, None, f"session-{number}")
        finally:
            caller.close()


def _act(crowd: _Crowd, caller: Caller, dice: random.Random) -> Judgement:
    """One thing that a session does, with the model that it has just then."""
    topic, knobs, model = dice.choice(_TOPICS), dice.choice(_KNOBS), dice.choice((None, None, None, crowd.models[1]))
    settings = {"max_tokens": 12, **knobs}
    try:
        match dice.randrange(6):
            case 0:  # leaves in mid-reply
                for at, _ in enumerate(caller.stream("generate", topic, {**settings, "max_tokens": 300}, model)):
                    if at > dice.randrange(4):
                        break
                return Judgement("passed")
            case 1:
                answer = caller.call("check_settings", {"temperature": dice.choice((0.5, -1, "x"))})
                return crowd.server.judged(answer.judgement)
            case 2:
                answer = caller.call("chat", [{"role": "user", "content": topic}], settings, None, None, None, model)
                return crowd.server.judged(answer.judgement)
            case _:
                answer = caller.call("generate", topic, settings, model)
                if not answer.error and answer.value != crowd.known[_key(topic, knobs)]:
                    return Judgement(
                        "lost", f"{topic} {knobs}: {answer.value!r} instead of {crowd.known[_key(topic, knobs)]!r}"
                    )
                return crowd.server.judged(answer.judgement)
    except httpx.HTTPError as error:
        return crowd.server.judged(Judgement("crashed", f"no answer: {error!r}"))
