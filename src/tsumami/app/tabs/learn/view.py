"""What the Learn tab shows, as HTML: the course's data with the course's words around it.

Guarantee: data in, HTML out, every text in it escaped. Pictures stand in the page as SVG, so they take the width that
there is, down to a phone's, and follow light and dark; Gradio's own plot has one width and one ground.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any, Final

import altair as alt
import pandas as pd

from tsumami import charts, course
from tsumami.course import Timing, Words
from tsumami.model import Model
from tsumami.runs import Run

_ROWS: Final = 200
_TERMS: Final = 10


def intro(words: Words) -> str:
    """What the course is about; between ** stands what matters."""
    return "<p>" + re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(words("intro"))) + "</p>"


def opening(words: Words, part: str) -> str:
    """What a part asks, and something to try."""
    asked, trying = escape(words(f"{part}.question")), escape(words(f"{part}.try"))
    return f'<p class="asked">{asked}</p><p><b>{escape(words("try"))}</b> {trying}</p>'


def closing(words: Words, part: str) -> str:
    """What to notice, and why it is so: folded, so that one looks first."""
    return "".join(_folded(words(what), words(f"{part}.{what}")) for what in ("notice", "why"))


def summary(words: Words) -> str:
    """The end of the course: what it was about, and questions for oneself."""
    numbers = range(1, course.N_QUESTIONS + 1)
    quiz = "".join(_folded(words(f"quiz.{number}.question"), words(f"quiz.{number}.answer")) for number in numbers)
    return f"<p>{escape(words('summary.text'))}</p>{quiz}"


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{escape(title)}</summary><p>{escape(text)}</p></details>"


def problem(text: str) -> str:
    """Why there is nothing to see."""
    return f'<p class="problem">⚠️ {escape(text)}</p>'


def progress(done: int, total: int, text: str = "") -> str:
    """How far something is, and what there is of it."""
    bar = f'<i style="width:{100 * done / total:.1f}%"></i><span>{done} / {total}</span>'
    return f'<div class="context" role="status">{bar}</div><p class="growing" translate="no">{escape(text)}</p>'


def table(frame: pd.DataFrame, part: str, words: Words) -> str:
    """A table with the headings of a part; of a long one the first 200 rows, and how many more there are."""
    heads = words.columns(part, list(frame.columns))
    numbers = {name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])} - {"chosen"}
    head = "".join(f"<th{_right(name in numbers)}>{escape(heads[name])}</th>" for name in frame.columns)
    rows = "".join(_row(row, numbers) for row in frame.head(_ROWS).to_dict("records"))
    more = f"<p><small>{escape(words('more', n=len(frame) - _ROWS))}</small></p>" if len(frame) > _ROWS else ""
    body = f'<thead><tr>{head}</tr></thead><tbody translate="no">{rows}</tbody>'
    return f'<div class="wide" tabindex="0"><table>{body}</table></div>{more}'


def _row(row: dict[Any, Any], numbers: set[str]) -> str:
    cells = "".join(f"<td{_right(name in numbers)}>{escape(_cell(value))}</td>" for name, value in row.items())
    return f'<tr class="on">{cells}</tr>' if row.get("chosen") is True else f"<tr>{cells}</tr>"


def _right(number: bool) -> str:
    return ' class="number"' if number else ""


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "●" if value else ""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def picture(chart: alt.Chart | alt.LayerChart) -> str:
    """A chart as SVG in the page."""
    drawn = io.StringIO()
    chart.save(drawn, format="svg")
    return f'<div class="picture">{drawn.getvalue()}</div>'


def loop(run: Run, step: int, words: Words) -> str:
    """The boxes of a step, the text so far, and the candidates with their parts of the strip."""
    turn = course.turn(run, step)
    strip = charts.token_strip(course.up_to(run, step + 1), words.language, selected=step)
    candidates = table(course.candidates(turn), "loop", words)
    return f"{course.loop_boxes(turn, words)}{strip}<h3>{escape(words('loop.candidates'))}</h3>{candidates}"


def tokens(model: Model, name: str, text: str, words: Words) -> str:
    """A text as one model reads it."""
    rows = course.token_rows(model, text)
    frame = course.token_table(model, text)
    frame["kind"] = [words(f"tokens.kind.{kind}") for kind in frame["kind"]]
    count = words("tokens.count", characters=len(text), tokens=int(frame["id"].notna().sum()))
    head = f"<h3>{escape(name)} <small>{escape(count)}</small></h3>"
    return f"<section>{head}{course.token_pieces(rows, words)}{table(frame, 'tokens', words)}</section>"


def lengths(model: Model, text: str, words: Words) -> str:
    """How long the texts in the lines of `text` are."""
    frame = course.length_table(model, course.lines(text))
    drawn = charts.length_bars(
        frame,
        title=words("lengths.chart"),
        tokens=words("lengths.column.tokens"),
        characters=words("lengths.column.characters"),
    )
    return named(model, words) + picture(drawn) + table(frame.round(4), "lengths", words)


def strategy(name: str, run: Run, words: Words) -> str:
    """A reply and how it was chosen."""
    strip = charts.token_strip(run, words.language, mode="surprise")
    return f"<p>{escape(words(f'strategies.about.{name}'))}</p>{strip}"


def terms(model: Model, run: Run, step: int, words: Words) -> str:
    """The two terms of contrastive search for the best candidates at a step."""
    best = course.contrast_table(model, run, step).head(_TERMS).round(4)
    best["piece"] = [course.visible(piece) for piece in best["piece"]]
    return f"<h3>{escape(words('strategies.terms', step=step + 1))}</h3>{table(best, 'strategies', words)}"


def variants(model: Model, prompt: str, words: Words) -> str:
    """Continuations of a prompt's variants, and where they part."""
    prompts = course.variants(words, prompt)
    runs = course.run_variants(model, prompts.values(), course.strategy_settings("low_temperature"))
    shown = "".join(
        f"<h3>{escape(words(f'prompts.label.{name}'))} <small>{escape(prompts[name])}</small></h3>"
        f"{charts.token_strip(run, words.language)}"
        for name, run in zip(prompts, runs, strict=True)
    )
    return f"{shown}<p>{escape(course.where_they_part(runs, words))}</p>"


