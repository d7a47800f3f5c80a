"""Settings in files: on their own, or within what was saved of a run.

Guarantee: what is taken from a run gives that run again: its effective seed holds, and a knob that its file does not
name is younger than the file, so it is neutral and not at its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS

__all__ = ["saved_knobs", "with_younger_knobs"]


def with_younger_knobs(values: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs of a run's file, and those that came after it as they were then: doing nothing."""
    neutral = {name: knob.neutral for name, knob in KNOBS.items() if knob.neutral is not None}
    return {**neutral, **values}


def saved_knobs(form: object) -> dict[str, Any]:
    """The knobs in the JSON of a file: an object of knobs and values; or a run, a map, a grid, a receipt or a saved
    chat, whose settings and effective seed are taken. The values are not checked.

    Raises:
        SettingsError: there are none.
    """
    holder = form.get("receipt", form) if isinstance(form, dict) else form
    if not isinstance(holder, dict):
        raise SettingsError("settings must be an object with knob names").in_japanese(
            "設定は、つまみの名前のあるオブジェクトにしてください"
        )
    if "settings" not in holder:
        return dict(holder)
    if not isinstance(holder["settings"], dict):
        raise SettingsError("not the settings of a run: an object with knob names is expected").in_japanese(
            "実行の設定ではありません。つまみの名前のあるオブジェクトのはずです"
        )
    seed = {"seed": holder["seed"]} if "seed" in holder else {}
    return {**with_younger_knobs(holder["settings"]), **seed}
