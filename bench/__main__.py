"""The command: choose measures, run them one after another, print each table as soon as it is there."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from typing import Final

from bench.options import Options
from bench.report import Table, as_json, machine, show

MEASURES: Final = (
    "startup",
    "steps",
    "batch",
    "guidance",
    "grammar",
    "turn",
    "alone",
    "busy",
    "speech",
    "page",
    "next_token",
    "explain",
    "overhead",
    "grid",
    "map",
    "intervals",
    "history",
    "remote",
    "serve",
)


def main() -> None:
    """Parse the command line and measure."""
    parser = _parser()
    arguments = parser.parse_args()
    wrong = [name for name in arguments.measures if name not in MEASURES]
    if wrong:
        parser.error(f"no measure is named {wrong[0]!r}; there are {', '.join(MEASURES)}")
    options = Options(arguments.model, arguments.rounds, arguments.tokens, arguments.threads, arguments.entries)
    tables: list[Table] = []
    if not arguments.json:
        print(machine(options))
    for name in arguments.measures or MEASURES:
        measure: Callable[[Options], list[Table]] = importlib.import_module(f"bench.{name}").measure
        print(f"{name} …", file=sys.stderr)
        made = measure(options)
        tables += made
        if not arguments.json:
            show(made)
    if arguments.json:
        print(json.dumps(as_json(tables, options), ensure_ascii=False, indent=1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, side by side, and print ratios.")
    parser.add_argument("measures", nargs="*", metavar="name", help=f"of {', '.join(MEASURES)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--model", default="smollm2", help="a model as tsumami.load takes it (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="turns that each contender gets (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=128, help="tokens to generate per turn (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=None, help="threads for everybody (default: all usable cores)")
    parser.add_argument("--entries", type=int, default=100_000, help="runs in the history (default: %(default)s)")
    parser.epilog = "Figures mean something only on a machine that does nothing else."
    return parser


if __name__ == "__main__":
    main()
