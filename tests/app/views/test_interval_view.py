"""How far a knob can be turned, in words: what is said is what the library found, and never too much."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import tsumami
from tsumami.app.views import interval_view
from tsumami.app.words.texts import LANGUAGES, Texts
from tsumami.explore.intervals.every_knob import Bend, Interval, intervals
from tsumami.runs import Run

PROMPT = "Once upon a time"
KNOBS = ("temperature", "top_k", "tfs_z", "mirostat_tau")


@pytest.fixture(scope="module")
def run(model: tsumami.Model) -> Run:
    return model.run(PROMPT, seed=2, max_tokens=6)


@pytest.fixture(scope="module")
def found(model: tsumami.Model, run: Run) -> Mapping[str, Interval]:
    return intervals(model, run, KNOBS)


def test_the_sentence_says_where_the_text_stays_and_what_gives_way(model: tsumami.Model, run: Run) -> None:
    token = run.tokens[0]
    name = model.tokenizer.piece(token).decode().replace(" ", "␣")
    one = Interval("temperature", 0.7200001, 0.9399999, None, Bend(0.94, 11, token))
    said = {lang: interval_view.sentence(Texts(lang), one, run, model.tokenizer.piece) for lang in LANGUAGES}
    assert said == {
        "ja": f"0.721〜0.939: 同じ文章。0.939 より上: 12 番目のトークンが「{name}」になる",
        "en": f"0.721–0.939: same text; above 0.939 token 12 becomes “{name}”",
    }
    end = Interval("top_k", 3, 3, Bend(2, 0, None), None, certain=False)
    assert interval_view.sentence(Texts("en"), end, run, model.tokenizer.piece) == (
        "3: same text; below 3 no candidate is left for token 1; values in between were only probed"
    )


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.7200001, 0.9399999), (1.0, 1.0), (0.78683496, 0.80365956), (0.1, 0.100001), (0.0, 3.0), (-2, 2)],
)
def test_what_is_shown_lies_inside_what_was_found(low: float, high: float) -> None:
    shown = [float(end) for end in interval_view.inward(Interval("temperature", low, high, None, None))]
    assert low <= shown[0] <= shown[1] <= high


def test_a_knob_that_does_nothing_says_why(model: tsumami.Model, run: Run, found: Mapping[str, Interval]) -> None:
    said = interval_view.sentence(Texts("en"), found["mirostat_tau"], run, model.tokenizer.piece)
    assert said == run.settings.idle_knobs()["mirostat_tau"].en


def test_the_chats_bars_are_the_librarys_ends(model: tsumami.Model, run: Run, found: Mapping[str, Interval]) -> None:
    bars = interval_view.bars(Texts("ja"), found, run, model.tokenizer.piece)
    assert {name: (bar["low"], bar["high"]) for name, bar in bars.items()} == {
        name: (one.low, one.high) for name, one in found.items()
    }
    assert all("同じ文章" in bars[name]["say"] for name in KNOBS[:3])


def test_the_table_has_every_knob_idle_ones_last(model: tsumami.Model, run: Run, found: Mapping[str, Interval]) -> None:
    made = interval_view.table(Texts("en"), found, run, model.tokenizer.piece)
    places = [made.index(f"<code>{name}=") for name in KNOBS]
    assert places == sorted(places)
    assert made.count("<tr class=dead>") == 1
    first = min(bend.step for bend in (found["temperature"].below, found["temperature"].above) if bend is not None)
    assert f'<tr data-token="{first}"><th><code>temperature=0.8</code>' in made


def test_what_a_model_wrote_is_not_taken_for_html(model: tsumami.Model, run: Run) -> None:
    one = {"temperature": Interval("temperature", 0.5, 0.9, None, Bend(0.95, 0, 5))}

    def piece(_token: int) -> bytes:
        return b"<img src=x onerror=alert(1)>"

    assert "<img" not in interval_view.table(Texts("en"), one, run, piece)
