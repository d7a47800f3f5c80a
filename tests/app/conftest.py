"""What several rooms of the page's tests need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tsumami.app.serving.gradio_import import import_quickly
from tsumami.app.work.keeping import Keeping

import_quickly()  # before the tests do, as the server does


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Keeping]:
    """A history of a server's own, empty."""
    made = Keeping(path=tmp_path / "h.sqlite")
    yield made
    made.close()
