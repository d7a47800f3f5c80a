"""The command: choose measures, say how long they take, run them one after another, and print each table as soon as it
is there, and which goals were reached at the end.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from bench.measuring import Turns
from bench.options import Options
from bench.report import Table, as_json, machine, show, summary


class Cost(NamedTuple):
    """About how many seconds a measure takes on two cores; `quick` with `--quick`."""

    seconds: int
    quick: int


MEASURES: Final = {
    "startup": Cost(5, 3),
    "steps": Cost(75, 25),
    "sizes": Cost(120, 70),
    "prompt": Cost(120, 50),
    "batch": Cost(120, 80),
    "guidance": Cost(30, 10),
    "grammar": Cost(30, 12),
    "turn": Cost(40, 20),
    "alone": Cost(40, 20),
    "busy": Cost(40, 30),
    "speech": Cost(40, 15),
    "page": Cost(40, 30),
    "long_chat": Cost(65, 50),
    "reactions": Cost(150, 60),
    "next_token": Cost(20, 10),
    "explain": Cost(40, 15),
    "overhead": Cost(20, 10),
    "grid": Cost(50, 25),
    "map": Cost(50, 20),
    "intervals": Cost(30, 10),
    "history": Cost(70, 20),
    "remote": Cost(40, 15),
    "serve": Cost(40, 15),
}
"""By name, in the order in which they run."""

_FULL: Final = Turns(3, 7, 25)
_QUICK: Final = Turns(1, 1)


def main() -> None:
    """Parse the command line and measure."""
    parser = _parser()
    arguments = parser.parse_args()
    wrong = [name for name in arguments.measures if name not in MEASURES]
    if wrong:
        parser.error(f"no measure is named {wrong[0]!r}; there are {', '.join(MEASURES)}")
    options = _options(arguments)
    names = arguments.measures or list(MEASURES)
    tables: list[Table] = []
    if not arguments.json:
        print(machine(options))
    _tell(f"{len(names)} of {len(MEASURES)} measures", sum(_cost(name, arguments) for name in names))
    for name in names:
        _tell(name, _cost(name, arguments))
        measure: Callable[[Options], list[Table]] = importlib.import_module(f"bench.{name}").measure
        begin = time.monotonic()
        made = measure(options)
        print(f"{name}: took {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        tables += made
        if not arguments.json:
            show(made)
    if arguments.json:
        print(json.dumps(as_json(tables, options), ensure_ascii=False, indent=1))
    else:
        summary(tables)


def _cost(name: str, arguments: argparse.Namespace) -> int:
    return MEASURES[name].quick if arguments.quick else MEASURES[name].seconds


def _tell(what: str, seconds: int) -> None:
    """Say beforehand how long something takes."""
    print(f"{what}: about {seconds // 60}:{seconds % 60:02} minutes …", file=sys.stderr, flush=True)


def _options(arguments: argparse.Namespace) -> Options:
    turns = _QUICK if arguments.quick else _FULL
    if arguments.rounds is not None:
        turns = Turns(arguments.rounds, arguments.rounds)
    tokens = arguments.tokens or (48 if arguments.quick else 128)
    entries = arguments.entries or (5_000 if arguments.quick else 100_000)
    return Options(arguments.model, turns, tokens, arguments.threads, entries)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, side by side, and print ratios.")
    parser.add_argument("measures", nargs="*", metavar="name", help=f"of {', '.join(MEASURES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="every ratio once, with short texts: for a first look")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--model", default="smollm2", help="a model as tsumami.load takes it (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="turns that each contender gets (default: 3 to 7, as time allows)")
    parser.add_argument("--tokens", type=int, help="tokens to generate per turn (default: 128, quick 48)")
    parser.add_argument("--threads", type=int, default=None, help="threads for everybody (default: all usable cores)")
    parser.add_argument("--entries", type=int, help="runs in the history (default: 100000, quick 5000)")
    parser.epilog = "Figures mean something only on a machine that does nothing else."
    return parser


if __name__ == "__main__":
    main()
