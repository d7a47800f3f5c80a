"""A door of storm's that is broken on purpose, in every way that the judge has to see."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hypothesis import strategies as st
from storm.judge import LostError
from storm.options import Options

from tsumami.errors import SettingsError

#: What each input does, and what it has to count as; what is not here is good.
VERDICTS = {"refuse": "refused", "refuse silently": "crashed", "raise": "crashed", "exit": "crashed", "lose": "lost",
"abort": "crashed", "hang": "crashed"}  # fmt: skip
RECORD = "record.txt"


def inputs() -> st.SearchStrategy[str]:
    """Mostly harmless, so that few processes have to be begun anew."""
    fatal = st.sampled_from(("abort", "hang"))
    rest = st.sampled_from(("refuse", "refuse silently", "raise", "exit", "lose"))
    return st.integers(0, 20).flatmap(lambda dice: fatal if dice == 20 else rest | st.just("good") | st.text())


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[str], None]]:
    """Note what comes, and do as it says."""
    record = Path(options.folder) / RECORD

    def go(given: str) -> None:
        with record.open("a", encoding="utf-8") as file:
            file.write(f"{given!r}\n")
        if given == "refuse":
            raise SettingsError("it cannot be 3; give 1 or 2")
        if given == "refuse silently":
            raise SettingsError(" ")
        if given == "raise":
            raise KeyError(given)
        if given == "exit":
            raise SystemExit(0)
        if given == "lose":
            raise LostError("it was there and is not")
        if given == "abort":
            os.abort()
        if given == "hang":
            time.sleep(60)

    yield go
