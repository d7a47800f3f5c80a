"""The command: choose attacks, run them one after another, print what each came to and the table."""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from storm import report
from storm.fuzzing import again, fuzz
from storm.judge import GOOD, Judgement
from storm.options import Options
from storm.tally import Tally, load_case

ATTACKS: Final = (
    "properties",
    "settings",
    "grammars",
    "regexes",
    "schemas",
    "templates",
    "gguf",
    "results",
    "sounds",
    "unicode",
    "arguments",
    "bodies",
    "openapi",
    "served",
    "killed_writing",
    "killed_serving",
    "killed_keeping",
    "crowd",
    "slow_clients",
    "memory",
    "full_disk",
    "no_network",
    "clock",
)


def main() -> int:
    """Parse the command line and attack; exit code 1 where something broke."""
    parser = _parser()
    arguments = parser.parse_args()
    wrong = [name for name in arguments.attacks if name not in ATTACKS]
    if wrong:
        parser.error(f"no attack is named {wrong[0]!r}; there are {', '.join(ATTACKS)}")
    options = Options(**{name: getattr(arguments, name) for name in Options.__dataclass_fields__})
    os.nice(arguments.nice)
    os.environ["TSUMAMI_HISTORY"] = "off"  # what an attack makes is nobody's
    if arguments.again is not None:
        return _again(arguments.again, options)
    rows: list[report.Row] = []
    for name in arguments.attacks or ATTACKS:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows.append(_row(name, options, resume=arguments.resume))
        report.show_found(rows[-1])
    report.show(rows)
    if arguments.write is not None:
        report.write_into(arguments.write, rows, "python -m storm " + " ".join(_said(sys.argv[1:])))
    return int(any(row.tally.broke for row in rows))


def attack(name: str, options: Options) -> Tally:
    """One attack's whole campaign."""
    module = importlib.import_module(f"storm.attacks.{name}")
    return module.attack(options) if hasattr(module, "attack") else fuzz(module.__name__, options)


def _row(name: str, options: Options, *, resume: bool) -> report.Row:
    """An attack's row; where a campaign is gone on with, one that is done is taken as it was."""
    module = importlib.import_module(f"storm.attacks.{name}")
    folder = options.of(name)
    done = folder / "done.json"
    if resume and done.exists():
        return report.Row.from_json(done.read_text("utf-8"))
    if not resume:
        shutil.rmtree(folder)
        folder.mkdir()
    begun = time.monotonic()
    try:
        tally = attack(name, options)
    except Exception:  # what an attack could not even begin, or stumbled over, is counted; the others go on
        tally = Tally(folder)
        tally.note(Judgement("crashed", f"the attack broke off: {traceback.format_exc()}"), None, "attack")
    row = report.Row(name, module.TITLE, module.DOOR, tally, round(time.monotonic() - begun, 1))
    done.write_text(row.to_json(), "utf-8")
    return row


def _again(path: Path, options: Options) -> int:
    judgement = again(load_case(path)["attack"], path, options)
    print(judgement.verdict, judgement.why, sep="\n")
    return int(judgement.verdict not in GOOD)


def _said(arguments: list[str]) -> list[str]:
    """The command line without what says where files lie."""
    places = ("--write", "--folder")
    return [
        one for at, one in enumerate(arguments) if one not in places and (at == 0 or arguments[at - 1] not in places)
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m storm", description="Attack tsumami, and count what breaks.")
    given = Options()
    parser.add_argument("attacks", nargs="*", metavar="name", help=f"of {', '.join(ATTACKS)} (default: all)")
    parser.add_argument("--seed", type=int, default=given.seed, help="same seed, same inputs (default: %(default)s)")
    parser.add_argument("--inputs", type=int, default=given.inputs, help="of each fuzzer (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=given.kills, help="of each that kills (default: %(default)s)")
    parser.add_argument("--sessions", type=int, default=given.sessions, help="at once (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=given.minutes, help="that they stay (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=given.requests, help="in a row (default: %(default)s)")
    parser.add_argument("--patience", type=float, default=given.patience, help="seconds until something hangs")
    parser.add_argument("--model", default=given.model, help="a model as tsumami.load takes it (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=given.folder, help="for what was found (default: .cache/storm)")
    parser.add_argument("--resume", action="store_true", help="go on with the campaign that was broken off")
    parser.add_argument("--again", type=Path, metavar="FILE", help="try one input that broke something once more")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into a page (docs/reliability.md)")
    parser.add_argument("--nice", type=int, default=10, help="how far to stand back (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
