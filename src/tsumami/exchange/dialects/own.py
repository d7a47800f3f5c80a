"""Our own settings files: one JSON object, knob names and values."""

from __future__ import annotations

from typing import Any, Final

from tsumami.exchange.dialect import Dialect, Field
from tsumami.knobs import KNOBS, Knob


def _plain(knob: Knob) -> Any:
    """How a knob's value is written: biases as an object, texts and orders as lists."""

    def write(value: Any) -> Any:
        if knob.kind == "bias":
            return {str(token): bias for token, bias in value}
        return list(value) if isinstance(value, tuple) else value

    return write


OWN: Final = Dialect(
    name="tsumami",
    title="tsumami",
    form="json",
    fields=tuple(Field(name, name, knob.default, write=_plain(knob)) for name, knob in KNOBS.items()),
    marks=frozenset({"penalize_prompt", "mirostat_mode", "dry_penalty_last_n"}),
)
