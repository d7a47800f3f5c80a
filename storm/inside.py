"""The inside of a fuzzer's process: makes the inputs, sends each through the door, and says what became of it.

Guarantee: before an input goes through the door it lies in a file, so that it is there when this process is not any
more. What libraries print goes to stderr and cannot be mistaken for an answer. Between two commands the process rests.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from storm.footprint import Footprint
from storm.inputs import chunk_seed, each
from storm.judge import GOOD, of_call
from storm.options import Options
from storm.tally import load_case

Send = Callable[[Any], None]


def main() -> None:
    """Open the door of the attack that the first argument names, and do what stdin says until it ends."""
    attack, options = importlib.import_module(sys.argv[1]), options_from(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    with attack.door(options) as door:
        send("ready")
        for line in sys.stdin:
            command, arguments = json.loads(line)
            if command == "chunk":
                _chunk(attack.inputs(), door, options, send, **arguments)
            elif command == "again":
                send(asdict(of_call(door, load_case(Path(arguments["path"]))["input"])))
            elif command == "rest":
                send(asdict(Footprint.of(getattr(door, "pid", None))))  # a door may stand for another process


def _chunk(
    strategy: Any, door: Callable[[Any], None], options: Options, send: Send, *, number: int, count: int, skip: int,
    journal: str,
) -> None:  # fmt: skip
    """The inputs of a chunk, the first `skip` of which have been through the door."""

    def act(index: int, given: Any) -> None:
        if index < skip:
            return
        with open(journal, "wb") as file:  # noqa: PTH123  (many times a second)
            pickle.dump((index, given), file)
        begun = time.perf_counter()
        judgement = of_call(door, given)
        if judgement.verdict not in GOOD:
            os.replace(journal, f"{journal}-{index}")  # noqa: PTH105
        send([index, judgement.verdict, judgement.why[-4000:], time.perf_counter() - begun])

    send({"made": each(strategy, chunk_seed(options.seed, number), count, act)})


def options_to(options: Options) -> str:
    """For the command line of a process."""
    return json.dumps(asdict(options) | {"folder": str(options.folder)})


def options_from(text: str) -> Options:
    """What `options_to` gave."""
    values = json.loads(text)
    return Options(**values | {"folder": Path(values["folder"])})


if __name__ == "__main__":
    main()
