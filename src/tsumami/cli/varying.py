"""--vary and --seeds as options: their help, and their values with files where a value may be one (`@FILE`)."""

from __future__ import annotations

from typing import Any

import typer

from tsumami.cli.knobs import parse
from tsumami.cli.words import say
from tsumami.errors import SettingsError
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


def seeds_option() -> Any:
    """The option `--seeds`, which means the same wherever there are several."""
    return typer.Option(
        "--seeds",
        metavar="<N|A,B>",
        help=say(
            "シードの数（5: 基準のシードから 5 つ）、またはシードそのもの（0,1,2）",
            "how many seeds (5: five from the base seed on), or which, such as 0,1,2",
        ),
    )


def parse_seeds(text: str | None) -> int | list[int] | None:
    """`5` is how many, `0,1,2` (or `7,`) is which; None where nothing was said.

    Raises:
        SettingsError: neither.
    """
    if text is None:
        return None
    if "," in text:
        return [int(parse(get("seed"), one.strip())) for one in text.split(",") if one.strip()]
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"--seeds {text}: needs how many, such as 5, or which, such as 0,1,2").in_japanese(
            f"--seeds {text}: 数（5 など）か、シードそのもの（0,1,2 など）を書いてください"
        ) from None
