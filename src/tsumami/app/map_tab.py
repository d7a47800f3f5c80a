"""The tab "knob map": every text that one knob gives, as an icicle that grows while it is computed.

Guarantee: a session has one map under way and its own; leaving the page ends it, cancelling keeps what there is, and
zooming maps the sub-range alone and keeps the way back. What is drawn is charts/icicle.js's; handlers unpack, call one
function, and show what it gave.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Final

import gradio as gr

from tsumami import charts
from tsumami.app import knob_panel
from tsumami.app.chat_tab import ChatTab
from tsumami.app.kept import Kept
from tsumami.app.knob_board import given
from tsumami.app.map_work import MapWork, Sight
from tsumami.app.microscope_tab import MicroscopeTab
from tsumami.app.shelf import Choice, Shelf
from tsumami.app.texts import Texts
from tsumami.charts.icicle_cells import handy
from tsumami.charts.icicle_page import icicle_data, icicle_facts, icicle_page, icicle_script, icicle_skeleton
from tsumami.charts.words import word
from tsumami.errors import SettingsError, TsumamiError
from tsumami.explain.axis import Axis, check_mappable
from tsumami.explain.knob_map import KnobMap
from tsumami.explain.mapping import Mapping
from tsumami.knobs import KNOBS
from tsumami.model import Model
from tsumami.settings import Settings

_KINDS: Final = ("csv", "json", "html")
_FIRST: Final = "temperature"
_TOKENS: Final = 32
_LEAVES: Final = 32
_MOST: Final = 4096
#: The drawing, and what it asks of the server. A map arrives as the component's value.
_SCRIPT: Final = """
@icicle
const drawn = tsumamiIcicle(element, {
  zoom: range => trigger('select', range),
  back: () => trigger('undo', {}),
  inside: chosen => trigger('expand', chosen),
  apply: chosen => trigger('apply', chosen),
});
const show = () => { if (props.value) drawn.show(JSON.parse(props.value)); };
element.addEventListener('click', event => {
  const kind = event.target.dataset.file;
  if (kind) trigger('download', {kind});
});
watch(['value'], show);
show();
"""
_DOWNLOAD: Final = "() => setTimeout(() => document.querySelector('#map-file, #map-file a, #map-file button').click(), 100)"


@dataclass(slots=True)
class MapTab:
    """The tab."""

    texts: Texts
    shelf: Shelf
    _works: Kept[MapWork] = field(default_factory=Kept)

    def build(self, blocks: gr.Blocks, tabs: gr.Tabs, chat: ChatTab, microscope: MicroscopeTab) -> None:
        """Lay out the tab and connect it; call inside the `gr.Tab`, after the chat and the microscope were built."""
        texts = self.texts
        with gr.Column(elem_id="map"):
            with gr.Row(elem_classes="split", equal_height=False):
                with gr.Column(scale=3, min_width=300):
                    prompt = gr.Textbox(
                        texts("map.example"), label=texts("map.prompt"), lines=2, max_lines=6, elem_id="map-prompt"
                    )
                    with gr.Row(elem_classes="tight"):
                        as_chat = gr.Checkbox(
                            value=True, label=texts("next.chat"), container=False, min_width=160, elem_id="map-chat"
                        )
                        own = gr.Checkbox(
                            label=texts("compare.own"), container=False, min_width=160, elem_id="map-own"
                        )
                        seed = gr.Number(0, label="seed", precision=0, minimum=0, min_width=90, elem_id="map-seed")
                with gr.Column(scale=2, min_width=300):
                    with gr.Row(elem_classes="tight"):
                        knob = gr.Dropdown(
                            mappable(), value=_FIRST, label=texts("map.knob"), min_width=150, elem_id="map-knob"
                        )
                        low, high = (
                            gr.Number(value, label=texts(f"map.{name}"), min_width=80, elem_id=f"map-{name}")
                            for name, value in zip(("low", "high"), self.on_knob(_FIRST), strict=True)
                        )
                    with gr.Row(elem_classes="tight"):
                        tokens, leaves = (
                            gr.Number(
                                value, label=texts(f"map.{name}"), info=texts(f"map.{name}_info"), precision=0, minimum=1,
                                min_width=110, elem_id=f"map-{name}",
                            )
                            for name, value in (("tokens", _TOKENS), ("leaves", _LEAVES))
                        )  # fmt: skip
                    gr.HTML(self._unmappable(), elem_id="map-others", apply_default_css=False)
            with gr.Row(elem_classes="tight"):
                go, stop, deeper, wider = (
                    gr.Button(texts(key), variant=kind, size="sm", min_width=90, elem_id=f"map-{name}")
                    for name, key, kind in (
                        ("go", "map.go", "primary"), ("stop", "chat.stop", "stop"), ("deeper", "map.deeper", "secondary"),
                        ("wider", "map.wider", "secondary"),
                    )
                )  # fmt: skip
            view = gr.HTML(
                value="", html_template=icicle_skeleton(texts.language, extra=self._files()), elem_id="map-view",
                js_on_load=_SCRIPT.replace("@icicle", icicle_script()), apply_default_css=False,
            )  # fmt: skip
            file = gr.DownloadButton(visible="hidden", elem_id="map-file")
        quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        working: dict[str, Any] = {**quick, "concurrency_limit": None, "concurrency_id": "talk"}
        knob.change(self.on_knob, [knob], [low, high], queue=False, **quick)
        choice, budget = chat.bar.choice, [tokens, leaves]
        how = [choice, prompt, as_chat, own, seed, knob, low, high, *budget, *chat.panel.inputs]
        go.click(self.on_map, how, [view], **working)
        deeper.click(self.on_deeper, budget, [tokens, view], **working)
        wider.click(self.on_wider, budget, [leaves, view], **working)
        view.select(self.on_zoom, budget, [view], **working)
        view.undo(self.on_back, None, [view], **quick)
        stop.click(self.on_stop, None, None, queue=False, **quick)
        view.apply(self.on_apply, [choice], [tabs, *chat.panel.inputs], **quick)
        opened = view.expand(self.on_inside, [choice], [tabs], **quick)
        opened.success(microscope.on_show, microscope.seeing, microscope.outputs, **quick)
        self._microscope = microscope
        made = view.download(self.on_file, None, [file], **quick)
        made.success(None, js=_DOWNLOAD, **quick)
        blocks.unload(self.on_gone)
