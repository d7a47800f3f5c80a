"""The page, as a table of contents: what stands on it, in one language.

Guarantee: the chat can be used as soon as the page is open; a tab costs next to nothing until somebody opens it.

How a tab is added: a file of its own with a class or a function that lays it out inside its `gr.Tab` and connects its
events; a line in `build`; its words in both locales. What keeps it cheap:

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
from typing import Any, Final

import gradio as gr

from tsumami import charts
from tsumami.app.api import endpoints as api
from tsumami.app.parts import model_bar
from tsumami.app.parts.telling import tell
from tsumami.app.tabs.chat.tab import ChatTab
from tsumami.app.tabs.compare.tab import CompareTab
from tsumami.app.tabs.grid.tab import GridTab
from tsumami.app.tabs.learn.tab import LearnTab
from tsumami.app.tabs.map.tab import MapTab
from tsumami.app.tabs.microscope.tab import MicroscopeTab
from tsumami.app.tabs.next_token.tab import NextTokenTab
from tsumami.app.tabs.reference import tab as reference_tab
from tsumami.app.words.texts import Texts
from tsumami.app.work.callers import at_home, naming
from tsumami.app.work.shelf import Shelf
from tsumami.app.work.tasks import Tasks
from tsumami.errors import TsumamiError
from tsumami.runs import Stream

# The "secret" only has to stay the same: nothing is hidden from the person whose browser it is.
_MODEL_KEY: Final = "tsumami-model"
_STYLES: Final = ("page.css", "looking.css", "tabs/grid/grid.css", "tabs/learn/learn.css")


def build(texts: Texts, shelf: Shelf, sessions: Tasks[Stream], n_ctx: int) -> gr.Blocks:
    """The page in the language of `texts`, for a default model with `n_ctx` tokens of context."""
    blocks: gr.Blocks
    with gr.Blocks(title=texts("page.title"), analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(_header(texts), elem_id="head")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab(texts("tab.chat"), id="chat"):
                tab = ChatTab(texts, shelf, sessions, n_ctx)
                tab.build()
            with gr.Tab(texts("tab.microscope"), id="microscope"):
                microscope = MicroscopeTab(texts, shelf)
                microscope.build(blocks, tabs, tab)
            with gr.Tab(texts("tab.compare"), id="compare"):
                CompareTab(texts, shelf).build(blocks, tab)
            with gr.Tab(texts("tab.map"), id="map"):
                MapTab(texts, shelf, microscope).build(blocks, tabs, tab)
            with gr.Tab(texts("tab.grid"), id="grid"):
                GridTab(texts, shelf, microscope, n_ctx).build(blocks, tabs, tab)
            with gr.Tab(texts("tab.next"), id="next") as next_tab:
                NextTokenTab(texts, shelf, n_ctx).build(blocks, next_tab, tab.bar.choice, tab.panel)
            with gr.Tab(texts("tab.learn"), id="learn") as learn_tab:
                LearnTab(texts, shelf).build(blocks, learn_tab, tab.bar.choice)
            with gr.Tab(texts("reference.tab"), id="reference"):
                reference_tab.build(texts)
        tab.wire(blocks)
        _wire_model(tab)
        api.register(blocks, texts, shelf)
    blocks.queue(default_concurrency_limit=None, max_size=None)
    return blocks


def _header(texts: Texts) -> str:
    other, name = ("en", "English") if texts.language == "ja" else ("ja", "日本語")
    return (
        f"<h1>tsumami <small>{texts('page.tagline')}</small></h1>"
        f'<a id="language" lang="{other}" href="../{other}/">{name}</a>'
    )


def _wire_model(tab: ChatTab) -> None:
    """Loading a model changes the session's choice, the line about it, and how far max_tokens reaches. The browser
    keeps the choice.
    """
    bar, texts, shelf = tab.bar, tab.texts, tab.shelf
    length = tab.panel.knobs["max_tokens"]
    store = gr.BrowserState({}, storage_key=_MODEL_KEY, secret=_MODEL_KEY)

    def on_load_model(
        name: str,
        n_ctx: float | None,
        fast: bool,
        wanted: float | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  (Gradio's way)
    ) -> Iterator[Any]:
        try:
            with naming(name, at_home(request.request)):
                choice, line, reach = model_bar.load_model(texts, shelf, name, n_ctx, fast, progress)
        except TsumamiError as error:
            tell(texts, error)
            yield gr.skip(), texts("model.kept", why=texts.error(error)), gr.skip(), gr.skip()
            return
        most = max(reach - 256, 1)
        yield choice, line, gr.update(maximum=most, value=min(wanted or 0, most)), model_bar.to_keep(choice)

    def on_open(kept: Any, wanted: float | None, request: gr.Request) -> model_bar.Reopened:
        return model_bar.reopened(texts, shelf, kept, wanted, home=at_home(request.request))

    bar.load.click(
        on_load_model,
        [bar.name, bar.n_ctx, bar.fast, length],
        [bar.choice, bar.state, length, store],
        api_visibility="private",
    )
    tab.restored.then(
        on_open,
        [store, length],
        [bar.choice, bar.state, length, bar.name, bar.n_ctx, bar.fast],
        api_visibility="private", show_progress="hidden", queue=False,
    )  # fmt: skip


def theme() -> gr.themes.Base:
    """Calm colours, and the fonts that the reader's system has for Japanese: nothing is fetched from elsewhere."""
    return gr.themes.Base(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="slate",
        spacing_size="sm",
        text_size="md",
        font=("system-ui", "Hiragino Sans", "Yu Gothic UI", "Noto Sans CJK JP", "Noto Sans JP", "sans-serif"),
        font_mono=("ui-monospace", "Consolas", "Noto Sans Mono CJK JP", "monospace"),
    )


def style() -> str:
    """The page's style sheet."""
    ours = (resources.files("tsumami.app") / name for name in _STYLES)
    return "\n".join((*(sheet.read_text("utf-8") for sheet in ours), charts.style()))


def script() -> str:
    """The page's keys: input methods must not send, and Esc stops."""
    return (resources.files("tsumami.app") / "page.js").read_text("utf-8")
