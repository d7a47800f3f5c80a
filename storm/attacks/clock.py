"""The clock, set back by a year and forward again while the server generates (storm/clock.c, preloaded into it).

Must hold: replies are what they are; no duration is negative; a run that was made before can be verified after; what
the cache remembers (digests, exactness) is believed or found out again, but never in the way.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from storm.judge import Judgement, LostError, of_exit
from storm.options import ROOT, Options
from storm.processes import TSUMAMI
from storm.serving import Answer, Caller, Server, calling
from storm.tally import Tally

TITLE: Final = "the clock set back by a year, and forward, while it runs"
DOOR: Final = "command line, HTTP"

_YEAR: Final = 365 * 24 * 3600
_SHIFTS: Final = (-_YEAR, 0, -60, _YEAR, -50 * _YEAR, 0, 10 * _YEAR, 0)
_KNOBS: Final = {"max_tokens": 12, "seed": 1}


def attack(options: Options) -> Tally:
    """A server through the shifts, each in mid-reply, and the command line, until `options.kills` of each are done."""
    tally = Tally(options.of(__name__))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clock = folder / "clock"
        clock.write_text("0", "ascii")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O2", "-o", folder / "clock.so", ROOT / "storm" / "clock.c"], check=True
        )
        turned = {
            "LD_PRELOAD": str(folder / "clock.so"),
            "STORM_CLOCK": str(clock),
            "TSUMAMI_CACHE": str(folder / "cache"),
        }
        with Server(options, environment=turned) as server, calling(server, options.patience) as caller:
            first = caller.call("run", "The sky", _KNOBS, None).value
            for shift in _SHIFTS[: options.kills]:
                answer = _in_mid_reply(caller, clock, shift)
                tally.count(server.judged(_judged(answer, first)), shift, f"shift-{shift}")
            tally.note(server.end(), None, "end")
        (folder / "run.json").write_text(json.dumps(first), "utf-8")
        for shift in (-_YEAR, _YEAR)[: options.kills]:
            clock.write_text(str(shift), "ascii")
            tally.count(_verified(folder / "run.json", turned, options), shift, f"verify-{shift}")
    return tally


def _in_mid_reply(caller: Caller, clock: Path, shift: int) -> Answer:
    """Turn the clock after the first piece of a reply; then the run that is known, made anew."""
    for at, _ in enumerate(caller.stream("generate", "Once", {"max_tokens": 16, "seed": 2}, None)):
        if at == 1:
            clock.write_text(str(shift), "ascii")
    clock.write_text(str(shift), "ascii")
    return caller.call("run", "The sky", _KNOBS, None)


def _judged(answer: Answer, first: Any) -> Judgement:
    if answer.judgement.verdict != "passed":
        return answer.judgement
    try:
        _held(answer.value, first)
    except LostError as error:
        return Judgement("lost", str(error))
    return Judgement("passed")


def _held(run: Any, first: Any) -> None:
    if run["steps"] != first["steps"] or run["text"] != first["text"]:
        raise LostError(f"another run: {run['text']!r} instead of {first['text']!r}")
    negative = {name: value for name, value in run["timings"].items() if value < 0}
    if negative:
        raise LostError(f"negative durations: {negative}")


def _verified(path: Path, turned: dict[str, str], options: Options) -> Judgement:
    command = [*TSUMAMI, "verify", str(path), "-m", options.model]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | turned,
        capture_output=True,
        text=True,
        check=False,
        timeout=options.patience * 2,
    )
    judgement = of_exit(done.returncode, done.stderr)
    return (
        judgement
        if done.returncode == 0
        else Judgement("lost", f"exit code {done.returncode}: {done.stdout} {done.stderr}")
    )
