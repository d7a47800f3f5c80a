"""Values of knobs to try one after another, as they are typed: a list, a range, or both.

Guarantee: `temperature=0:2:0.2` gives the numbers as they would be typed (0.6, not 0.6000000000000001), its end among
them if the steps reach it; every value goes through the knob's own check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from tsumami.errors import SettingsError
from tsumami.knobs.knob import Knob
from tsumami.knobs.table import get
from tsumami.knobs.typed import typed

__all__ = ["varied_values"]

_NUMBERS: Final = ("int", "float", "choice")
_MOST: Final = 10_000
_FORM: Final = "KNOB=A,B or KNOB=FIRST:LAST:STEP, such as top_k=40,100 or temperature=0:2:0.2"


def varied_values(given: Iterable[str], read: Callable[[Knob, str], Any] = typed) -> dict[str, list[Any]]:
    """`top_k=40,100` or `top_k=10:100:10` as a knob and its values; `read` makes a value of each text.

    Raises:
        SettingsError: no `=`, no knob of that name, the same knob twice, a value that it cannot have, or steps that do
            not lead from the first value to the last.
    """
    found: dict[str, list[Any]] = {}
    for one in given:
        name, equals, values = one.partition("=")
        if not equals or not values.strip():
            raise SettingsError(f"vary {one!r}: needs {_FORM}")
        knob = get(name.strip().removeprefix("--").replace("-", "_"))
        if knob.name in found:
            raise SettingsError(f"vary {knob.name} was given twice; give all its values in one: {knob.name}=A,B")
        found[knob.name] = [read(knob, text) for part in values.split(",") for text in _texts(knob, part.strip())]
    return found


def _texts(knob: Knob, part: str) -> list[str]:
    """One value, or those of a range."""
    if knob.kind not in _NUMBERS or ":" not in part:
        return [part]
    numbers = [_number(text) for text in part.split(":")]
    if len(numbers) != 3 or any(number is None for number in numbers):
        raise SettingsError(f"vary {knob.name}={part}: needs {_FORM}")
    first, last, step = (number for number in numbers if number is not None)
    if not step or (last - first) / step < 0:
        raise SettingsError(
            f"vary {knob.name}={part}: a step of {step} does not lead from {first} to {last}; give"
            f" {'a positive' if last >= first else 'a negative'} one"
        )
    count = int((last - first) / step) + 1
    if count > _MOST:
        raise SettingsError(f"vary {knob.name}={part}: {count:,} values; at most {_MOST:,}, so take larger steps")
    return [format(first + index * step, "f") for index in range(count)]


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
