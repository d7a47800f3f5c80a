"""Harm done to processes that write a store; a program, so that forks begin with all imports done and no threads.

    python harm.py kills FOLDER COUNT SEED     kill writers COUNT times at random moments, and who prunes beside them
    python harm.py moves FOLDER COUNT SEED     kill two who bring a store of an earlier form up to date, COUNT times
    python harm.py crowd FOLDER COUNT SECONDS  COUNT writers at once
    python harm.py full FOLDER COUNT SEED      COUNT times, let no file grow beyond a random size

Prints nothing if all that was said to be kept is there and the store is whole.
"""

from __future__ import annotations

import functools
import gzip
import itertools
import os
import random
import resource
import select
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.support.worlds import PROMPT, world

from tsumami.errors import HistoryError
from tsumami.history import History

RUN = world().run(PROMPT, seed=1, max_tokens=8)
_TALK = "talk "


def writes(path: Path, tell: int, *, until: float | None = None) -> None:
    """Keep runs, let some grow, mark and take out others, and put them into conversations; the id of each that is kept
    goes to `tell`.
    """
    with History(path) as store:
        place = None
        for number in itertools.count():
            if until is not None and time.monotonic() > until:
                return
            growing = store.begin(RUN.receipt)
            growing.grow(RUN.steps[:3])
            key = growing.end(RUN).key
            os.write(tell, f"{key}\n".encode())
            if number % 3 == 0:
                store.tag(key, "third")
                place = store.conversations.put(f'{{"exchanges": [{{"kept": "{key}"}}]}}', place, str(tell))
                os.write(tell, f"{_TALK}{place.key}\n".encode())
            if number % 7 == 0:
                gone = store.add(RUN, parent=key).key
                store.forget(gone)
            if number % 11 == 0:
                store.prune("kind:nothing")


def prunes(path: Path, _tell: int) -> None:
    """Take out what it has kept itself, again and again, and give the room back."""
    with History(path) as store:
        while True:
            for _ in range(20):
                store.add(RUN, kind="junk")
            store.prune("kind:junk")


def opens(path: Path, tell: int) -> None:
    """Open a store, so that it is brought up to date."""
    os.write(tell, b"begun\n")
    with History(path) as store:
        store.find()


def forked(act: Callable[[int], None]) -> tuple[int, int]:
    """A child that does it; gives its id and where it tells."""
    there, here = os.pipe()
    child = os.fork()
    if child:
        os.close(here)
        return child, there
    os.close(there)
    code = 1
    try:
        act(here)
        code = 0
    except Exception:  # noqa: BLE001  (nobody else would say it)
        traceback.print_exc()
    finally:
        os._exit(code)


def told(there: int) -> set[str]:
    """What a child that has ended told."""
    with os.fdopen(there) as pipe:
        lines = pipe.read().split("\n")
    return set(lines[:-1])  # the last one may be half a line


def whole(path: Path, kept: set[str]) -> None:
    """All that is kept is there, and everything that is there is as it was written."""
    talks = {key for key in kept if key.startswith(_TALK)}
    kept = kept - talks
    with History(path) as store:
        store.verify()
        there = {entry.key: entry for entry in store.find(limit=None)}
        lost = kept - there.keys()
        assert not lost, f"lost: {lost}"
        lost = {key for key in talks if store.conversations.get(key.removeprefix(_TALK)) is None}
        assert not lost, f"lost: {lost}"
        for key in kept:
            assert there[key].finished
            assert store.get(key).tokens == RUN.tokens
        for entry in there.values():
            assert entry.finished or store.get(entry.key).stop_reason == "cancelled"


def kills(path: Path, count: int, seed: int) -> None:
    """At random moments, while another one writes, too."""
    dice, kept = random.Random(seed), set[str]()
    for _ in range(count):
        acts = [writes, *dice.choice([(), (writes,), (prunes,)])]
        children = [forked(functools.partial(act, path)) for act in acts]
        select.select([there for _, there in children], [], [], 30) if dice.random() < 0.7 else None
        time.sleep(dice.random() * 0.1)
        for child, there in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            kept |= told(there)
        whole(path, kept)
    assert kept


def moves(path: Path, count: int, seed: int) -> None:
    """At random moments, while a store of an earlier form is brought up to date by two at once."""
    dice = random.Random(seed)
    forms = sorted((Path(__file__).parent / "formats").iterdir())
    for number in range(count):
        place, form = path.parent / str(number) / path.name, dice.choice(forms)
        place.parent.mkdir()
        place.write_bytes(gzip.decompress(form.read_bytes()))
        with sqlite3.connect(place) as before:
            there = {digest for (digest,) in before.execute("SELECT hex(digest) FROM entries")}
        before.close()
        children = [forked(functools.partial(opens, place)) for _ in range(2)]
        select.select([children[0][1]], [], [], 30)
        time.sleep(dice.random() * 0.02)
        for child, told_by in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(told_by)
        for file in (place, *place.parent.glob("*-before-*.sqlite")):
            with History(file) as store:
                store.verify()
                assert {*store.digests(), *store.of("ann").digests()} == there, f"{file} is not what it was"


def crowd(path: Path, count: int, seconds: int) -> None:
    """None fails, and all is there."""
    until = time.monotonic() + seconds
    children = [forked(lambda tell: writes(path, tell, until=until)) for _ in range(count)]
    kept = set[str]()
    for child, there in children:
        part = told(there)
        _, status = os.waitpid(child, 0)
        assert status == 0, "a writer failed"
        assert part, "a writer did not come to write"
        kept |= part
    whole(path, kept)


def full(path: Path, count: int, seed: int) -> None:
    """No file may grow beyond some size: a message, and the store is as before."""
    dice, kept = random.Random(seed), set[str]()
    for _ in range(count):
        size = max((file.stat().st_size for file in path.parent.glob("*")), default=0)
        limit = int(size + dice.random() * 200_000)

        def until_full(tell: int, limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            try:
                writes(path, tell)
            except HistoryError as error:
                assert str(path) in str(error)  # noqa: PT017  (no test but a child of one)

        child, there = forked(until_full)
        kept |= told(there)
        _, status = os.waitpid(child, 0)
        assert status == 0, "no message but something else"
        whole(path, kept)


if __name__ == "__main__":
    name, folder, first, second = sys.argv[1:]
    acts = {"kills": kills, "moves": moves, "crowd": crowd, "full": full}
    acts[name](Path(folder) / "history.sqlite", int(first), int(second))
