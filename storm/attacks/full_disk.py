"""A full disk: the program may write no more than so many bytes of a file, then writing fails as on a full disk.

The limit is the kernel's for this process (RLIMIT_FSIZE, its signal ignored, so that writing fails with an error).

Must hold: what could not be written is an error in words and exit code 2; the file that was there before is still what
it was; nothing half-written is left lying around; and what is only a convenience (memories in the cache) fails nothing.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from storm.judge import Judgement, of_exit
from storm.options import ROOT, Options
from storm.processes import TSUMAMI
from storm.tally import Tally
from tsumami.runs import Run

TITLE: Final = "every command that writes, with a disk that fills up"
DOOR: Final = "command line"

_COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "run.json": ("run", "The sky", "--max-tokens", "6", "--seed", "1", "-o"),
    "map.json": (
        "map",
        "The sky",
        "--knob",
        "temperature",
        "--range",
        "0.5:1",
        "--max-tokens",
        "2",
        "--leaves",
        "4",
        "--json",
    ),
    "grid.json": ("grid", "The sky", "--vary", "temperature=0.5,1", "--max-tokens", "2", "--seed", "1", "--json"),
    "grid.csv": ("grid", "The sky", "--vary", "temperature=0.5,1", "--max-tokens", "2", "--seed", "1", "--csv"),
    "grid.html": ("grid", "The sky", "--vary", "temperature=0.5,1", "--max-tokens", "2", "--seed", "1", "--html"),
}
_ROOM: Final = (0, 1, 100, 2000)  # bytes


def attack(options: Options) -> Tally:
    """Every command with every room, over a file that is there, until `options.kills` are done."""
    tally = Tally(options.of(__name__))
    cases = [(name, room) for room in _ROOM for name in _COMMANDS][: options.kills]
    for name, room in cases:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            before = b"what was there before\n"
            path.write_bytes(before)
            judgement = _run(options, [*_COMMANDS[name], str(path)], room, Path(folder))
            tally.count(judgement, [name, room], f"{path.stem}-{room}")
            for wrong in _looked_at(path, before, judgement):
                tally.note(wrong, [name, room], f"{path.stem}-{room}")
    return tally


def _run(options: Options, arguments: list[str], room: int, folder: Path) -> Judgement:
    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    done = subprocess.run(
        [*TSUMAMI, *arguments, "-m", options.model, "--threads", "1"], cwd=ROOT, preexec_fn=limited,
        capture_output=True, text=True, check=False,
        env=os.environ | {"TSUMAMI_CACHE": str(folder / "cache")}, timeout=options.patience * 4,
    )  # fmt: skip
    return of_exit(done.returncode, done.stderr)


def _looked_at(path: Path, before: bytes, judgement: Judgement) -> list[Judgement]:
    found = []
    now = path.read_bytes() if path.exists() else b""
    if judgement.verdict == "refused" and now != before:
        found.append(Judgement("lost", f"{path.name}: what was there before is gone, {len(now)} bytes are there"))
    if judgement.verdict == "passed" and now == before:
        found.append(Judgement("lost", f"{path.name}: exit code 0, and nothing was written"))
    if judgement.verdict == "passed" and path.name == "run.json":
        Run.load(path)
    if litter := [one.name for one in path.parent.iterdir() if one.name not in (path.name, "cache")]:
        found.append(Judgement("leaked", f"left lying around: {litter}"))
    return found
