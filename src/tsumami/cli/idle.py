"""What a command says of knobs that were turned and do nothing.

Guarantee: as on the page, a knob that cannot change a token under any of the settings that were used is named with the
reason, on stderr; nothing is said of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tsumami.cli.output import note
from tsumami.cli.words import say
from tsumami.settings import IdleReason, Settings

if TYPE_CHECKING:
    from tsumami.model import Model

__all__ = ["idle_knobs", "note_idle"]


def note_idle(
    used: Sequence[Settings], varied: Iterable[str] = (), model: Model | None = None, *, template: str | None = None
) -> None:
    """Name what does nothing. used: the settings of every run; varied: the knobs in which they differ; model: what
    they are used with; template: what makes the prompts, if that is not the model's own.
    """
    turned = dict.fromkeys([*varied, *(name for settings in used for name in settings.changed())])
    idle = idle_knobs(used, model, template)
    for name in turned:
        if idle and all(name in one for one in idle):
            note(f"{name}: {say(idle[0][name].ja, idle[0][name].en)}")


def idle_knobs(
    used: Sequence[Settings], model: Model | None = None, template: str | None = None
) -> list[dict[str, IdleReason]]:
    """The knobs that do nothing under each of the settings, and why; the rest as in `note_idle`."""
    thinks = model is None or model.thinking is not None
    asks = model is None or (template in (None, "model") and model.asks_thinking)
    return [settings.idle_knobs(thinks=thinks, asks=asks) for settings in used]
