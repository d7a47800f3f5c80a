"""Where every knob and switch of the chat stands, kept by the browser beside the conversation.

Guarantee: a reload, the other language's page and a restarted server find the positions again; whatever lies in the
browser's storage, what is restored is what the page accepts, and the rest stays at its default. Nothing can be moved
before it is restored (page.js). Keeping costs the server nothing: the browser does it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr
from gradio.components import Component

from tsumami.app.parts import browser, knob_panel
from tsumami.app.parts.events import AT_ONCE
from tsumami.app.parts.scripts import script
from tsumami.knobs import KNOBS
from tsumami.settings import Settings

_RESTORED: Final = "() => { window.tsumamiRestored = true; document.getElementById('restoring')?.remove(); }"


@dataclass(slots=True)
class Positions:
    """`knobs`: the panel of all knobs; and whatever else is named in `others`: choices, switches, sliders, texts."""

    knobs: gr.HTML
    others: Mapping[str, Component]

    def wire(self, blocks: gr.Blocks) -> Any:
        """Keep what is moved, and restore it when the page is opened; call inside `blocks`. Gives the event after which
        all is restored.
        """
        store = browser.kept("positions", {})
        parts: list[Any] = [self.knobs, *self.others.values()]
        keep = script(__name__, "keep.js", names=",".join(self.others))
        gr.on([part.change for part in parts], None, [store, *parts], [store], js=keep, **AT_ONCE)
        opened = blocks.load(self.on_open, [store], parts, **AT_ONCE)
        return opened.then(None, js=_RESTORED, **AT_ONCE)

    def on_open(self, kept: Any) -> list[Any]:
        """Updates that put the knobs and the others to where they were."""
        if not isinstance(kept, dict) or not kept:
            return [gr.skip(), *(gr.skip() for _ in self.others)]
        others = [
            gr.update(value=kept[name]) if name in kept and _fits(part, kept[name]) else gr.skip()
            for name, part in self.others.items()
        ]
        return [knob_panel.contents(settings_from(kept)), *others]


def settings_from(kept: Mapping[str, Any]) -> Settings:
    """The settings that the kept contents of the panel add up to, without those that cannot work."""
    known = {name: kept[name] for name in KNOBS if name in kept}
    settings = knob_panel.readable(known)
    if settings is not None:
        return settings
    working: dict[str, Any] = {}
    for name, value in known.items():
        if knob_panel.readable({**working, name: value}) is not None:
            working[name] = value
    return knob_panel.read(working)


def _fits(part: Component, value: object) -> bool:
    """Whether a component can show a value."""
    match part:
        case gr.Radio() | gr.Dropdown():
            return value in [choice for _, choice in part.choices or ()]
        case gr.Checkbox():
            return isinstance(value, bool)
        case gr.Slider():
            return isinstance(value, int | float) and part.minimum <= value <= part.maximum
        case _:
            return isinstance(value, str)
