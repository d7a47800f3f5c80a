"""docs/cli.md and .ja.md are the help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_pages_say_what_the_help_says() -> None:
    done = subprocess.run([sys.executable, "scripts/make-cli-docs", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "docs/cli.md or .ja.md has drifted; run .venv/bin/python scripts/make-cli-docs"
