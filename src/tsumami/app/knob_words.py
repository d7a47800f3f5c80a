"""What the page says about a knob beyond the table's own words: its range, in the reader's language."""

from __future__ import annotations

from tsumami.app.texts import Texts
from tsumami.knobs import Knob


def allowed(texts: Texts, knob: Knob) -> str:
    """A knob's valid range in words; in English those of `Knob.allowed`."""
    if knob.choices:
        return texts("reference.range.choices", choices=", ".join(map(str, knob.choices)))
    if knob.kind not in ("int", "float"):
        return texts(f"reference.range.{knob.kind}")
    low, high, smallest = ("" if bound is None else f"{bound:.10g}" for bound in (knob.low, knob.high, knob.smallest))
    if smallest:
        part = texts("reference.range.from", low=smallest)
        return part if knob.low_open else texts("reference.range.or", first=low, rest=part)
    return texts("reference.range.between", low=low, high=high) if high else texts("reference.range.from", low=low)
