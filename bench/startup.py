"""Starting: how long `tsumami --help` takes, beside a Python that does nothing.

Whole processes, timed from outside, in turns: the command as installed, `python -c pass` of the same virtual
environment (what no program of Python can undercut), and `import tsumami`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.measuring import Ratio, in_turns, ratio
from bench.options import ROOT, Options
from bench.report import Goal, Row, Table

_COMMAND = Path(sys.executable).with_name("tsumami")


def measure(options: Options) -> list[Table]:
    """Seconds of wall time."""
    commands = {
        "help": [str(_COMMAND), "--help"],
        "nothing": [sys.executable, "-c", "pass"],
        "import": [sys.executable, "-c", "import tsumami"],
    }
    for command in commands.values():
        _seconds(command)  # once for the caches of the file system
    turns = {name: lambda command=command: _seconds(command) for name, command in commands.items()}
    found = in_turns(turns, options.turns)
    helped = Ratio.of(found["help"])
    nothing = f"{1000 * statistics.median(found['nothing']):.0f} ms"
    imported = f"{1000 * statistics.median(found['import']):.0f} ms"
    figures = {"python -c pass": nothing, "import tsumami": imported}
    return [
        Table(
            "startup",
            "wall time of whole processes",
            [
                Row("tsumami --help, seconds", Goal("<", 0.4), helped, figures),
                Row("tsumami --help / python -c pass", None, ratio(found["help"], found["nothing"])),
                Row("import tsumami / python -c pass", None, ratio(found["import"], found["nothing"])),
            ],
        )
    ]


def _seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}: {done.stderr[-2000:]}")
    return seconds
