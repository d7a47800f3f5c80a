"""The style sheet that HTML charts need on their page."""

from __future__ import annotations

from importlib import resources


def style() -> str:
    """The style sheet of the HTML charts."""
    return (resources.files("tsumami.charts.html") / "charts.css").read_text("utf-8")
