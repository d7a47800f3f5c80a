"""Thinking: where a reply thinks before it answers, and the stage that ends this after a number of tokens.

Guarantee: where a reply has come to is known from its tokens alone, so a fork, a replay and a run that goes on know it
as well. A reply thinks once, at its beginning: from the mark that begins it (the prompt's last word, or the reply's
first) to the mark that ends it. While the budget holds nothing is changed; then the end mark's tokens are all that is
left to choose from, one after another, and after them the reply goes on by itself.

Source of the marks: the models' own chat templates. Of the budget: llama.cpp's common/reasoning-budget.cpp, which also
waits until a character is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from tsumami.sampling.candidates import Candidates
from tsumami.sampling.token_texts import TokenTexts

__all__ = ["LOOKED_AT", "MARKS", "BudgetStage", "ThinkingMarks", "ThinkingPlace", "marks_of", "thought"]

MARKS: Final[tuple[tuple[str, str], ...]] = (
    ("<think>", "</think>"),  # Qwen3, DeepSeek R1, QwQ, GLM, SmolLM3, Nemotron
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<seed:think>", "</seed:think>"),  # Seed-OSS
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),  # EXAONE Deep
    ("<reasoning>", "</reasoning>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # Sky-T1
    ("◁think▷", "◁/think▷"),  # Kimi-VL
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("<|channel|>analysis<|message|>", "<|end|>"),  # gpt-oss
)
"""How models mark the beginning and the end of their thinking."""

LOOKED_AT: Final = 48
"""Tokens of a prompt in which its last word is looked for."""
_PATIENCE: Final = 3  # tokens that a character may need to be complete


@dataclass(frozen=True, slots=True)
class ThinkingMarks:
    """The marks of a model, as texts, and the tokens that the end mark is."""

    start: str
    end: str
    end_tokens: tuple[int, ...]


def marks_of(texts: TokenTexts, template: str | None) -> ThinkingMarks | None:
    """The marks that a chat template names, or that are tokens of their own in the vocabulary; None: it has none."""
    for start, end in MARKS:
        if (template is not None and start in template and end in template) or _are_tokens(texts, start, end):
            return ThinkingMarks(start, end, _tokens(texts, end))
    return None


def _tokens(texts: TokenTexts, text: str) -> tuple[int, ...]:
    return tuple(texts.tokenize(text.encode(), add_special=False, parse_special=True))


def _are_tokens(texts: TokenTexts, *marks: str) -> bool:
    found = [_tokens(texts, mark) for mark in marks]
    pairs = zip(found, marks, strict=True)
    return all(len(ids) == 1 and texts.piece(ids[0]) == mark.encode() for ids, mark in pairs)


Part = Literal["before", "inside", "after"]


@dataclass(frozen=True, slots=True)
class ThinkingPlace:
    """Where a reply has come to: it has not said anything yet but what may be the mark, it thinks, or it answers.

    `count`: tokens since the mark that began it; `tail`: the last bytes.
    """

    marks: ThinkingMarks
    part: Part = "before"
    count: int = 0
    tail: bytes = b""

    @classmethod
    def after_prompt(cls, marks: ThinkingMarks, pieces: Sequence[bytes]) -> ThinkingPlace:
        """At the beginning of a reply to a prompt that ends with these pieces."""
        said = b"".join(pieces[-LOOKED_AT:]).rstrip()
        if said.endswith(marks.start.encode()):
            return cls(marks, "inside")
        return cls(marks, "after" if said.endswith(marks.end.encode()) else "before")

    def after(self, piece: bytes) -> ThinkingPlace:
        """One token further."""
        if self.part == "after":
            return self
        tail = self.tail + piece
        return self._begun(tail) if self.part == "before" else self._further(tail)

    def _begun(self, tail: bytes) -> ThinkingPlace:
        said, start = tail.lstrip(), self.marks.start.encode()
        if said.startswith(start):
            return replace(self, part="inside", tail=said[len(start) :])
        return replace(self, part="before" if start.startswith(said) else "after", tail=tail)

    def _further(self, tail: bytes) -> ThinkingPlace:
        if self.marks.end.encode() in tail:
            return replace(self, part="after", tail=b"")
        return replace(self, count=self.count + 1, tail=tail[-len(self.marks.end.encode()) - 4 :])

    @property
    def between_characters(self) -> bool:
        """Whether the last byte ends a character."""
        try:
            self.tail[-4:].decode()
        except UnicodeDecodeError as error:
            return error.reason != "unexpected end of data"
        return True


class BudgetStage:
    """Leaves the end mark's next token alone, once the reply has thought for `budget` tokens."""

    name = "thinking_budget"

    def __init__(self, texts: TokenTexts | None, marks: ThinkingMarks | None, budget: int) -> None:
        self.idle = None if marks is not None and budget >= 0 else "neutral" if budget < 0 else "no_thinking"
        self._texts, self._budget = texts, budget
        self._place = ThinkingPlace(marks) if marks is not None else None
        self._put = 0

    def begin(self, prompt: Sequence[int]) -> None:
        """The reply begins after these tokens."""
        if self._place is not None and self._texts is not None:
            pieces = [self._texts.piece(token) for token in prompt[-LOOKED_AT:]]
            self._place = ThinkingPlace.after_prompt(self._place.marks, pieces)

    @property
    def next_token(self) -> int | None:
        """The token that the budget puts here; None: it leaves the choice free."""
        place = self._place
        if self.idle is not None or place is None or place.part != "inside":
            return None
        over = place.count - self._budget
        if not self._put and (over < 0 or (over < _PATIENCE and not place.between_characters)):
            return None
        return place.marks.end_tokens[self._put]

    def apply(self, candidates: Candidates) -> None:
        """Take out all but the token that it puts."""
        token = self.next_token
        if token is None:
            return
        stays = candidates.data["id"] == token
        if stays.any():
            candidates.keep(stays, is_sorted=candidates.sorted)
            if (
                candidates.data["logit"][0] == -np.inf
            ):  # an engine elsewhere did not tell it: it is put there all the same
                candidates.data["logit"] = 0
        else:
            candidates.data["logit"] = -np.inf

    def accept(self, token: int) -> None:
        """One more token of the reply."""
        place = self._place
        if place is None or self._texts is None or place.part == "after":
            return
        self._put = self._put + 1 if token == self.next_token else 0
        self._place = place.after(self._texts.piece(token))
        if self._put == len(place.marks.end_tokens):  # all of it stands there, however its bytes were cut
            self._put, self._place = 0, replace(place, part="after", tail=b"")

    def clone(self) -> BudgetStage:
        """A copy at the same place."""
        made = BudgetStage.__new__(BudgetStage)
        made.idle, made._texts, made._budget, made._place, made._put = (
            self.idle, self._texts, self._budget, self._place, self._put,
        )  # fmt: skip
        return made


def thought(marks: ThinkingMarks, prompt: Sequence[bytes], pieces: Sequence[bytes]) -> tuple[int, bool]:
    """How many pieces of a reply are its thinking, marks included, and whether that has ended; 0: it does not think."""
    place = ThinkingPlace.after_prompt(marks, prompt)
    began = place.part == "inside"
    for index, piece in enumerate(pieces):
        place = place.after(piece)
        began = began or place.part == "inside"
        if place.part == "after":
            return (index + 1, True) if began else (0, False)
    return (len(pieces) if began else 0), False
