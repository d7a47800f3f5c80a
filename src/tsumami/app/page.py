"""The page, as a table of contents: what stands on it, in one language.

Guarantee: the chat can be used as soon as the page is open; a tab costs next to nothing until somebody opens it.

How a tab is added: a folder of its own in tabs, with a `Tab` (parts/desk.py) that lays it out inside its `gr.Tab` and
connects its events, its scripts and its style; a line in `_tabs`; its words in both locales. What keeps it cheap:

- The browser makes a tab's parts when it is opened for the first time (Gradio's `render_children=False`). Until then a
  part costs 1 to 2 ms of building on the server and about 1.5 kB of page. So one `gr.HTML` with a script, as the chain
  (parts/chain_view.py) or the reference's table, is better than fifty components.
- Nothing of a tab hangs on `blocks.load`: that runs for everybody who opens the page. What a tab shows first is asked
  for by `tab.select`.
- What is heavy to import is imported where it is used, not at the top.
- An event that answers at once has `queue=False`; a parameter that scripts need is an endpoint of api/endpoints.py,
  and events are `api_visibility="private"`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import gradio as gr

from tsumami import charts
from tsumami.app.api import endpoints as api
from tsumami.app.parts import access, address, busy, model_bar
from tsumami.app.parts.desk import Desk, Tab
from tsumami.app.parts.gradio_seams import show_progress_nowhere, take_values_as_texts
from tsumami.app.tabs.chat.tab import ChatTab
from tsumami.app.tabs.compare.tab import CompareTab
from tsumami.app.tabs.grid.tab import GridTab
from tsumami.app.tabs.history.tab import HistoryTab
from tsumami.app.tabs.learn.tab import LearnTab
from tsumami.app.tabs.map.tab import MapTab
from tsumami.app.tabs.microscope.tab import MicroscopeTab
from tsumami.app.tabs.next_token.tab import NextTokenTab
from tsumami.app.tabs.reference.tab import ReferenceTab
from tsumami.app.tabs.write.tab import WriteTab
from tsumami.app.words.texts import Language, Texts
from tsumami.app.work.common import Common


def build(texts: Texts, common: Common, n_ctx: int) -> gr.Blocks:
    """The page in the language of `texts`, for a default model with `n_ctx` tokens of context."""
    take_values_as_texts()
    blocks: gr.Blocks
    with gr.Blocks(title=texts("page.title"), analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(_header(texts), elem_id="head")
        standing = _tabs(texts, common, n_ctx)
        nowhere = busy.build(texts, [tab.stop for tab in standing])
        bar = model_bar.build(texts, common.shelf)
        with gr.Tabs(elem_id="tabs") as tabs:
            desk = Desk.made(texts, n_ctx, blocks, tabs, bar)
            for tab in standing:
                with gr.Tab(texts(f"tab.{tab.name}"), id=tab.name) as place:
                    tab.build(desk, place)
        address.build({texts(f"tab.{tab.name}"): tab.name for tab in standing}, ChatTab.name)
        api.register(blocks, texts, common)
        show_progress_nowhere(blocks, nowhere)
    blocks.queue(default_concurrency_limit=None, max_size=None)
    return blocks


def names(blocks: gr.Blocks) -> frozenset[str]:
    """The tabs of a page by name: each is an address of it."""
    return frozenset(
        str(part.id)
        for part in blocks.blocks.values()
        if isinstance(part, gr.Tab) and part.parent is not None and part.parent.elem_id == "tabs"
    )


def _tabs(texts: Texts, common: Common, n_ctx: int) -> tuple[Tab, ...]:
    """The tabs, in the order in which they stand."""
    shelf, history = common.shelf, common.history
    microscope = MicroscopeTab(texts, shelf, common.api_runs.get, history=history)
    return (
        ChatTab(texts, common, n_ctx),
        WriteTab(texts, shelf, history=history),
        microscope,
        CompareTab(texts, shelf, history=history),
        MapTab(texts, shelf, microscope, history=history),
        GridTab(texts, shelf, microscope, n_ctx, history=history),
        HistoryTab(texts, shelf, microscope, history),
        NextTokenTab(texts, shelf, n_ctx),
        LearnTab(texts, shelf),
        ReferenceTab(texts),
    )


def _header(texts: Texts) -> str:
    other, name = ("en", "English") if texts.language == "ja" else ("ja", "日本語")
    return (
        f"<h1>tsumami <small>{texts('page.tagline')}</small></h1>"
        f'<a id="language" lang="{other}" href="../{other}/">{name}</a>'
    )


#: Where Gradio's own colours are too faint to be read: 4.5 to 1 for text, 3 to 1 for what else has a meaning.
_READABLE: Final = {
    "color_accent": "*primary_700",
    "color_accent_soft_dark": "*neutral_800",
    "body_text_color_subdued": "*neutral_600",
    "block_label_text_color": "*neutral_600",
    "block_title_text_color": "*neutral_600",
    "input_placeholder_color": "*neutral_600",
    "input_placeholder_color_dark": "*neutral_300",
    "link_text_color": "*secondary_700",
    "link_text_color_active": "*secondary_700",
    "link_text_color_hover": "*secondary_800",
    "link_text_color_visited": "*secondary_700",
    "link_text_color_dark": "*secondary_300",
    "link_text_color_active_dark": "*secondary_300",
    "link_text_color_hover_dark": "*secondary_200",
    "link_text_color_visited_dark": "*secondary_300",
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_dark": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_hover_dark": "*primary_800",
    "checkbox_background_color_selected_dark": "*primary_600",
}


def theme() -> gr.themes.Base:
    """Calm colours, and the fonts that the reader's system has for Japanese: nothing is fetched from elsewhere."""
    made = gr.themes.Base(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="slate",
        spacing_size="sm",
        text_size="md",
        font=("system-ui", "Hiragino Sans", "Yu Gothic UI", "Noto Sans CJK JP", "Noto Sans JP", "sans-serif"),
        font_mono=("ui-monospace", "Consolas", "Noto Sans Mono CJK JP", "monospace"),
    ).set(**_READABLE)
    made.__dict__["color_accent_dark"] = "*primary_400"  # Gradio has no name for it, and takes any that ends like this
    return made


def style() -> str:
    """The page's style sheet: its own, and those that lie beside their parts, tabs and views."""
    sheets = sorted(_sheets(resources.files("tsumami.app")), key=lambda sheet: sheet.name != "page.css")
    return "\n".join((*(sheet.read_text("utf-8") for sheet in sheets), charts.style()))


def _sheets(folder: Traversable) -> Iterator[Traversable]:
    """The style sheets in a folder and below, always in the same order."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _sheets(entry)
        elif entry.name.endswith(".css"):
            yield entry


def script(language: Language) -> str:
    """What runs before all else: the page's language, its keys (input methods must not send, and Esc stops), and what
    shows that work is going on, and what Gradio's markup lacks.
    """
    own = (resources.files("tsumami.app") / "page.js").read_text("utf-8").replace("@language", language)
    texts = Texts(language)
    return "\n".join((own, busy.script(texts), access.script(texts)))
