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

from tsumami.app.parts import browser, chain_view, knob_panel
from tsumami.app.parts.scripts import script
from tsumami.app.work.knob_values import BEGINNING, contents_of
from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS
from tsumami.settings import Settings

_RESTORED: Final = "() => { window.tsumamiRestored = true; document.getElementById('restoring')?.remove(); }"


@dataclass(slots=True)
class Positions:
    """`knobs` of the panel in the table's order, and whatever else is named in `others`: choices, switches, sliders,
    texts. n_ctx: tokens of context of the model that a page opens with.
    """

    knobs: Mapping[str, Component]
    others: Mapping[str, Component]
    n_ctx: int

    def wire(self, blocks: gr.Blocks) -> Any:
        """Keep what is moved, and restore it when the page is opened; call inside `blocks`. Gives the event after which
        all is restored.
        """
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        store = browser.kept("positions", {})
        parts: dict[str, Any] = {**self.knobs, **self.others}
        keep = script(__name__, "keep.js", names=",".join(parts))
        moved = [part.change for part in parts.values()]
        gr.on([*moved, parts["samplers"].input], None, [store, *parts.values()], [store], js=keep, **quiet)
        opened = blocks.load(self.on_open, [store], list(parts.values()), **quiet)
        return opened.then(None, js=_RESTORED, **quiet)

    def on_open(self, kept: Any) -> list[Any]:
        """Updates that put the knobs and the others to where they were."""
        if not isinstance(kept, dict) or not kept:
            return [gr.skip() for _ in (*self.knobs, *self.others)]
        knobs = knob_panel.fill(settings_from(kept), self.n_ctx)
        others = [
            gr.update(value=kept[name]) if name in kept and _fits(part, kept[name]) else gr.skip()
            for name, part in self.others.items()
        ]
        return [*knobs, *others]


def settings_from(kept: Mapping[str, Any]) -> Settings:
    """The settings that the kept contents of the knobs' components add up to, without those that cannot work."""
    contents = {**contents_of(BEGINNING), "samplers": chain_view.shown(BEGINNING)}
    settings = BEGINNING
    known = {name: kept[name] for name in KNOBS if name in kept}
    for trial in (known, *({name: value} for name, value in known.items())):  # all at once, else one after the other
        try:
            settings = knob_panel.read_panel([{**contents, **trial}[name] for name in KNOBS])
        except (SettingsError, AttributeError, TypeError, ValueError):  # the last three: not even of the right type
            continue
        contents |= trial
        if trial is known:
            break
    return settings


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
