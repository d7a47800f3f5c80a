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
    from tsumami.boundaries.cutting import cut_reach as cut_reach
    from tsumami.boundaries.mirostat import MAPPED as MAPPED
    from tsumami.boundaries.mirostat import MirostatTrial as MirostatTrial
    from tsumami.boundaries.mirostat import Past as Past
    from tsumami.boundaries.partition import Piece as Piece
    from tsumami.boundaries.partition import find as find
    from tsumami.boundaries.samplers import Samplers as Samplers
    from tsumami.boundaries.search import HEAVY as HEAVY
    from tsumami.boundaries.search import Box as Box
    from tsumami.boundaries.search import Limit as Limit
    from tsumami.boundaries.search import Question as Question
    from tsumami.boundaries.search import reach as reach
    from tsumami.boundaries.trial import DEAD_END as DEAD_END
    from tsumami.boundaries.trial import Outcome as Outcome
    from tsumami.boundaries.trial import Trial as Trial
    from tsumami.boundaries.whole_vocabulary import WholeVocabulary as WholeVocabulary

_HOMES: Final = {
    "Axis": "tsumami.boundaries.axis",
    "Span": "tsumami.boundaries.axis",
    "check_mappable": "tsumami.boundaries.axis",
    "Moves": "tsumami.boundaries.boxes",
    "cut_reach": "tsumami.boundaries.cutting",
    "MAPPED": "tsumami.boundaries.mirostat",
    "MirostatTrial": "tsumami.boundaries.mirostat",
    "Past": "tsumami.boundaries.mirostat",
    "Piece": "tsumami.boundaries.partition",
    "find": "tsumami.boundaries.partition",
    "Samplers": "tsumami.boundaries.samplers",
    "Box": "tsumami.boundaries.search",
    "HEAVY": "tsumami.boundaries.search",
    "Limit": "tsumami.boundaries.search",
    "Question": "tsumami.boundaries.search",
    "reach": "tsumami.boundaries.search",
    "DEAD_END": "tsumami.boundaries.trial",
    "Outcome": "tsumami.boundaries.trial",
    "Trial": "tsumami.boundaries.trial",
    "WholeVocabulary": "tsumami.boundaries.whole_vocabulary",
}

__all__ = [
    "DEAD_END",
    "HEAVY",
    "MAPPED",
    "Axis",
    "Box",
    "Limit",
    "MirostatTrial",
    "Moves",
    "Outcome",
    "Past",
    "Piece",
    "Question",
    "Samplers",
    "Span",
    "Trial",
    "WholeVocabulary",
    "check_mappable",
    "cut_reach",
    "find",
    "reach",
]

__getattr__, __dir__ = face(__name__, _HOMES)
