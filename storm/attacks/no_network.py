"""No network: every address is answered by a proxy that is not there.

Must hold: what needs no network works as ever; what needs it is an error in words, soon; the server starts and serves.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import Final

from storm.judge import Judgement, of_exit
from storm.options import ROOT, Options
from storm.processes import TSUMAMI
from storm.serving import Server, calling
from storm.tally import Tally

TITLE: Final = "commands and the server where no address can be reached"
DOOR: Final = "command line, HTTP"

_DEAD: Final = "http://127.0.0.1:9"
#: Commands, and whether they can work.
_COMMANDS: Final = (
    (("run", "The sky", "--max-tokens", "2"), True),
    (("models",), True),
    (("doctor",), True),
    (("run", "The sky", "-m", "gpt2", "--max-tokens", "2"), False),
    (("run", "The sky", "-m", "someone/something:model.gguf", "--max-tokens", "2"), False),
    (("chat", "-m", "elyza"), False),
)


def attack(options: Options) -> Tally:
    """Each command once, then the server."""
    tally = Tally(options.of(__name__))
    with tempfile.TemporaryDirectory() as empty:
        cut_off = dict.fromkeys(
            ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _DEAD
        )
        cut_off |= {"HF_HOME": empty, "no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}
        for arguments, works in _COMMANDS:
            tally.count(_run(arguments, cut_off, options, works=works), list(arguments), arguments[0])
        with Server(options, environment=cut_off) as server, calling(server, options.patience) as caller:
            for name, data in (("run", ("Hi", {"max_tokens": 2}, None)), ("models", ()), ("run", ("Hi", {}, "gpt2"))):
                tally.count(server.judged(caller.call(name, *data).judgement), [name, *data], f"api-{name}")
            page = caller.http.get(f"{server.url}/en/")
            tally.count(
                Judgement("passed" if page.status_code == 200 else "crashed", str(page.status_code)), None, "page"
            )
    return tally


def _run(arguments: tuple[str, ...], cut_off: dict[str, str], options: Options, *, works: bool) -> Judgement:
    try:
        done = subprocess.run(
            [*TSUMAMI, *arguments], cwd=ROOT, env=os.environ | cut_off, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
            timeout=options.patience * 2,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Judgement("crashed", "it hung")
    judgement = of_exit(done.returncode, done.stderr)
    expected = "passed" if works else "refused"
    if judgement.verdict not in ("crashed", expected):
        return Judgement("lost", f"{judgement.verdict} instead of {expected}: {done.stderr[-500:]}")
    return judgement
