"""The icicle as it is used: pointed at, picked, zoomed; in the app, in notebooks and as a page of its own.

Guarantee: one drawing (icicle.js) from one form of the data (`icicle_data`) everywhere; what it says of cells is
icicle_cells.py's, as in the chart. A page needs no network, and nothing that a model wrote is taken as HTML or script.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any, Final

from tsumami.charts.colours import PALETTE
from tsumami.charts.embedding import script_json
from tsumami.charts.html.style import style
from tsumami.charts.icicle_cells import cells, colours, extents, handy, label
from tsumami.charts.icicle_words import icicle_facts, icicle_notes
from tsumami.charts.words import word
from tsumami.explore.maps import KnobMap
from tsumami.knobs import get
from tsumami.wording import Language

__all__ = ["IcicleFrame", "icicle_data", "icicle_page", "icicle_script", "icicle_skeleton"]

_SAID: Final = ("token", "open", "ended", "length", "more")  # by the script; all else stands in the skeleton
_PAGE: Final = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; padding: .8rem; max-width: 1600px; background: light-dark(#fff, #0b0f19);
  font-family: system-ui, "Hiragino Sans", "Yu Gothic UI", "Noto Sans CJK JP", sans-serif; }}
h1 {{ font-size: 1.05rem; margin: 0 0 .4rem; color: light-dark(#1f2937, #e5e9f0); }}
{style}
</style></head><body><h1>{title}</h1>{skeleton}
<script>
{script}
tsumamiIcicle(document.body).show({data});
</script></body></html>
"""


def icicle_data(
    found: KnobMap, language: Language, *, facts: str = "", settings: str = "", parents: int = 0
) -> dict[str, Any]:
    """What the script draws, as plain JSON values.

    Args:
        found: the map.
        language: of what is said about it.
        facts: the line above it (default: `icicle_facts`).
        settings: the other knobs that differ from their defaults, in a line.
        parents: how many maps it was zoomed out of; with any, the way back is offered.
    """
    made = list(cells(found))
    units = {text: number for number, text in enumerate(dict.fromkeys(cell.text for cell in made))}
    shown_in = colours(made)
    deepest = max((len(piece.tokens) for piece in found.pieces), default=0)
    whole = all(piece.finished for piece in found.pieces)
    return {
        "knob": found.knob,
        "low": found.low,
        "high": found.high,
        "whole": get(found.knob).kind == "int",
        "depth": deepest if whole else max(deepest, min(found.max_tokens, deepest + 4)),
        "extents": extents(found),
        "pieces": [
            {
                "low": piece.low,
                "last": piece.last,
                "handy": handy(piece),
                "depth": len(piece.tokens),
                "finished": piece.finished,
                "stop": piece.stop_reason,
            }
            for piece in found.pieces
        ],
        "folded": word(
            language,
            "icicle.folded",
            places=len(found.flickers),
            values=f"{sum(one.values for one in found.flickers):,}",
        ),
        "flickers": [
            {
                "begin": one.begin,
                "end": one.end,
                "low": one.low,
                "last": one.last,
                "short": word(language, "icicle.flicker", texts=one.texts, values=f"{one.values:,}"),
                "why": one.ja if language == "ja" else one.en,
            }
            for one in found.flickers
        ],
        "texts": [piece.text for piece in found.pieces],
        "units": [[text, label(text), shown_in[text]] for text in units],
        "cells": [[cell.begin, cell.end, cell.first, cell.last, units[cell.text]] for cell in made],
        "palette": PALETTE,
        "facts": facts or icicle_facts(found, language),
        "notes": icicle_notes(found, language),
        "settings": settings,
        "parents": parents,
    }


def icicle_skeleton(language: Language, knob: str = "", *, extra: str = "") -> str:
    """The HTML that the script fills; `extra`: further buttons for the line of the map's facts, as HTML."""
    said = {name: word(language, f"icicle.{name}") for name in _SAID}

    def button(name: str) -> str:
        return f'<button type="button" data-do="{name}">{escape(word(language, f"icicle.{name}"))}</button>'

    heads = "".join(f"<th>{escape(word(language, f'icicle.{name}'))}</th>" for name in ("low", "last", "text"))
    about = escape(word(language, "icicle.about", knob=knob or "knob"))
    return (
        f'<div class="tsu tsu-icicle" data-words="{escape(json.dumps(said, ensure_ascii=False))}">'
        '<div class="tsu-icicle-body" hidden><p class="tsu-icicle-line"><button type="button" class="tsu-icicle-back" '
        f'hidden>{escape(word(language, "icicle.back"))}</button> <span class="tsu-icicle-facts" role="status"></span> '
        f'<small class="tsu-icicle-notes"></small>{extra}</p>'
        '<div class="tsu-icicle-both"><div class="tsu-icicle-left"><div class="tsu-icicle-stage">'
        '<canvas class="tsu-icicle-base" aria-hidden="true"></canvas>'
        f'<canvas class="tsu-icicle-over" tabindex="0" role="application" aria-label="{about}"></canvas>'
        '<div class="tsu-icicle-tip" hidden></div></div>'
        f'<p class="tsu-note">{escape(word(language, "icicle.hint"))}</p>{_legend(language)}</div>'
        f'<div class="tsu-icicle-side"><p class="tsu-note tsu-icicle-none">{escape(word(language, "icicle.none"))}</p>'
        '<div class="tsu-icicle-picked" aria-live="polite" hidden><b class="tsu-icicle-head"></b>'
        '<small class="tsu-icicle-cell"></small><p class="tsu-icicle-said" translate="no"></p>'
        '<small class="tsu-icicle-why"></small><code class="tsu-icicle-settings"></code>'
        f'<span class="tsu-icicle-do">{button("zoom")}{button("inside")}{button("apply")}</span></div></div></div>'
        f'<div class="tsu-icicle-list"><table class="tsu-icicle-table"><thead><tr>{heads}</tr></thead>'
        '<tbody translate="no"></tbody>'
        '</table></div><p class="tsu-note tsu-icicle-rest"></p></div></div>'
    )


def _legend(language: Language) -> str:
    """What colours, hatching and signs mean."""
    colour = '<i class="tsu-icicle-shared"></i><i class="tsu-icicle-calm"></i>'
    hatched = '<i class="tsu-icicle-hatched"></i>'
    return (
        f'<p class="tsu-note tsu-icicle-legend"><span>{colour} {escape(word(language, "icicle.legend_colour"))}</span>'
        f"<span>{hatched} {escape(word(language, 'icicle.open'))}</span>"
        f"<span>{escape(word(language, 'icicle.legend_signs'))}</span></p>"
    )


def icicle_script() -> str:
    """The function `tsumamiIcicle`."""
    return (resources.files("tsumami.charts.html") / "icicle.js").read_text("utf-8")


def icicle_page(found: KnobMap, language: Language = "en", *, settings: str = "") -> str:
    """A map as one HTML page that works without the network."""
    return _PAGE.format(
        language=language,
        title=escape(f"{found.knob} {found.low:g} – {found.high:g}"),
        style=style(),
        skeleton=icicle_skeleton(language, found.knob),
        script=icicle_script(),
        data=script_json(icicle_data(found, language, settings=settings)),
    )


@dataclass(frozen=True, slots=True)
class IcicleFrame:
    """A map for a notebook: the page in a frame, so that it draws whatever the notebook lets scripts do."""

    found: KnobMap
    language: Language = "en"
    height: int = 620

    def _repr_html_(self) -> str:
        page = escape(icicle_page(self.found, self.language))
        return f'<iframe srcdoc="{page}" style="width:100%;height:{self.height}px;border:0"></iframe>'
