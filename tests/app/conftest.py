"""What several rooms of the page's tests need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tsumami.app.work.keeping import Keeping


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Keeping]:
    """A history of a server's own, empty."""
    made = Keeping(path=tmp_path / "h.sqlite")
    yield made
    made.close()
