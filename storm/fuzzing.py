"""A fuzzer from the outside: a process that is fed chunk by chunk, and begun anew where an input has ended it.

Guarantee: whatever an input does to the process, the next input is tried. What a process holds when it has done its
part is compared with what it held when it was warm.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pickle
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from storm.footprint import ARENA, Footprint, leaks
from storm.inputs import CHUNK, chunk_seed
from storm.inside import options_to
from storm.judge import GOOD, TROUBLE, Judgement
from storm.options import ROOT, Options
from storm.processes import is_kept_small
from storm.tally import Tally

#: After so many inputs that ended the process, an attack has said what it had to say.
MOST_DEATHS: Final = 25
_WARM: Final = 0.2  # of the inputs; what a process holds after them, it may hold
_START: Final = 600.0  # seconds; whoever stands back waits for everybody else
_MANY: Final = 1_000  # inputs, after which every cache of ours is as full as it gets


class ChildGoneError(RuntimeError):
    """The process has ended, or has not answered in time; the message says which."""


class Child:
    """A process in which an attack's door is open. Use it in a `with` block."""

    def __init__(self, attack: str, options: Options) -> None:
        self._patience = options.patience
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  (closed below)
        self._scratch = tempfile.TemporaryDirectory(prefix="storm-")
        self.journal = Path(self._scratch.name) / "journal"
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "storm.inside", attack, options_to(options)],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": self._scratch.name, "GGML_NO_BACKTRACE": "1"},  # which would call a debugger
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            preexec_fn=is_kept_small,
        )
        self._rest = b""
        try:
            assert self.answer(_START) == "ready"
        except ChildGoneError as error:
            said = f"{error}\n{self.said()}"
            self.close()
            raise ChildGoneError(f"{attack} could not open its door: {said}") from None

    def tell(self, command: str, **arguments: Any) -> None:
        """Send a command."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the answer will say it
            self._process.stdin.write(json.dumps([command, arguments]).encode() + b"\n")
            self._process.stdin.flush()

    def answer(self, patience: float | None = None) -> Any:
        """The next answer.

        Raises:
            ChildGoneError: there will be none.
        """
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], patience or self._patience)
            if not ready:
                self._process.kill()
                self._process.wait()
                raise ChildGoneError(f"it hung: no answer within {patience or self._patience:.0f} s")
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            if not more:
                code = self._process.wait()
                raise ChildGoneError(f"the process ended with {code}")
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def footprint(self) -> Footprint:
        """What it holds now."""
        self.tell("rest")
        return Footprint(**self.answer())

    def under_way(self) -> tuple[int, Any]:
        """The number and the input that went through the door last."""
        return _read(self.journal)

    def broken(self, index: int) -> Any:
        """An input of this chunk that broke something and left the process alive."""
        path = Path(f"{self.journal}-{index}")
        _, given = _read(path)
        path.unlink()
        return given

    def said(self) -> str:
        """What it wrote to stderr."""
        self._log.flush()
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()
        self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Work:
    """A part of a chunk that is still to be done."""

    number: int
    count: int
    skip: int = 0


class Fuzzing:
    """One fuzzer's campaign."""

    def __init__(self, attack: str, options: Options) -> None:
        self._attack, self._options = attack, options
        self._chunk = min(CHUNK, max(10, options.inputs // 5))
        self._progress = options.of(attack) / "progress.json"
        self.tally, self._next = self._taken_up()
        self._slowest = float(self.tally.facts.get("slowest s", 0))
        self._deaths = 0

    def run(self, most: int | None = None) -> Tally:
        """Try all inputs; or the next `most` chunks of them, and leave the rest to whoever takes it up."""
        works = iter(list(self._works())[:most])
        work = next(works, None)
        while work is not None and self._deaths < MOST_DEATHS:
            with Child(self._attack, self._options) as child:
                work = self._as_far_as_it_goes(child, work, works)
        if work is not None:
            self.tally.facts["given up after"] = f"{self._deaths} deaths"
        if most is None:
            self._progress.unlink(missing_ok=True)
        return self.tally

    def _works(self) -> Iterator[_Work]:
        full, rest = divmod(self._options.inputs, self._chunk)
        for number in range(self._next, full + bool(rest)):
            yield _Work(number, self._chunk if number < full else rest)

    def _as_far_as_it_goes(self, child: Child, work: _Work | None, works: Iterator[_Work]) -> _Work | None:
        """Feed a process until all is done or it is gone; what is left of the chunk that ended it."""
        warm: Footprint | None = None
        while work is not None:
            try:
                self._do(child, work)
            except ChildGoneError as gone:
                self._deaths += 1
                index, given = child.under_way()
                why = f"{child.said()[-6000:]}\n{gone}"
                self.tally.count(Judgement("crashed", why), given, **self._where(work, index))
                return _Work(work.number, work.count, index + 1)
            self._next = work.number + 1
            self._keep()
            work = next(works, None)
            if warm is None and self.tally.tried >= _WARM * self._options.inputs:
                warm = child.footprint()
        self._look_back(child, warm)
        return None

    def _do(self, child: Child, work: _Work) -> None:
        child.tell("chunk", number=work.number, count=work.count, skip=work.skip, journal=str(child.journal))
        while isinstance(answer := child.answer(), list):
            index, verdict, why, seconds = answer
            given = None if verdict in GOOD else child.broken(index)
            self.tally.count(Judgement(verdict, why), given, **self._where(work, index))
            if seconds > self._slowest:
                self._slowest = seconds
                self.tally.facts["slowest s"] = round(seconds, 3)

    def _look_back(self, child: Child, warm: Footprint | None) -> None:
        """Hold what is left of all inputs against what was there when the process was warm."""
        if warm is not None:
            now = child.footprint()
            self.tally.facts["memory MB"] = f"{warm.memory / 1e6:.0f} to {now.memory / 1e6:.0f}"
            room = ARENA if self._options.inputs >= _MANY else 4 * ARENA
            room += getattr(importlib.import_module(self._attack), "ROOM", 0)
            for leak in leaks(warm, child.footprint, room=room):
                self.tally.note(Judgement("leaked", leak), **self._where(_Work(0, 0), 0))
        said = child.said()
        if TROUBLE.search(said):
            self.tally.note(Judgement("crashed", f"on the way: {said[-6000:]}"), **self._where(_Work(0, 0), 0))

    def _where(self, work: _Work, index: int) -> dict[str, Any]:
        return {"attack": self._attack, "seed": chunk_seed(self._options.seed, work.number), "number": index}

    def _keep(self) -> None:
        kept = {"options": options_to(self._options), "next": self._next, "tally": self.tally.to_json()}
        self._progress.write_text(json.dumps(kept), "utf-8")

    def _taken_up(self) -> tuple[Tally, int]:
        """Where the same campaign was broken off, if it was."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            kept = json.loads(self._progress.read_text("utf-8"))
            if kept["options"] == options_to(self._options):
                return Tally.from_json(kept["tally"]), kept["next"]
        return Tally(self._options.of(self._attack)), 0


def _read(journal: Path) -> tuple[int, Any]:
    with journal.open("rb") as file:
        found: tuple[int, Any] = pickle.load(file)
    return found


def fuzz(attack: str, options: Options) -> Tally:
    """Try `options.inputs` inputs of the attack, a module with `inputs` and `door`."""
    return Fuzzing(attack, options).run()


def again(attack: str, path: Path, options: Options) -> Judgement:
    """One input that was kept, through its door once more."""
    with Child(attack, options) as child:
        child.tell("again", path=str(path.resolve()))
        try:
            return Judgement(**child.answer())
        except ChildGoneError as gone:
            return Judgement("crashed", f"{child.said()[-6000:]}\n{gone}")
