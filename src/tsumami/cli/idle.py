"""What a command says of knobs that were turned and do nothing.

Guarantee: as on the page, a knob that cannot change a token under any of the settings that were used is named with the
reason, on stderr; nothing is said of the others. Whoever ran them is asked, since some knobs act on some models only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from tsumami.cli.output import note
from tsumami.cli.words import say
from tsumami.settings import IdleReason, Settings

if TYPE_CHECKING:
    from tsumami.runs import Run

__all__ = ["KnowsIdle", "note_idle", "note_idle_in"]


class KnowsIdle(Protocol):
    """Who knows which knobs do nothing: a model, or a sweep, which asks its workers."""

    def idle_knobs(self, settings: Settings, template: str | None = None) -> dict[str, IdleReason]:
        """The knobs that do nothing, each with the reason. template: the name of the prompt's format."""


def note_idle(
    used: Sequence[Settings], varied: Iterable[str] = (), *, ask: KnowsIdle, template: str | None = None
) -> None:
    """Name what does nothing. used: the settings of every run; varied: the knobs in which they differ; ask: what they
    are used with; template: what makes the prompts, if that is not the model's own.
    """
    turned = [*varied, *(name for settings in used for name in settings.changed())]
    _say(turned, [ask.idle_knobs(settings, template) for settings in used])


def note_idle_in(runs: Sequence[Run], models: Sequence[KnowsIdle | None]) -> None:
    """Name what did nothing in any of several saved runs. models: that of each; None where it is not at hand, and then
    the settings alone say it.
    """
    idle = [
        run.settings.idle_knobs() if model is None else model.idle_knobs(run.settings, run.receipt.template)
        for run, model in zip(runs, models, strict=True)
    ]
    _say([name for run in runs for name in run.settings.changed()], idle)


def _say(turned: Iterable[str], idle: Sequence[Mapping[str, IdleReason]]) -> None:
    for name in dict.fromkeys(turned):
        if idle and all(name in one for one in idle):
            note(f"{name}: {say(idle[0][name].ja, idle[0][name].en)}")
