"""The prompt in the form of a tab that generates: its box, how it is sent, and whose knobs are begun from.

Guarantee: as long as nobody has typed into the box, it holds the chat's last message, or before there is one an example
in a language that the model knows; what was typed stays until somebody asks for the chat's message. Sent as in the chat
means in its format and with its system prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import gradio as gr
from gradio.components import Component

from tsumami.app.parts import talk_form
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.events import QUICK
from tsumami.app.parts.telling import say
from tsumami.app.words.texts import Language, Texts
from tsumami.app.work.notebook import last_message
from tsumami.app.work.shelf import ModelChoice
from tsumami.model import Model
from tsumami.models import KNOWN
from tsumami.prompts import Message
from tsumami.runs import Prompt
from tsumami.settings import Settings

AS_CHAT: Final = "chat"
"""As the chat sends its messages."""

RAW: Final = "raw"
"""As it is, to be gone on with."""


class PromptContents(NamedTuple):
    """What the form holds: the text, a format's name, and of the chat its format, its system prompt, and whether a text
    that is gone on with may name special tokens.
    """

    text: str | None
    template: str
    chat_template: str
    system: str | None
    special: bool

    @property
    def plain(self) -> bool:
        """Whether the text is sent as it is, so that it can be gone on with."""
        return RAW in (self.template, self.chat_template if self.template == AS_CHAT else "")


class Filling(NamedTuple):
    """What is put into the form; `filled` is the text that nobody has typed."""

    text: Any = gr.skip()
    template: Any = gr.skip()
    filled: Any = gr.skip()


@dataclass(frozen=True, slots=True)
class PromptForm:
    """The components. `example`: a key of the texts; `bare`: the format that the example is meant for."""

    texts: Texts
    example: str
    bare: str
    box: gr.Textbox
    template: gr.Dropdown
    take: gr.Button
    filled: gr.State

    def inputs(self, desk: Desk) -> list[Component]:
        """What makes a `PromptContents`, in its order."""
        return [self.box, self.template, desk.talk.template, desk.talk.system, desk.talk.special]

    @property
    def _outputs(self) -> list[Component]:
        """What a `Filling` fills, in its order."""
        return [self.box, self.template, self.filled]

    def wire(self, desk: Desk, place: gr.Tab) -> None:
        """Fill the box when the tab is opened, and when somebody asks for the chat's message."""
        given = [desk.choice, desk.store]
        place.select(self.on_open, [self.box, self.filled, *given], self._outputs, queue=False, **QUICK)
        self.take.click(self.on_take, given, self._outputs, queue=False, **QUICK)

    def taking(self, begin: Callable[..., Any], desk: Desk) -> Any:
        """Let an event put the chat's message into the box; gives the event after which it is there."""
        return begin(self._filling, [desk.choice, desk.store], self._outputs, queue=False, **QUICK)

    def on_open(self, text: str | None, filled: str, choice: ModelChoice, stored: Any) -> Filling:
        """The chat's last message, or the example, unless something else was typed."""
        return Filling() if text and text != filled else self._filling(choice, stored)

    def on_take(self, choice: ModelChoice, stored: Any) -> Filling:
        """The chat's last message, whatever is in the box."""
        if last_message(stored) is None:
            say(self.texts("chat.nothing"))
        return self._filling(choice, stored)

    def _filling(self, choice: ModelChoice, stored: Any) -> Filling:
        said = last_message(stored)
        if said is not None:
            return Filling(said, AS_CHAT, said)
        text = example(self.texts, self.example, choice.name)
        return Filling(text, self.bare, text)


def build(texts: Texts, tab: str, label: str, *, example: str = "prompt.example", bare: str = AS_CHAT) -> PromptForm:
    """The box and what stands below it; `label` and `example` are keys of the texts."""
    box = gr.Textbox(label=texts(label), lines=2, max_lines=6, elem_id=f"{tab}-prompt")
    formats = [(texts("prompt.chat"), AS_CHAT), *talk_form.formats(texts)[1:]]
    with gr.Row(elem_classes="tight"):
        template = gr.Dropdown(
            formats, value=bare, label=texts("model.template"), show_label=False, container=False, min_width=190,
            elem_id=f"{tab}-template",
        )  # fmt: skip
        take = gr.Button(texts("prompt.take"), size="sm", min_width=150, elem_id=f"{tab}-take-message")
    return PromptForm(texts, example, bare, box, template, take, gr.State(""))


def own_knobs(texts: Texts, tab: str) -> gr.Checkbox:
    """Whether one starts from the chat's knobs; call inside a row."""
    return gr.Checkbox(label=texts("compare.own"), container=False, min_width=160, elem_id=f"{tab}-own")


def example(texts: Texts, key: str, model: str) -> str:
    """The example in the page's language, or in one that the model of this name knows."""
    known = KNOWN.get(model)
    languages: list[Language] = ["ja", "en"]
    spoken = [one for one in languages if known is None or one in known.languages]
    return texts(key) if texts.language in spoken else Texts(spoken[0])(key)


def asked(model: Model, contents: PromptContents, settings: Settings) -> Prompt:
    """The prompt as the model gets it; `settings` say what its template is told."""
    text = contents.text or ""
    if contents.template == RAW or not text:
        return model.as_prompt(text, parse_special=contents.special)
    as_chat = contents.template == AS_CHAT
    name = contents.chat_template if as_chat else contents.template
    system = str(contents.system or "").strip() if as_chat else ""
    said = [*([Message("system", system)] if system else []), Message("user", text)]
    special = talk_form.parse_special(read=contents.special)
    return model.prompt(said, settings, template=talk_form.template_named(name), parse_special=special)
