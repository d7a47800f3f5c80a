"""Killed while it keeps: SIGKILL at a random moment to programs that write the history, prune it beside each other, or
bring one of an earlier form up to date, two at once; and eight that write at once for as long as a minute.

Must hold: every run that was reported as kept is there and is what was kept; the store passes SQLite's check and
`verify`; a run that was being written is marked as one that did not come to its end; a store that was being brought up
to date, and the copy of it, are what they were. (The harm is done by the program that the tests use, tests/history.)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import Final

from storm.judge import Judgement
from storm.options import ROOT, Options
from storm.tally import Tally

TITLE: Final = "SIGKILL while the history is written, pruned and brought up to date; eight write at once"
DOOR: Final = "library in processes of its own"

_AT_ONCE: Final = 10  # kills of one store
_CROWD: Final = 8  # processes that write one store


def attack(options: Options) -> Tally:
    """`options.kills` kills, every fourth ten of those that bring a store up to date; then the crowd."""
    tally = Tally(options.of(__name__))
    for number in range(-(-options.kills // _AT_ONCE)):
        harm = "moves" if number % 4 == 3 else "kills"
        count = min(_AT_ONCE, options.kills - number * _AT_ONCE)
        judgement = _harmed(harm, count, options.seed + number)
        for _ in range(count):
            tally.count(Judgement("passed"))
        tally.note(judgement, [harm, count, options.seed + number], f"{harm}-{number}")
    if seconds := min(60, options.kills * 3 // 10):
        crowd = _harmed("crowd", _CROWD, seconds)
        tally.note(crowd, ["crowd", _CROWD, seconds], "crowd")
        tally.facts["seconds in which eight wrote"] = seconds
    return tally


def _harmed(harm: str, count: int, seed: int) -> Judgement:
    """What became of a store that so many kills were done to."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.history.harm", harm, folder, str(count), str(seed)]
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
        )
    return Judgement("lost", done.stderr[-4000:]) if done.returncode or done.stderr else Judgement("passed")
