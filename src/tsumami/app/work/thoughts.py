"""Thoughts: how much of a reply is thinking, while it grows.

Guarantee: what was told apart of the tokens is what the finished run says (`Run.thought`). No Gradio here.
"""

from __future__ import annotations

from collections.abc import Sequence

from tsumami.runs import Step
from tsumami.sampling.thinking import MARKS, ThinkingMarks, ThinkingPlace

__all__ = ["Thoughts", "without_marks"]


class Thoughts:
    """Show it the steps of a reply. `characters` and `tokens`: how much of it, from its beginning, is thinking."""

    def __init__(self, marks: ThinkingMarks | None, prompt: Sequence[bytes]) -> None:
        self._place = None if marks is None else ThinkingPlace.after_prompt(marks, prompt)
        self._said = self._count = self.characters = self.tokens = 0

    def take(self, step: Step) -> None:
        """The next token."""
        self._said += len(step.text)
        self._count += 1
        if self._place is None or self._place.part == "after":
            return
        inside = self._place.part == "inside"
        self._place = self._place.after(step.piece)
        if inside or self._place.part == "inside":
            self.characters, self.tokens = self._said, self._count

    @property
    def answers(self) -> bool:
        """Whether the answer has begun: what comes now is no thinking, and was none if nothing was."""
        return self._place is None or self._place.part == "after"


def without_marks(text: str) -> str:
    """What was thought, without the marks and the white space beside them."""
    said = text.strip()
    for start, end in MARKS:
        if said.startswith(start) or said.endswith(end):
            return said.removeprefix(start).removesuffix(end).strip()
    return said
