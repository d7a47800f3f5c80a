"""How events of the page are connected: none is an endpoint of its own, none covers the page while it works."""

from __future__ import annotations

from typing import Any, Final

QUICK: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}
"""What answers at once."""

AT_ONCE: Final[dict[str, Any]] = {**QUICK, "queue": False}
"""What answers at once and needs no queue. It must not use one, either: Gradio's browser side can lose an event that is
sent in the moment in which the stream of the event before it closes, and typing then made a message hang."""

WORKING: Final[dict[str, Any]] = {**QUICK, "concurrency_limit": None, "concurrency_id": "talk"}
"""What generates: as many at once as there are readers."""
