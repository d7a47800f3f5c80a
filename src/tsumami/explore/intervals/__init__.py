"""How far each knob of a run can be turned before its text changes.

Guarantee: what is called certain is proved.
"""

from tsumami.explore.intervals.every_knob import Bend, Interval, intervals, knobs_with_interval, mappable_knobs

__all__ = ["Bend", "Interval", "intervals", "knobs_with_interval", "mappable_knobs"]
