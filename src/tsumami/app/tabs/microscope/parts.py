"""What the microscope shows, as components and as their contents.

Guarantee: every event of the tab answers with a `View`, so that what changes is named and the rest stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, get_args

import gradio as gr
from gradio.components import Component

from tsumami import charts
from tsumami.app.parts.scripts import script
from tsumami.app.words.texts import Texts
from tsumami.runs.run import RunPart


class View(NamedTuple):
    """Contents of `MicroscopeParts.outputs`; what is not given stays as it is."""

    about: Any = gr.skip()
    strip: Any = gr.skip()
    inside: Any = gr.skip()
    asked: Any = gr.skip()
    answer: Any = gr.skip()
    tree: Any = gr.skip()
    beside: Any = gr.skip()
    audited: Any = gr.skip()
    part: Any = gr.skip()


@dataclass(frozen=True, slots=True)
class MicroscopeParts:
    """The components that show a run. about: which it is; strip: its tokens; inside: one token's way; asked: the token
    that is asked about, and `answer`; tree: the branches; beside: two of them; audited: what each knob did, in which
    part of a run that thinks.
    """

    mode: gr.Radio
    about: gr.HTML
    strip: gr.HTML
    inside: gr.HTML
    asked: gr.Textbox
    answer: gr.HTML
    tree: gr.HTML
    beside: gr.HTML
    audited: gr.HTML
    part: gr.Radio

    @property
    def outputs(self) -> list[Component]:
        """What a `View` fills, in its order."""
        return [getattr(self, name) for name in View._fields]

    @classmethod
    def made(cls, texts: Texts) -> MicroscopeParts:
        """The components, not yet on the page: other tabs have runs drawn there, wherever they stand."""
        modes: list[tuple[str, str | int | float]] = [(texts(f"microscope.mode.{m}"), m) for m in charts.MODES]
        parts: list[tuple[str, str | int | float]] = [(texts(f"microscope.part.{p}"), p) for p in get_args(RunPart)]
        return cls(
            mode=gr.Radio(
                modes, value="final", show_label=False, container=False, min_width=320, elem_id="microscope-mode",
                render=False,
            ),
            about=_html("about", f'<p class="facts">{escape(texts("microscope.hint"))}</p>'),
            strip=_html("strip", js=script(__name__, "strip.js", about=texts("microscope.strip"))),
            inside=_html("inside", js=script(__name__, "clicks.js", name="candidate")),
            asked=gr.Textbox(
                show_label=False, container=False, placeholder=texts("microscope.which"), scale=2, min_width=180,
                elem_id="microscope-asked", label=texts("microscope.which"), render=False,
            ),
            answer=_html("answer"),
            tree=_html("tree", js=script(__name__, "clicks.js", name="branch")),
            beside=_html("beside"),
            audited=_html("audited", js=script(__name__, "clicks.js", name="token")),
            part=gr.Radio(
                parts, value="all", label=texts("microscope.part"), show_label=False, container=False, min_width=220,
                visible=False, elem_id="microscope-part", render=False,
            ),
        )  # fmt: skip


def _html(name: str, value: str | None = None, *, js: str | None = None) -> gr.HTML:
    return gr.HTML(value, elem_id=f"microscope-{name}", js_on_load=js, apply_default_css=False, render=False)
