"""The chain as a row of chips: its stages in order, movable with the mouse or the arrow keys.

Guarantee: what the chips say is always an order that Settings accepts, stage names joined by commas; chips of idle
stages are greyed. Stages that are not in the order stand behind a bar and can be moved back in.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts
from tsumami.knobs import ORDERS, STAGES
from tsumami.settings import Settings


def markup(texts: Texts) -> str:
    """Where the chips stand, as HTML."""
    label, hint = escape(texts("chain.label")), escape(texts("chain.hint"))
    chips = f'<div class="chain" role="group" aria-label="{label}"></div>'
    return f'<div id="chain">{chips}<p class="chain-hint">{hint}</p></div>'


def maker() -> str:
    """The script that makes the chips at work: an expression, a function of where they stand and what hears a move."""
    return script(__name__, "chain_view.js", stages=",".join(STAGES))


def shown(settings: Settings) -> str:
    """What the chips say for these settings."""
    return ",".join(settings.chain_order)


def read(value: str | None) -> str | tuple[str, ...]:
    """The `samplers` knob that this means."""
    names = tuple(name for name in (value or "").split(",") if name)
    return next((name for name, order in ORDERS.items() if order == names), names)


def idle_stages(settings: Settings) -> Iterable[str]:
    """Stages that do nothing under these settings: neutral ones, and those that the mode leaves out."""
    from tsumami.sampling.chain import idle_stages as of_chain

    return of_chain(settings)