def measuring(
    model: Model, counts: Sequence[int], repeats: int, stopped: Callable[[], bool], words: Words
) -> Iterator[str]:
    """Measure, and show after every measurement what there is so far; ends when `stopped` says so.

    Raises:
        SettingsError: a count below 1, or no repeats.
    """
    reading = [length for length in course.PROMPT_LENGTHS if length < model.n_ctx]
    total = (len(counts) + len(reading)) * repeats
    new: list[Timing] = []
    prompts: list[Timing] = []
    yield progress(0, total)
    for timings, kept in (
        (course.time_new_tokens(model, counts, repeats), new),
        (course.time_prompts(model, reading, repeats), prompts),
    ):
        for timing in timings:
            kept.append(timing)
            done = len(new) + len(prompts)
            yield ("" if done == total else progress(done, total)) + times(new, prompts, words)
            if stopped():
                return


def times(new: Sequence[Timing], prompts: Sequence[Timing], words: Words) -> str:
    """What has been measured: both pictures with their lines, and the table."""
    drawn = _timed(course.timing_table(new), "n_new", "seconds", "new", words)
    if prompts:
        drawn += _timed(course.timing_table(prompts), "n_prompt", "prompt_seconds", "prompt", words)
    shown = table(course.timing_table([*new, *prompts]).round(3), "time", words)
    return f'<div class="side-by-side">{drawn}</div>{shown}'


def _timed(frame: pd.DataFrame, x: str, y: str, what: str, words: Words) -> str:
    line = course.fit(frame[x], frame[y])
    drawn = charts.time_line(
        frame,
        x=x,
        y=y,
        line=None if line is None else (line.start, line.per_token),
        title=words(f"time.chart.{what}"),
        x_title=words(f"time.{what}_tokens"),
        y_title=words("time.seconds"),
    )
    said = "" if line is None else f"<p><small>{escape(course.fit_sentence(line, words))}</small></p>"
    return f"<div>{picture(drawn)}{said}</div>"


def inside(model: Model, text: str, words: Words) -> str:
    """The way of a text through the model, which position sees which, and the trial of it."""
    return "".join(
        (
            named(model, words),
            f"<p>{escape(course.facts(model, words))}</p>",
            course.stations(course.parts(model, text), words),
            picture(charts.sight(course.sees(model, text), title=words("inside.sees"))),
            f"<p>{escape(course.trial_sentence(course.try_causality(model, text, words('inside.more')), words))}</p>",
        )
    )


def named(model: Model, words: Words) -> str:
    """Which model it is that one looks at."""
    return f"<p><small>{escape(words('model'))}: <b>{escape(model.name)}</b></small></p>"
