"""The command line: options in any order with any values, files that are none, in both languages.

Must hold: exit code 0, or 2 with words on stderr; never a traceback. The commands run inside the fuzzer's process,
without a model that could answer, so whoever would get as far as loading one is told that there is none.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from storm import hostile
from storm.judge import Judgement, LostError, of_exit
from storm.options import Options
from tsumami.cli.front import COMMANDS, start
from tsumami.errors import TsumamiError
from tsumami.knobs import KNOBS

TITLE: Final = "command lines of any options, values and files"
DOOR: Final = "command line"

_FLAGS: Final = (
    "--json", "--out", "-o", "-m", "--model", "--settings", "--preset", "--seeds", "--vary", "--knob", "--range",
    "--leaves", "--seconds", "--csv",
    "--html", "--threads", "--ctx", "--lang", "-t", "--template", "--system", "--file", "-f", "-q", "--ledger",
    "--help", "--show-prompt", "--", "-",
    *(f"--{name.replace('_', '-')}" for name in KNOBS),
)  # fmt: skip
_NO_MODEL: Final = "nothing.gguf"
_FILES: Final = (
    "good.json",
    "broken.json",
    "deep.json",
    "latin.txt",
    "utf16.txt",
    "folder",
    "nothing",
    "@good.json",
    "@deep.json",
)


def inputs() -> st.SearchStrategy[list[str]]:
    """A command and what follows it."""
    words = st.one_of(
        st.sampled_from(_FLAGS), st.sampled_from(_FLAGS), st.sampled_from(_FILES), hostile.numbers().map(str),
        hostile.texts(surrogates=False),
        st.sampled_from(("temperature=0:2:0.1", "top_k=1,2,3", "temperature=0:1:1e-9", "seed=0", "0:1", "1:0",
        "nan:1", "ja", "en", "xx", "defaults")),
        st.builds("{}={}".format, st.sampled_from(_FLAGS), hostile.texts(surrogates=False,
        most=8) | hostile.numbers().map(str)),
    )  # fmt: skip
    commands = st.sampled_from(
        [name for name in COMMANDS if name not in ("app", "serve", "lesson", "doctor", "chat")] + ["nonsense"]
    )
    return st.builds(lambda command, rest: [command, *rest], commands, st.lists(words, max_size=7))


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:  # noqa: ARG001  (a door's signature)
    """Run a command, in a folder with a few files, where the model is one that is not there."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        _furnish(Path(folder))
        os.environ["TSUMAMI_MODEL"] = _NO_MODEL
        os.environ["TSUMAMI_DATA"] = str(Path(folder) / "data")

        def go(given: list[str]) -> None:
            judgement = _run(given)
            if judgement.verdict == "refused":
                raise TsumamiError(judgement.why)
            if judgement.verdict != "passed":
                raise RuntimeError(judgement.why)
            if not Path("good.json").read_text("utf-8").startswith("{"):
                raise LostError(f"good.json was overwritten by {given}")

        yield go


def _furnish(folder: Path) -> None:
    (folder / "good.json").write_text('{"temperature": 0.5}', "utf-8")
    (folder / "broken.json").write_bytes(b'{"temperature": \xff')
    (folder / "deep.json").write_text("[" * 100_000, "utf-8")
    (folder / "latin.txt").write_bytes("é".encode("latin-1"))
    (folder / "utf16.txt").write_text("hello", "utf-16")
    (folder / "folder").mkdir()


def _run(given: list[str]) -> Judgement:
    """The exit of a command that got these arguments; a model is named that is not there, unless one is."""
    named = any(one.startswith(("-m", "--model")) for one in given)
    needs = given and given[0] in ("run", "compare", "map", "grid", "verify", "audit")
    arguments = [given[0], "-m", _NO_MODEL, *given[1:]] if needs and not named else given
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code = 0
    stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO())
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            start([one.replace("\0", "") for one in arguments])  # no argument of a process can hold a null
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdin = stdin
    return of_exit(code, err.buffer.getvalue().decode())
