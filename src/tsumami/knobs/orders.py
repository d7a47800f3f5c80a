"""Which stages a chain can have, and the orders that have a name.

Guarantee: an order is a tuple of stage names, each at most once, or one of two names, so that equal chains are equal
values: a list that spells out a named order becomes its name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tsumami.errors import SettingsError
from tsumami.knobs.stages import ROWS
from tsumami.knobs.values import shown

__all__ = ["CLASSIC", "LLAMA_CPP", "ORDERS", "STAGES", "check_order", "resolve"]

CLASSIC = tuple(row.name for row in ROWS.values() if row.ordered)
"""The chain of llama.cpp and llama-cpp-python of January 2024, newer stages placed where llama.cpp places them."""

LLAMA_CPP = tuple(stage for stage in CLASSIC if ROWS[stage].in_llama_cpp or ROWS[stage].wanted_by)
"""llama.cpp's default order today (`common_params_sampling::samplers`), and in their places the stages that it has not
and that are there only where they are wanted.
"""

STAGES = CLASSIC
"""Every stage that an order may name."""

ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType({"classic": CLASSIC, "llama.cpp": LLAMA_CPP})


def resolve(samplers: str | tuple[str, ...]) -> tuple[str, ...]:
    """The stage names that a checked value of the `samplers` knob stands for."""
    return ORDERS[samplers] if isinstance(samplers, str) else samplers


def check_order(name: str, value: object) -> str | tuple[str, ...]:
    """Check an order: a name, stage names separated by `;` or `,` (`none` = no stage), or an iterable of names.

    Raises SettingsError for an unknown stage (with the nearest name) and for one named twice.
    """
    if isinstance(value, str):
        if value in ORDERS:
            return value
        stages = () if value == "none" else tuple(part.strip() for part in value.replace(";", ",").split(","))
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping, set, frozenset)):
        stages = tuple(value)
    else:
        raise SettingsError(f"{name} = {shown(value)}: {_allowed()}").in_japanese(
            f"{name} = {shown(value)}: {_allowed_ja()}"
        )
    for i, stage in enumerate(stages):
        if stage not in STAGES:
            raise SettingsError(
                f"{name}: no stage is called {shown(stage)}{_nearest(stage)}; {_allowed()}"
            ).in_japanese(f"{name}: {shown(stage)} というステージはありません{_nearest_ja(stage)}。{_allowed_ja()}")
        if stage in stages[:i]:
            raise SettingsError(f"{name}: {shown(stage)} is named twice; name each stage at most once").in_japanese(
                f"{name}: {shown(stage)} が 2 回あります。ステージはそれぞれ 1 回までにしてください"
            )
    return next((known for known, order in ORDERS.items() if order == stages), stages)


def _allowed() -> str:
    return f"allowed: {', '.join(map(repr, ORDERS))}, or a list of stages out of {', '.join(STAGES)}"


def _allowed_ja() -> str:
    return f"使えるのは {'、'.join(map(repr, ORDERS))}、または {', '.join(STAGES)} から選んだステージのリストです"


def _nearest_ja(stage: object) -> str:
    return _nearest(stage).replace(" (nearest: ", "（近いもの: ").replace(")", "）")


def _nearest(stage: object) -> str:
    near = difflib.get_close_matches(str(stage), (*STAGES, *ORDERS), n=1, cutoff=0.5)
    return f" (nearest: {near[0]})" if near else ""
