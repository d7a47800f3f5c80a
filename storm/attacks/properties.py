"""The tests' own properties, with examples that `make test` has not seen: those are the same each time.

Must hold: every test passes; where one fails, hypothesis' report with the example is the reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Final

from storm.judge import Judgement
from storm.options import ROOT, Options
from storm.tally import Tally

TITLE: Final = "the tests' properties with new examples; a test is one that is tried"
DOOR: Final = "library"

_PYTEST: Final = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=anew")
_CHOSEN: Final = ("-m", "not slow and not browser", "--ignore=tests/storm", "tests")


def attack(options: Options) -> Tally:
    """All tests that are neither slow nor need a browser; the seed says which examples."""
    tally = Tally(options.of(__name__))
    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch) / "found.xml"
        command = [*_PYTEST, f"--hypothesis-seed={options.seed}", f"--junitxml={found}", *_CHOSEN]
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
        )
        if not found.exists():
            tally.count(Judgement("crashed", done.stdout[-2000:] + done.stderr[-2000:]), name="pytest")
            return tally
        for case in ElementTree.parse(found).iter("testcase"):
            tally.count(_judged(case), name=case.get("name"))
    return tally


def _judged(case: ElementTree.Element) -> Judgement:
    broken = case.find("failure") if case.find("failure") is not None else case.find("error")
    return Judgement("passed") if broken is None else Judgement("lost", broken.text or "")
