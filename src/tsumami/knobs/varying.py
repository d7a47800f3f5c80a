"""Values of knobs to try one after another, as they are typed: a list, a range, or both.

Guarantee: `temperature=0:2:0.2` gives the numbers as they would be typed (0.6, not 0.6000000000000001), its end among
them if the steps reach it; every value goes through the knob's own check. Where only numbers can stand, they may be
typed as a Japanese keyboard gives them: ０．５、１.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from tsumami.errors import SettingsError
from tsumami.knobs.knob import Knob
from tsumami.knobs.table import get
from tsumami.knobs.typed import plain, typed

__all__ = ["varied_values"]

_NUMBERS: Final = ("int", "float", "choice")
_WITHOUT_COMMAS: Final = (*_NUMBERS, "bool")  # such a value has none in it, so the Japanese one can only part two
_MOST: Final = 10_000
_FORM: Final = "KNOB=A,B or KNOB=FIRST:LAST:STEP, such as top_k=40,100 or temperature=0:2:0.2"


_FORM_JA: Final = "KNOB=A,B か KNOB=FIRST:LAST:STEP の形にしてください（top_k=40,100 や temperature=0:2:0.2 など）"


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
            raise SettingsError(f"vary {one!r}: needs {_FORM}").in_japanese(f"vary {one!r}: {_FORM_JA}")
        knob = get(name.strip().removeprefix("--").replace("-", "_"))
        if knob.name in found:
            raise SettingsError(
                f"vary {knob.name} was given twice; give all its values in one: {knob.name}=A,B"
            ).in_japanese(f"vary {knob.name} が 2 回あります。値はまとめて {knob.name}=A,B と書いてください")
        if knob.kind in _WITHOUT_COMMAS:
            values = plain(values).replace("、", ",")
        found[knob.name] = [read(knob, text) for part in values.split(",") for text in _texts(knob, part.strip())]
    return found


def _texts(knob: Knob, part: str) -> list[str]:
    """One value, or those of a range."""
    if knob.kind not in _NUMBERS or ":" not in part:
        return [part]
    numbers = [_number(text) for text in part.split(":")]
    if len(numbers) != 3 or any(number is None for number in numbers):
        raise SettingsError(f"vary {knob.name}={part}: needs {_FORM}").in_japanese(
            f"vary {knob.name}={part}: {_FORM_JA}"
        )
    first, last, step = (number for number in numbers if number is not None)
    if not step or (last - first) / step < 0:
        raise SettingsError(
            f"vary {knob.name}={part}: a step of {step} does not lead from {first} to {last}; give"
            f" {'a positive' if last >= first else 'a negative'} one"
        ).in_japanese(
            f"vary {knob.name}={part}: 刻み {step} では {first} から {last} に行けません。"
            f"{'正' if last >= first else '負'}の数にしてください"
        )
    steps = (last - first) / step
    if steps >= _MOST:
        raise SettingsError(f"vary {knob.name}={part}: more than {_MOST:,} values, so take larger steps").in_japanese(
            f"vary {knob.name}={part}: 値が {_MOST:,} 個を超えます。刻みを大きくしてください"
        )
    return [format(first + index * step, "f") for index in range(int(steps) + 1)]


def _number(text: str) -> Decimal | None:
    """The number, if a float can hold it: neither infinite nor so small that it would be 0."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or math.isinf(float(number)):
        return None
    return number if float(number) or not number else None
