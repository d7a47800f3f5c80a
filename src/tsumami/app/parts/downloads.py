"""Files that are made when they are asked for."""

from __future__ import annotations


def pressed(elem_id: str) -> str:
    """The script that presses a hidden download button.

    A download button gives out the file that it had before the click. So a plain button has the file made, and then
    this presses the download button that stands hidden beside it.
    """
    button = f"#{elem_id}, #{elem_id} a, #{elem_id} button"
    return f"() => setTimeout(() => document.querySelector('{button}').click(), 100)"
