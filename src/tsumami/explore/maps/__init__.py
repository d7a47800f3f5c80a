"""Knob maps: every text that a knob can give.

Guarantee: a map holds the whole range, without a gap; every text is a run that can be had alone.
"""

from tsumami.explore.maps.knob_map import KnobMap
from tsumami.explore.maps.mapping import MOST_LEAVES, MapMaking, Mapping, MapProgress
from tsumami.explore.maps.parting_places import TextChange, changes
from tsumami.explore.maps.piece import MapPiece

__all__ = ["MOST_LEAVES", "KnobMap", "MapMaking", "MapPiece", "MapProgress", "Mapping", "TextChange", "changes"]
