"""The inside of a contender's process: reads calls as JSON lines, answers with JSON lines.

Guarantee: between two calls the process sleeps, so that it takes nothing from the one whose turn it is. What libraries
print goes to stderr and cannot be mistaken for an answer. Only the standard library is imported here: a contender may
live in a virtual environment that has nothing else.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback


def main() -> None:
    """Make the contender named by the first argument with the options of the second, then serve until stdin ends."""
    module, options = sys.argv[1], json.loads(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict[str, object]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        contender = importlib.import_module(f"bench.contenders.{module}").make(**options)
    except Exception:  # noqa: BLE001  (whatever went wrong belongs to the process that asked)
        answer({"error": traceback.format_exc()})
        return
    answer({"result": contender.facts()})
    for line in sys.stdin:
        call = json.loads(line)
        try:
            answer({"result": getattr(contender, call["method"])(**call["arguments"])})
        except Exception:  # noqa: BLE001  (as above)
            answer({"error": traceback.format_exc()})


if __name__ == "__main__":
    main()
