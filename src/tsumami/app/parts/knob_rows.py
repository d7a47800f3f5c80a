"""The rows of the knob panel as HTML: a knob's box, its slider, what it is, and the groups that they stand in.

Guarantee: labels, ranges, defaults and explanations come from the knob table; every input has a name that a screen
reader can say. A slider is a handy range; its box takes everything valid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final, NamedTuple

from tsumami.app.parts import chain_view
from tsumami.app.views.formula import mathml
from tsumami.app.words.texts import Texts
from tsumami.app.work.knob_values import BEGINNING, contents_of
from tsumami.knobs import GROUPS, KNOBS, Knob

FIRST: Final = ("seed", "temperature", "top_k", "top_p", "min_p")
"""The knobs that stand first."""

FIRST_GROUP: Final = "first-knobs"

_ADDRESS: Final = re.compile(r"https?://[^\s)]+")
_BEGINNING: Final[Mapping[str, Any]] = contents_of(BEGINNING)


class PanelGroup(NamedTuple):
    """Knobs that are folded together."""

    elem_id: str
    title: str
    members: list[Knob]


def groups(texts: Texts) -> list[PanelGroup]:
    """What is folded: the classic knobs, the order of the stages, then by what they are about."""
    rest = [knob for knob in KNOBS.values() if knob.name not in FIRST]
    classic = PanelGroup("classic", texts("knobs.classic"), [knob for knob in rest if knob.classic])
    chain = PanelGroup("chain-group", texts("chain.title"), [KNOBS["samplers"]])
    others = [knob for knob in rest if not knob.classic and knob.name != "samplers"]
    named = [
        PanelGroup(f"group-{name}", texts.pick(group.title_ja, group.title_en), [k for k in others if k.group == name])
        for name, group in GROUPS.items()
    ]
    return [classic, chain, *(group for group in named if group.members)]


def index(texts: Texts) -> list[dict[str, str]]:
    """What finds a knob: all that it is called, in both languages and elsewhere, and where it stands."""
    members = {FIRST_GROUP: [KNOBS[name] for name in FIRST], **{one.elem_id: one.members for one in groups(texts)}}
    return [
        {"name": knob.name, "group": group, "text": _called(knob)} for group, knobs in members.items() for knob in knobs
    ]


def markup(texts: Texts, n_ctx: int) -> str:
    """All rows, for a model with `n_ctx` tokens of context: the first knobs, what the bars under them say once there
    are any, the search, the groups.
    """
    seed, *others = (KNOBS[name] for name in FIRST)
    first = f"{row(texts, seed, n_ctx, beside=_seed_buttons(texts))}{explanation(texts, seed)}"
    label = escape(texts("reference.search"))
    search = (
        f'<div id="knob-search"><input type="search" aria-label="{label}" placeholder="{label}">'
        '<span role="status"></span></div>'
    )
    legend = f'<p id="far-legend"><i></i>{escape(texts("interval.legend"))}</p>'
    folded = "".join(
        f'<details class="knob-group" id="{group.elem_id}"{"" if number else " open"}>'
        f"<summary>{escape(group.title)}</summary>{_rows(texts, group.members, n_ctx)}</details>"
        for number, group in enumerate(groups(texts))
    )
    return f'<div id="{FIRST_GROUP}">{first}{_rows(texts, others, n_ctx)}</div>{legend}{search}{folded}'


def _rows(texts: Texts, knobs: Iterable[Knob], n_ctx: int) -> str:
    return "".join(
        chain_view.markup(texts) if knob.name == "samplers" else f"{row(texts, knob, n_ctx)}{explanation(texts, knob)}"
        for knob in knobs
    )


def _seed_buttons(texts: Texts) -> str:
    return (
        f'<label id="seed-lock"><input type="checkbox" checked>{escape(texts("knobs.lock"))}</label>'
        f'<button type="button" id="seed-dice" class="small">{escape(texts("knobs.dice"))}</button>'
    )


def row(texts: Texts, knob: Knob, n_ctx: int, *, beside: str = "") -> str:
    """One knob: its name, its box and what is beside it, a line on what it does, its slider."""
    label = escape(f"{texts.pick(knob.label_ja, knob.label_en)} ({knob.name})")
    info = f'<p class="info-text" id="info-{knob.name}">{escape(texts.pick(knob.line_ja, knob.line_en))}</p>'
    head, below = _inputs(texts, knob, n_ctx, label)
    return (
        f'<div class="knob" id="knob-{knob.name}" data-knob="{knob.name}" data-kind="{knob.kind}">'
        f'<div class="knob-head">{head}{beside}</div>{info}{below}<p class="knob-said" role="status"></p></div>'
    )


def _inputs(texts: Texts, knob: Knob, n_ctx: int, label: str) -> tuple[str, str]:
    """What stands beside a knob's name, with the name, and what stands below."""
    box, about = f"box-{knob.name}", f'aria-describedby="info-{knob.name}"'
    start = escape(str(_BEGINNING[knob.name]))
    named = f'<label for="{box}">{label}</label>'
    back = escape(texts("knobs.back", name=knob.name))
    reset = f'<button type="button" class="knob-back" title="{back}" aria-label="{back}">↺</button>'
    match knob.kind:
        case "bool":
            checked = " checked" if _BEGINNING[knob.name] else ""
            return f'<label for="{box}"><input type="checkbox" id="{box}" {about}{checked}>{label}</label>', ""
        case "choice" | "word":
            options = "".join(
                f'<label><input type="radio" name="{box}" value="{escape(str(one))}"'
                f"{' checked' if one == _BEGINNING[knob.name] else ''}>{escape(str(one))}</label>"
                for one in knob.choices
            )
            return (
                f'<span id="{box}">{label}</span>{reset}',
                f'<div class="knob-choices" role="radiogroup" aria-labelledby="{box}" {about}>{options}</div>',
            )
        case "int" | "float":
            number = f'<input type="number" step="any" id="{box}" value="{start}" {about}>'
            slider = knob.slider_for(n_ctx)
            if slider is None or knob.name == "seed":
                return f"{named}{number}{reset}", ""
            high = max(slider.high or 1, _BEGINNING[knob.name])
            reach = f'min="{slider.low:g}" max="{high:g}" step="{slider.step:g}"'
            ranged = f'<input type="range" {reach} value="{start}" aria-label="{label}" {about}>'
            return f"{named}{number}{reset}", f'<div class="knob-slide">{ranged}</div>'
        case _:
            return f"{named}{reset}", f'<textarea id="{box}" rows="2" {about}>{start}</textarea>'


def explanation(texts: Texts, knob: Knob) -> str:
    """A knob's paragraph, formula, range and paper, folded."""
    default = json.dumps(knob.default, ensure_ascii=False)
    parts = [f"<p>{escape(texts.pick(knob.paragraph_ja, knob.paragraph_en))}</p>"]
    if knob.formula:
        parts.append(f'<div class="formula" tabindex="0">{mathml(knob.formula)}</div>')
    parts.append(f"<p>{escape(texts('knobs.range', allowed=texts.allowed(knob), default=default))}</p>")
    if knob.paper:
        parts.append(f"<p>{_linked(texts('knobs.paper', paper=knob.paper))}</p>")
    body = "".join(parts)
    return (
        f'<details class="more" id="more-{knob.name}"><summary>{escape(texts("knobs.more"))}</summary>{body}</details>'
    )


def _linked(text: str) -> str:
    """A text as HTML, its addresses as links."""
    return _ADDRESS.sub(lambda m: f'<a href="{m[0]}" target="_blank" rel="noopener">{m[0]}</a>', escape(text))


def _called(knob: Knob) -> str:
    return " ".join([knob.name, knob.label_ja, knob.label_en, *dict.fromkeys(knob.aliases.values())])
