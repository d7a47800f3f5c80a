"""The desk that the tabs share: the session's model, the conversation, the knobs, and the way into a run.

Guarantee: a tab needs this and no other tab, so tabs can stand in any order. The desk's parts are made before the tabs
and are not on the page until the chat puts them where readers find them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import gradio as gr

from tsumami.app.parts import inside_link, knob_panel, talk_form
from tsumami.app.parts.gradio_seams import AS_TEXT
from tsumami.app.parts.knob_panel import KnobPanel
from tsumami.app.parts.model_bar import ModelBar
from tsumami.app.parts.talk_form import TalkForm
from tsumami.app.words.texts import Texts
from tsumami.app.work.shelf import ModelChoice
from tsumami.runs import Run


class Opener(Protocol):
    """Where a run is looked into."""

    def open(self, request: gr.Request, run: Run, token: int = 0) -> None:
        """Take a run of this session's model, just computed, and look at token number `token`."""

    def recall(self, request: gr.Request, choice: ModelChoice, run: Run, key: str) -> bool:
        """Take a run of the history, computed again as far as it can be; False if nobody wants it any more."""

    def show(self, opened: Any, choice: gr.State) -> None:
        """Let what was opened be drawn once this event has succeeded. choice: the session's model."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What of the history is to be shown: its kind, which is a tab's name, its id, and each time another number."""

    kind: str = ""
    key: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Desk:
    """What a tab gets. bar: what loads another model; store: the conversation of this window, for as long as that is
    open; brought: changes when something of the history is to be shown, of a chat what was put into `store`; talk: how
    a conversation becomes a prompt; inside: fires `select` with `to` when somebody wants to look into reply number
    `to`; tabs: their `selected` is the name of one.
    """

    blocks: gr.Blocks
    tabs: gr.Tabs
    bar: ModelBar
    store: gr.HTML
    brought: gr.State
    talk: TalkForm
    panel: KnobPanel
    inside: gr.HTML

    @property
    def choice(self) -> gr.State:
        """The session's model."""
        return self.bar.choice

    @classmethod
    def made(cls, texts: Texts, n_ctx: int, blocks: gr.Blocks, tabs: gr.Tabs, bar: ModelBar) -> Desk:
        """The parts, for a default model with `n_ctx` tokens of context."""
        return cls(
            blocks=blocks,
            tabs=tabs,
            bar=bar,
            store=gr.HTML(html_template="", visible="hidden", apply_default_css=False, render=False, **AS_TEXT),
            brought=gr.State(Brought(), render=False),
            talk=talk_form.made(texts),
            panel=knob_panel.made(texts, n_ctx),
            inside=inside_link.listener(render=False),
        )


class Tab(Protocol):
    """A tab of the page."""

    name: ClassVar[str]
    """Its id; the text `tab.<name>` is its title."""

    def build(self, desk: Desk, place: gr.Tab) -> None:
        """Lay it out and connect its events; called inside `place`."""

    def stop(self, session: str) -> None:
        """End what a session has under way here; what there is stays."""
