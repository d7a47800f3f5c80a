"""Which values of a knob choose which token, exactly.

Guarantee: the truth is always the real chain, run with a value; bounds only say where it need not be asked, and what is
called certain is proved. Pure mathematics: no run, no experiment, nothing of `explain`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.boundaries.axis import Axis as Axis
    from tsumami.boundaries.axis import Span as Span
    from tsumami.boundaries.axis import check_mappable as check_mappable
    from tsumami.boundaries.boxes import Moves as Moves
    from tsumami.boundaries.cutting import find_cut_limit as find_cut_limit
    from tsumami.boundaries.limits import HEAVY as HEAVY
    from tsumami.boundaries.limits import Box as Box
    from tsumami.boundaries.limits import Limit as Limit
    from tsumami.boundaries.limits import LimitProblem as LimitProblem
    from tsumami.boundaries.limits import find_limits as find_limits
    from tsumami.boundaries.partition import Piece as Piece
    from tsumami.boundaries.side_by_side import settle_together as settle_together
    from tsumami.boundaries.token_problems import MAPPED as MAPPED
    from tsumami.boundaries.token_problems import Past as Past
    from tsumami.boundaries.token_problems import TokenProblem as TokenProblem
    from tsumami.boundaries.token_problems import token_problem as token_problem
    from tsumami.boundaries.trial import DEAD_END as DEAD_END
    from tsumami.boundaries.trial import Chosen as Chosen
    from tsumami.boundaries.trial import Trial as Trial
    from tsumami.boundaries.whole_vocabulary import WholeVocabulary as WholeVocabulary

_HOMES: Final = {
    "Axis": "tsumami.boundaries.axis",
    "Span": "tsumami.boundaries.axis",
    "check_mappable": "tsumami.boundaries.axis",
    "Moves": "tsumami.boundaries.boxes",
    "find_cut_limit": "tsumami.boundaries.cutting",
    "MAPPED": "tsumami.boundaries.token_problems",
    "Past": "tsumami.boundaries.token_problems",
    "Piece": "tsumami.boundaries.partition",
    "Box": "tsumami.boundaries.limits",
    "HEAVY": "tsumami.boundaries.limits",
    "Limit": "tsumami.boundaries.limits",
    "LimitProblem": "tsumami.boundaries.limits",
    "find_limits": "tsumami.boundaries.limits",
    "settle_together": "tsumami.boundaries.side_by_side",
    "TokenProblem": "tsumami.boundaries.token_problems",
    "token_problem": "tsumami.boundaries.token_problems",
    "DEAD_END": "tsumami.boundaries.trial",
    "Chosen": "tsumami.boundaries.trial",
    "Trial": "tsumami.boundaries.trial",
    "WholeVocabulary": "tsumami.boundaries.whole_vocabulary",
}

__all__ = [
    "DEAD_END",
    "HEAVY",
    "MAPPED",
    "Axis",
    "Box",
    "Chosen",
    "Limit",
    "LimitProblem",
    "Moves",
    "Past",
    "Piece",
    "Span",
    "TokenProblem",
    "Trial",
    "WholeVocabulary",
    "check_mappable",
    "find_cut_limit",
    "find_limits",
    "settle_together",
    "token_problem",
]

if not TYPE_CHECKING:  # else every name would pass for one of this face
    __getattr__, __dir__ = face(__name__, _HOMES)
