"""Branches: the same run, had another token been chosen at one place.

Guarantee: a branch is a run like all others. Its reply begins with the tokens of its parent up to the place and then
the other token (`Receipt.begun`), and goes on with the rolls, the penalties and the grammar of its own steps; with the
parent's settings, only the one token is another. The engine finds the shared prompt in its cache.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tsumami.errors import SettingsError
from tsumami.runs import Prompt, Run, Stream
from tsumami.runs.backend import Backend
from tsumami.settings import Settings


@dataclass(frozen=True, slots=True)
class Fork:
    """What a branch is made from: the prompt with the tokens that it begins with, and the settings with their seed."""

    prompt: Prompt
    settings: Settings


def fork(run: Run, index: int, token: int, settings: Settings | None = None) -> Fork:
    """What goes on from `run` with `token` instead of its token number `index`, with the same or other settings.

    Raises:
        IndexError: the run has no such place (one behind its end is one).
        SettingsError: the settings leave no room behind that place.
    """
    if not 0 <= index <= len(run.steps):
        raise IndexError(f"token {index} of a run of {len(run.steps)}")
    made = settings or run.settings.replace(seed=run.receipt.seed)
    if made.seed < 0:
        made = made.replace(seed=run.receipt.seed)
    if 0 < made.max_tokens <= index:
        raise SettingsError(
            f"max_tokens = {made.max_tokens}: the branch begins at token {index + 1}; raise max_tokens above {index}"
        ).in_japanese(
            f"max_tokens = {made.max_tokens}: 枝はトークン {index + 1} から始まります。"
            f"max_tokens を {index} より大きくしてください"
        )
    return Fork(replace(run.receipt.to_prompt(), begun=(*run.tokens[:index], token)), made)


def branch(backend: Backend, run: Run, index: int, token: int, settings: Settings | None = None) -> Stream:
    """Go on from `run` with `token` instead of its token number `index`; the parameters and errors are those of
    `fork`.
    """
    made = fork(run, index, token, settings)
    return Stream(backend, made.prompt, made.settings)


@dataclass(frozen=True, slots=True)
class Branch:
    """A run in a tree: which one it parts from (None: the first), and at which of its tokens."""

    number: int
    parent: int | None
    at: int
    run: Run


@dataclass(frozen=True, slots=True)
class Tree:
    """Branches by number, in the order in which they were made."""

    branches: tuple[Branch, ...]

    @classmethod
    def of(cls, run: Run) -> Tree:
        """A tree of one run."""
        return cls((Branch(0, None, 0, run),))

    def __getitem__(self, number: int) -> Branch:
        return next(one for one in self.branches if one.number == number)

    def grown(self, parent: int, at: int, run: Run) -> Tree:
        """The tree with a further branch, whose number is the largest."""
        number = max(one.number for one in self.branches) + 1
        return Tree((*self.branches, Branch(number, parent, at, run)))

    def with_run(self, number: int, run: Run) -> Tree:
        """The tree with the run of a branch as it has grown."""
        return Tree(tuple(replace(one, run=run) if one.number == number else one for one in self.branches))

    def closed(self, number: int) -> Tree:
        """The tree without a branch and all that part from it; the first run stays."""
        gone = {number} - {0}
        for one in self.branches:  # a branch comes after its parent
            if one.parent in gone:
                gone.add(one.number)
        return Tree(tuple(one for one in self.branches if one.number not in gone))

    def walk(self) -> list[tuple[int, Branch]]:
        """Every branch with its depth, each after its parent and before its parent's next branch."""
        return self._below(None, 0)

    def _below(self, parent: int | None, depth: int) -> list[tuple[int, Branch]]:
        found = []
        for one in sorted((one for one in self.branches if one.parent == parent), key=_place):
            found += [(depth, one), *self._below(one.number, depth + 1)]
        return found


def _place(one: Branch) -> tuple[int, int]:
    return one.at, one.number
