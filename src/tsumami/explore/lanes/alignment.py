"""Alignment: two to eight replies side by side, token by token.

Guarantee: the blocks of a lane cover its tokens and the first lane's, in order and without gap or overlap, so that a
picture can be drawn from them alone. After the tokens that all share, contexts differ; that later passages are the same
again is worth seeing, but they were not chosen in the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from tsumami.errors import SettingsError
from tsumami.explain.measures import identities, shared_prefix
from tsumami.runs import Run
from tsumami.wording import counted

MOST_LANES = 8


@dataclass(frozen=True, slots=True)
class Block:
    """Tokens start .. stop of a lane beside tokens first_start .. first_stop of the first lane: the `same` or not."""

    same: bool
    start: int
    stop: int
    first_start: int
    first_stop: int


@dataclass(frozen=True, slots=True)
class Alignment:
    """`common`: tokens at the beginning that all lanes share; `lanes`: the blocks of each lane after them, each lane
    beside the first one (which is beside itself).
    """

    common: int
    lanes: tuple[tuple[Block, ...], ...]


def check_lanes(count: int) -> None:
    """Two to eight lanes can be read side by side.

    Raises:
        SettingsError: fewer or more.
    """
    if not 2 <= count <= MOST_LANES:
        raise SettingsError(
            f"{counted(count, 'lane')}: a comparison has 2 to {MOST_LANES}; give fewer values, prompts or seeds"
            if count > MOST_LANES
            else f"{counted(count, 'lane')}: a comparison has 2 to {MOST_LANES}; give more values, prompts or seeds"
        ).in_japanese(f"レーンが {count} 本です。2 本から {MOST_LANES} 本にしてください。")


def align(runs: Sequence[Run]) -> Alignment:
    """Put 2 to 8 runs side by side.

    Raises:
        SettingsError: fewer or more.
    """
    check_lanes(len(runs))
    common = shared_prefix(runs)
    first = identities(runs[0])
    return Alignment(common, tuple(tuple(_blocks(first, identities(run), common)) for run in runs))


def _blocks(first: list[tuple[int, bytes]], lane: list[tuple[int, bytes]], common: int) -> list[Block]:
    matcher = SequenceMatcher(None, first[common:], lane[common:], autojunk=False)
    return [
        Block(kind == "equal", common + b0, common + b1, common + a0, common + a1)
        for kind, a0, a1, b0, b1 in matcher.get_opcodes()
    ]
