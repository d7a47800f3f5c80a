"""--vary and --seeds as options: their help, and their values with files where a value may be one (`@FILE`)."""

from __future__ import annotations

from typing import Any

from tsumami.cli.knobs import parse
from tsumami.cli.words import say
from tsumami.knobs import get
from tsumami.knobs.varying import varied_values as from_texts


def vary_help() -> str:
    """What --vary takes."""
    return say(
        "つまみと値（top_k=40,100 や temperature=0:2:0.2）。何度も書くと、すべての組み合わせ",
        "a knob and its values, such as top_k=40,100 or temperature=0:2:0.2; several give every combination",
    )


def varied_values(given: list[str]) -> dict[str, list[Any]]:
    """What stands after each --vary as a knob and its values.

    Raises:
        SettingsError: as `tsumami.knobs.varying.varied_values`.
    """
    return from_texts(given, parse)


def parse_seed(text: str) -> int:
    """A seed as typed; SettingsError if it cannot be one."""
    return int(parse(get("seed"), text.strip()))
