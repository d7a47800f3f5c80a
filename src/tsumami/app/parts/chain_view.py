"""The chain as a row of chips: its stages in order, movable with the mouse or the arrow keys.

Guarantee: the component's value is always an order that Settings accepts, stage names joined by commas; chips of idle
stages are greyed. Stages that are not in the order stand behind a bar and can be moved back in.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, Final

import gradio as gr

from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts
from tsumami.knobs import ORDERS, STAGES
from tsumami.settings import Settings

# Words and stages stand in the template and the script, not in props: an update that reaches the component before its
# accordion is first opened replaces all of its props by those of the update.
_TEMPLATE: Final = '<div class="chain" role="group" aria-label="@label"></div><p class="chain-hint">@hint</p>'


def build(texts: Texts, *, render: bool = True) -> gr.HTML:
    """The component, showing the default order; with `render` False it is put on the page later."""
    settings = Settings()
    return gr.HTML(
        value=shown(settings),
        html_template=_TEMPLATE.replace("@label", escape(texts("chain.label"))).replace(
            "@hint", escape(texts("chain.hint"))
        ),
        js_on_load=script(
            __name__,
            "chain_view.js",
            stages=",".join(STAGES),
            order=shown(settings),
            idle=",".join(idle_stages(settings)),
        ),
        elem_id="chain",
        render=render,
        idle=",".join(idle_stages(settings)),
    )


def shown(settings: Settings) -> str:
    """The value of the component for these settings."""
    return ",".join(settings.chain_order)


def read(value: str | None) -> str | tuple[str, ...]:
    """The `samplers` knob that the component's value means."""
    names = tuple(name for name in (value or "").split(",") if name)
    return next((name for name, order in ORDERS.items() if order == names), names)


def idle_stages(settings: Settings) -> Iterable[str]:
    """Stages that do nothing under these settings: neutral ones, and those that the mode leaves out."""
    from tsumami.sampling.chain import idle_stages as of_chain

    return of_chain(settings)


def update(settings: Settings) -> Any:
    """A Gradio update that shows these settings."""
    return gr.update(value=shown(settings), idle=",".join(idle_stages(settings)))
