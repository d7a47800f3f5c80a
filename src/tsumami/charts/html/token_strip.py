"""The token strip: a reply as its tokens, coloured by how sure the model was.

Guarantee: every token of the run is there, in order, once, with its number as `data-token`; colour is never the only
carrier, since everything that it says stands in the token's title. One scale for all four modes, cividis, which people
with any kind of colour blindness can read: bright is expected, dark is surprising. Each token carries its place on the
scale for every mode, so that the mode is changed by the attribute `data-mode` alone, without drawing again.

Cividis: Nuñez, Anderton, Renslow 2018, https://doi.org/10.1371/journal.pone.0199239
"""

from __future__ import annotations

import math
from html import escape
from typing import Final, Literal

from tsumami.charts.pieces import Characters, groups, in_hex
from tsumami.charts.words import word
from tsumami.explain.measures import surprise
from tsumami.runs import Run, Step
from tsumami.runs.signs import visible
from tsumami.wording import Language, percent

Mode = Literal["final", "entropy", "rank", "surprise"]
MODES: Final[tuple[Mode, ...]] = ("final", "entropy", "rank", "surprise")

_BITS: Final = {"entropy": 8.0, "surprise": 12.0}  # where the scale ends
_LEGENDS: Final = {
    "final": ("0%", "100%"),
    "entropy": ("many", "few"),
    "rank": ("last", "first"),
    "surprise": ("unsure", "sure"),
}


def token_strip(run: Run, language: Language, *, mode: Mode = "final", selected: int | None = None) -> str:
    """A run's tokens as HTML, with a legend. `selected`: the number of the token to mark."""
    shown = "".join(_group(run, group, language, selected) for group in groups(step.piece for step in run.steps))
    strip = f'<div translate="no" class="tsu-strip">{shown}</div>'
    return f'<div class="tsu" data-mode="{mode}">{legend(language)}{strip}</div>'


def legend(language: Language) -> str:
    """What the colours mean, for each mode; the style sheet shows the one of `data-mode`."""
    parts = []
    for mode in MODES:
        low, high = (name if "%" in name else word(language, name) for name in _LEGENDS[mode])
        parts.append(
            f'<div class="tsu-legend" data-for="{mode}"><b>{escape(word(language, mode))}</b>'
            f"<span>{escape(low)}</span><i></i><span>{escape(high)}</span></div>"
        )
    return "".join(parts)


def places(step: Step) -> dict[Mode, float]:
    """Where a token stands on the scale in each mode: 0 surprising, 1 expected."""
    return {
        "final": step.p_final,
        "entropy": 1 - min(step.entropy / _BITS["entropy"], 1),
        "rank": 1 - min(math.log10(step.rank) / 3, 1),
        "surprise": 1 - min(surprise(step) / _BITS["surprise"], 1),
    }


def title(step: Step, language: Language) -> str:
    """All about a token, for a tooltip."""
    return "\n".join(
        (
            f"{visible(step.piece)}   id {step.id}   {word(language, 'bytes')} {in_hex(step.piece)}",
            f"{word(language, 'raw')} {percent(step.p_raw)} → {word(language, 'final')} {percent(step.p_final)}",
            f"{word(language, 'rank')} {step.rank} · {word(language, 'entropy')} {step.entropy:.2f} · "
            f"{word(language, 'surprise')} {surprise(step):.1f}",
        )
    )


def _group(run: Run, group: Characters, language: Language, selected: int | None) -> str:
    numbers = range(group.start, group.stop)
    if len(numbers) == 1:
        return _token(run, group.start, _shown(group.text), language, selected)
    parts = "".join(_token(run, number, "", language, selected, "part") for number in numbers)
    about = escape(word(language, "parts", count=len(numbers)))
    return f'<span class="tsu-whole" title="{about}">{_shown(group.text)}<span class="tsu-parts">{parts}</span></span>'


def _token(run: Run, number: int, inner: str, language: Language, selected: int | None, kind: str = "") -> str:
    step = run.steps[number]
    ends = run.stop_reason == "eog" and number == len(run.steps) - 1
    classes = " ".join(
        ("tsu-token", *([kind] if kind else []), *(["end"] if ends else []), *(["on"] if number == selected else []))
    )
    scale = ";".join(f"--{mode}:{place:.3f}" for mode, place in places(step).items())
    about = title(step, language) + (f"\n{word(language, 'end')}" if ends else "")
    return f'<span class="{classes}" data-token="{number}" style="{scale}" title="{escape(about)}">{inner}</span>'


def _shown(text: str) -> str:
    """Text as HTML: line breaks stay, and have a sign that can be clicked."""
    return escape(text).replace("\n", '<i class="tsu-sign">⏎</i>\n') or "∅"
