"""What the course promises holds on any model: it is tried on a little one."""

from __future__ import annotations

import pytest

import tsumami


@pytest.fixture(scope="session")
def model(little: tsumami.Model) -> tsumami.Model:
    """The first layers of the bundled model."""
    return little
