"""The reference tab: what every knob is, to be searched while typing, and what a newcomer should know first.

Guarantee: what stands here comes from the knob table, so it is what the library does; the search runs in the browser,
so it answers at once, in Japanese and in English on either page. `docs/knobs.md` is made from the same functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import ClassVar, Final, NamedTuple

import gradio as gr

from tsumami.app.parts.desk import Desk
from tsumami.app.parts.scripts import script
from tsumami.app.views.formula import mathml
from tsumami.app.words.texts import Texts
from tsumami.knobs import GROUPS, KNOBS, Knob
from tsumami.settings import Settings

NOTES: Final = ("seed", "history", "open", "context")
"""The notes for newcomers: locale keys `reference.note.<name>.title` and `.text`."""

_ADDRESS: Final = re.compile(r"https?://[^\s)]+")


class Source(NamedTuple):
    """A paper of the knob table in parts: its title, its address, and what is said after it."""

    title: str
    address: str
    rest: str


def source(paper: str) -> Source:
    """`Author year: Title https://… (remark)` in parts."""
    match = _ADDRESS.search(paper)
    if match is None:
        return Source(paper, "", "")
    return Source(paper[: match.start()].strip(), match[0], paper[match.end() :].strip())


def default(texts: Texts, knob: Knob) -> str:
    """A knob's default, as JSON, or the word for none."""
    value = Settings().to_dict()[knob.name]
    return texts("reference.none") if value in (None, [], {}) else json.dumps(value, ensure_ascii=False)


def neutral(texts: Texts, knob: Knob) -> str:
    """The value at which a knob does nothing, or a dash."""
    if knob.neutral is None:
        return "–"
    return texts("reference.none") if knob.neutral == () else json.dumps(knob.neutral)


def stage(texts: Texts, knob: Knob) -> str:
    """The stage that reads a knob."""
    return knob.stage or texts("reference.stage_several")


@dataclass(frozen=True, slots=True)
class ReferenceTab:
    """The tab."""

    name: ClassVar[str] = "reference"
    texts: Texts

    def build(self, desk: Desk, place: gr.Tab) -> None:  # noqa: ARG002  (it is about no model and no conversation)
        """Lay out the tab; call inside the `gr.Tab`."""
        _lay_out(self.texts)

    def stop(self, session: str) -> None:
        """Nothing is ever under way here."""


def _lay_out(texts: Texts) -> None:
    with gr.Column(elem_id="reference"):
        gr.HTML(notes(texts))
        search = gr.Textbox(
            label=texts("reference.search"),
            placeholder=texts("reference.search_for"),
            show_label=False,
            max_lines=1,
            elem_id="reference-search",
        )
        gr.HTML(table(texts), apply_default_css=False)
    # not `input`, which misses pasting, deleting and what an input method composes
    search.change(
        None, [search], None, js=script(__name__, "search.js"), api_visibility="private", show_progress="hidden"
    )


def notes(texts: Texts) -> str:
    """What a newcomer should know first, as HTML."""
    parts = (
        f"<div><b>{escape(texts(f'reference.note.{name}.title'))}</b>"
        f"<p>{escape(texts(f'reference.note.{name}.text'))}</p></div>"
        for name in NOTES
    )
    return f'<div class="notes">{"".join(parts)}</div>'


def table(texts: Texts) -> str:
    """The whole table as HTML."""
    heads = ("knob", "meaning", "values", "elsewhere")
    head = "".join(f'<span role="columnheader">{escape(texts(f"reference.column.{name}"))}</span>' for name in heads)
    rows = "".join(_entry(texts, knob) for knob in KNOBS.values())
    count = texts("reference.found", count=0)
    return (
        f'<p class="found" aria-live="polite" data-words="{escape(count)}">'
        f"{escape(texts('reference.found', count=len(KNOBS)))}</p>"
        f'<div class="table" role="table"><div class="heads" role="row">{head}</div>{rows}</div>'
    )


def _entry(texts: Texts, knob: Knob) -> str:
    label, line, paragraph = (
        escape(texts.pick(*both))
        for both in (
            (knob.label_ja, knob.label_en),
            (knob.line_ja, knob.line_en),
            (knob.paragraph_ja, knob.paragraph_en),
        )
    )
    group = GROUPS[knob.group]
    names = escape(f"{knob.name} {knob.label_ja} {knob.label_en}")
    others = escape(
        f" {knob.label_ja} {knob.label_en} {knob.line_ja} {knob.line_en} {group.title_ja} {group.title_en} "
    )
    formula = f'<div class="formula" tabindex="0">{mathml(knob.formula)}</div>' if knob.formula else ""
    cells = (
        f'<code class="name">{knob.name}</code><b>{label}</b>'
        f"<small>{escape(texts.pick(*group))} · {escape(texts('reference.stage'))} "
        f"<code>{escape(stage(texts, knob))}</code></small>",
        f"<details><summary>{line}</summary><p>{paragraph}</p></details>{formula}",
        f"<dl>{''.join(_values(texts, knob))}</dl>",
        f"<dl>{''.join(_aliases(knob))}</dl>{_paper(texts, knob)}",
    )
    inner = "".join(f'<div role="cell">{cell}</div>' for cell in cells)
    found_by = f'data-name="{names}" data-find="{others}"'
    return f'<div class="entry" role="row" id="reference-{knob.name}" {found_by}>{inner}</div>'


def _values(texts: Texts, knob: Knob) -> Iterator[str]:
    for key, value in (
        ("default", default(texts, knob)),
        ("range", texts.allowed(knob)),
        ("neutral", neutral(texts, knob)),
    ):
        yield f"<div><dt>{escape(texts(f'reference.{key}'))}</dt><dd>{escape(value)}</dd></div>"


def _aliases(knob: Knob) -> Iterator[str]:
    for engine, name in knob.aliases.items():
        yield f"<div><dt>{escape(engine)}</dt><dd><code>{escape(name)}</code></dd></div>"


def _paper(texts: Texts, knob: Knob) -> str:
    if knob.paper is None:
        return ""
    found = source(knob.paper)
    rest = _ADDRESS.sub(lambda m: f'<a href="{m[0]}" target="_blank" rel="noopener">{m[0]}</a>', escape(found.rest))
    link = f'<a href="{escape(found.address)}" target="_blank" rel="noopener">{escape(found.title)}</a>'
    return f'<p class="paper">{escape(texts("reference.paper"))}: {link} {rest}</p>'
