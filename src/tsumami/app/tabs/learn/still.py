"""The course as one page that is read and not operated: what the tab can show, computed once.

Guarantee: every picture and number is computed on the model that is given. The page needs nothing but itself (no
script, no network), and reads in light and dark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources
from typing import Final

from tsumami import charts, course
from tsumami.app.tabs.learn import view
from tsumami.course import Words
from tsumami.model import Model

__all__ = ["still_page", "still_parts"]

_STEPS: Final = 20
_REPEATS: Final = 2
_STRONG: Final = re.compile(r"\*\*(.+?)\*\*")
#: The tab's style names Gradio's colours; these stand in for them.
_STYLE: Final = """
:root { color-scheme: light dark; --border-color-primary: light-dark(#d7dde5, #334155);
  --color-accent: light-dark(#0072b2, #56b4e9); --color-accent-soft: light-dark(#e3f1fa, #172a3a);
  --body-background-fill: light-dark(#fff, #0b0f19); }
body { font: 16px/1.7 "Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic UI", system-ui, sans-serif;
  margin: 1.5rem auto; max-width: 64rem; padding: 0 1rem; background: var(--body-background-fill);
  color: light-dark(#1f2937, #e5e9f0); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin-top: 1.5rem; }
"""


def still_parts(model: Model, words: Words) -> Iterator[str]:
    """The parts of the page one after the other, each when it is computed; the last one is the summary.

    Raises:
        TsumamiError: the model cannot do what the course asks of it.
    """
    bodies = (_loop, _tokens, _lengths, _strategies, _prompts, _time, _inside)
    for part, body in zip(course.PARTS, bodies, strict=True):
        yield _section(words(f"{part}.title"), view.opening(words, part), body(model, words), view.closing(words, part))
    yield _section(words("summary.title"), view.summary(words))


def still_page(parts: Sequence[str], words: Words) -> str:
    """The page from its parts."""
    style = charts.style() + (resources.files("tsumami.app.tabs.learn") / "learn.css").read_text("utf-8")
    title, intro = escape(words("title")), _STRONG.sub(r"<b>\1</b>", escape(words("intro")))
    return (
        f'<!doctype html>\n<html lang="{words.language}"><head><meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f'<style>{style}{_STYLE}</style></head>\n<body id="learn"><h1>{title}</h1>\n<p>{intro}</p>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _section(title: str, *bodies: str) -> str:
    return f'<section class="lesson"><h2>{escape(title)}</h2>{"".join(bodies)}</section>'


def _asked(words: Words, prompt: str) -> str:
    return f"<p>{escape(words('prompt'))}: <b>{escape(prompt)}</b></p>"


def _loop(model: Model, words: Words) -> str:
    run = model.run(course.PROMPT, seed=0, max_tokens=_STEPS)
    if not run.steps:
        return view.problem(words("loop.no_steps"))
    steps = (
        f"<details{' open' * (at == 0)}><summary>{escape(words('loop.step'))} {at + 1}</summary>"
        f"{view.loop(run, at, words)}</details>"
        for at in range(len(run.steps))
    )
    return view.named(model, words) + _asked(words, course.PROMPT) + "".join(steps)


def _tokens(model: Model, words: Words) -> str:
    return view.tokens(model, model.name, f"{course.PROMPT} 夢を見る🎈", words)


def _lengths(model: Model, words: Words) -> str:
    return view.lengths(model, "\n".join(course.PROMPTS), words)


def _strategies(model: Model, words: Words) -> str:
    shown = _asked(words, course.PROMPT)
    for name in course.STRATEGIES:
        run = course.run_strategy(model, course.PROMPT, name, seed=0)
        shown += f"<h3>{escape(words(f'strategies.name.{name}'))}</h3>{view.strategy(name, run, words)}"
        if name == "contrastive" and run.steps:
            shown += view.terms(model, run, 0, words)
    return shown


def _prompts(model: Model, words: Words) -> str:
    return view.variants(model, course.PROMPT, words)


def _time(model: Model, words: Words) -> str:
    *_, whole = view.measuring(model, course.NEW_TOKENS, _REPEATS, lambda: False, words)
    return whole


def _inside(model: Model, words: Words) -> str:
    return _asked(words, course.PROMPT) + view.inside(model, course.PROMPT, words)
