"""Killed while it writes: SIGKILL at a random moment to a program that saves runs, one after the other.

Must hold: what it had reported as saved is there and is what was saved; the file that is written again and again is an
old one or a new one, never half of one. What a kill leaves behind is at most the one file that was being written.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from storm.judge import Judgement
from storm.options import ROOT, Options
from storm.tally import Tally
from tsumami.errors import TsumamiError
from tsumami.runs import Run

TITLE: Final = "SIGKILL while runs are saved"
DOOR: Final = "library in a process of its own"

#: Saves a run as `latest.json` over and over, and each hundredth under a name of its own; says what is done.
_WRITER: Final = """
import hashlib, sys
from pathlib import Path
from tsumami.runs import Run
from tsumami.testing import ScriptedModel, saying
folder, n = Path(sys.argv[1]), 0
runs = [ScriptedModel(saying("word " * length)).run("?", temperature=0, max_tokens=0) for length in (3, 40)]
print("begun", flush=True)
while True:
    run = runs[n % 2]
    mark = hashlib.sha256((run.to_json(indent=1) + chr(10)).encode()).hexdigest()
    for name in ("latest.json", *([f"{n}.json"] if n % 50 == 0 else ())):
        run.save(folder / name)
        print(name, mark, flush=True)
    n += 1
"""


def attack(options: Options) -> Tally:
    """`options.kills` kills."""
    tally, dice = Tally(options.of(__name__)), random.Random(options.seed)
    saved = 0
    for number in range(options.kills):
        with tempfile.TemporaryDirectory() as scratch:
            done = _killed(Path(scratch), dice.uniform(0.0, 0.4))
            saved += len(done)
            for judgement in _judged(Path(scratch), done):
                tally.note(judgement, None, f"kill-{number}")
            tally.count(Judgement("passed"))
    tally.facts["saved"] = saved
    return tally


def _killed(folder: Path, seconds: float) -> list[tuple[str, str]]:
    """What a writer said that it had saved, each with its digest, before it was killed."""
    command = [sys.executable, "-c", _WRITER, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        lines = process.stdout.read().splitlines()
    return [
        (line.split()[0], line.split()[1]) for line in lines if len(line.split()) == 2 and len(line.split()[1]) == 64
    ]


def _judged(folder: Path, done: list[tuple[str, str]]) -> list[Judgement]:
    """Everything that is wrong with a folder."""
    found = []
    said = dict(done)
    for name, mark in said.items():
        path = folder / name
        if not path.exists():
            found.append(Judgement("lost", f"{name} was saved and is not there"))
        elif name != "latest.json" and hashlib.sha256(path.read_bytes()).hexdigest() != mark:
            found.append(Judgement("lost", f"{name} is not what was saved"))
    for path in folder.glob("*.json"):
        try:
            Run.load(path)
        except TsumamiError as error:
            found.append(Judgement("lost", f"{path.name} is half a file: {error}"))
    litter = [path.name for path in folder.iterdir() if path.suffix != ".json"]
    if len(litter) > 1:
        found.append(Judgement("leaked", f"one kill left {litter}"))
    return found
