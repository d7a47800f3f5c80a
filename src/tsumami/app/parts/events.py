"""How events of the page are connected: none is an endpoint of its own, none covers the page while it works."""

from __future__ import annotations

from typing import Any, Final

QUICK: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}
"""What answers at once."""

WORKING: Final[dict[str, Any]] = {**QUICK, "concurrency_limit": None, "concurrency_id": "talk"}
"""What generates: as many at once as there are readers."""
