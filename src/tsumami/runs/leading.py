"""Leading: tokens that a reply is made to begin with, whatever its chain would choose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tsumami.sampling import Candidates, Chain, Choice, DeadEndError, Pick
from tsumami.sampling.constraint import ConstraintStage
from tsumami.sampling.healing import HealStage

__all__ = ["led", "one_candidate", "permitted"]


def led(chain: Chain, choice: Choice, token: int) -> Choice:
    """The same roll, but another token; index -1 if a stage has cut it."""
    found = np.flatnonzero(choice.candidates.data["id"] == permitted(chain, token))
    pick = Pick(token, int(found[0]) if len(found) else -1, choice.pick.u)
    return replace(choice, pick=pick, set_by=choice.set_by if choice.pick.token == token else None)


def permitted(chain: Chain, token: int) -> int:
    """The token, which the reply was made to go on with.

    Raises:
        DeadEndError: the grammar, or the prompt's end that was taken back, does not allow it, and could not go on.
    """
    for stage in chain.stages:
        if isinstance(stage, ConstraintStage | HealStage):
            alone = one_candidate(token)
            stage.apply(alone)
            if alone.data["logit"][0] == -np.inf:
                who = "grammar" if isinstance(stage, ConstraintStage) else "end of the prompt, which was taken back,"
                raise DeadEndError(
                    f"the {who} forbids token {token}, which the reply was made to begin with"
                ).in_japanese(f"返事の始まりに決めたトークン {token} を、{who} が禁じています")
    return token


def one_candidate(token: int) -> Candidates:
    """Candidates of which a token is the only one."""
    candidates = Candidates.from_row(np.zeros(1, np.float32))
    candidates.data["id"] = token
    candidates.data["p"] = 1
    return candidates
