"""How the chat's conversation becomes a prompt: its format, the system prompt, and how much is remembered.

Guarantee: the chat and every tab that sends something as the chat does read it from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import gradio as gr
from gradio.components import Component

from tsumami.app.parts import system_prompts
from tsumami.app.parts.gradio_seams import put
from tsumami.app.words.texts import Texts
from tsumami.app.work.replying import Sending
from tsumami.app.work.shelf import ModelChoice

_OWN_TEMPLATE: Final = "auto"
_ALL: Final = -1


@dataclass(frozen=True, slots=True)
class TalkForm:
    """The components."""

    template: gr.Radio
    system: gr.Textbox
    memory: gr.Slider
    special: gr.Checkbox

    @property
    def positions(self) -> dict[str, Component]:
        """What outlives the page."""
        return {"template": self.template, "system": self.system, "memory": self.memory, "special": self.special}


class TalkContents(NamedTuple):
    """The session's model, and what the form holds: all that changes the next prompt."""

    choice: ModelChoice | None
    template: str
    system: str | None
    memory: float
    special: bool


@dataclass(frozen=True, slots=True)
class Picked:
    """The model, and how to send."""

    choice: ModelChoice
    sending: Sending


def made(texts: Texts) -> TalkForm:
    """The components; `lay_out` puts them on the page."""
    template = gr.Radio(
        formats(texts), value=_OWN_TEMPLATE, label=texts("model.template"), elem_id="template", scale=3, render=False,
    )  # fmt: skip
    memory = gr.Slider(
        _ALL, 20, value=_ALL, step=1, label=texts("model.memory"), info=texts("model.memory_info"), scale=2,
        elem_id="memory", render=False,
    )  # fmt: skip
    system = gr.Textbox(
        label=texts("model.system"), placeholder=texts("model.system_info"), lines=1, max_lines=4, elem_id="system",
        render=False,
    )  # fmt: skip
    special = gr.Checkbox(
        True, label=texts("model.special"), info=texts("model.special_info"), elem_id="parse-special", render=False
    )
    return TalkForm(template, system, memory, special)


def formats(texts: Texts) -> list[Any]:
    """The formats' titles and names; the first one is the model's own."""
    return [(texts(f"model.template_{name}"), name) for name in (_OWN_TEMPLATE, "model", "llama2", "raw")]


def lay_out(texts: Texts, form: TalkForm) -> None:
    """Put the form on the page; call where it is to stand."""
    with gr.Accordion(texts("model.talk"), open=False, elem_id="talk-form"):
        with gr.Row(elem_classes="tight"):
            put(form.template, form.memory)
        prompts = system_prompts.build(texts)
        put(form.system, form.special)
        system_prompts.wire(prompts, form.system)


def inputs(choice: gr.State, form: TalkForm) -> list[Any]:
    """What makes a `TalkContents`, in its order."""
    return [choice, form.template, form.system, form.memory, form.special]


def template_named(name: str) -> str | None:
    """A format as `Model.prompt` takes it; None is the model's own."""
    return None if name == _OWN_TEMPLATE else name


def parse_special(*, read: bool) -> bool | None:
    """As `Model.prompt` takes it: read in a plain completion, or nowhere."""
    return None if read else False


def read(contents: TalkContents) -> Picked:
    """What the form says."""
    choice, template, system, memory, special = contents
    name = template_named(str(template))
    remembered = None if name == "llama2" and memory == _ALL else int(memory)
    return Picked(
        choice or ModelChoice(), Sending(name, str(system or "").strip(), remembered, parse_special(read=special))
    )
