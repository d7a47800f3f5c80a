"""The grid's form: what is typed means what it means in the terminal, or is named with its remedy in both languages."""

from __future__ import annotations

import re

import pytest

from tsumami.app.tabs.grid.form import MOST_TEXTS, VARIED_KNOBS, Wishes, axes, offered, outlook, plan
from tsumami.app.words.texts import LANGUAGES, Language, PageProblem, Texts
from tsumami.cli.varying import varied_values
from tsumami.knobs import KNOBS
from tsumami.runs import Prompt
from tsumami.settings import Settings

EN = Texts("en")
PROMPT = Prompt("Once", (1,), "raw")


def prompt_of(_: Settings) -> Prompt:
    return PROMPT


def wishes(*vary: tuple[str, str], seed: float | None = 0, seeds: float | None = 1, tokens: float | None = 8) -> Wishes:
    return Wishes(vary, seed, seeds, tokens)


@pytest.mark.parametrize("name", VARIED_KNOBS)
def test_what_is_offered_for_a_knob_can_be_varied_and_means_what_it_means_in_the_terminal(name: str) -> None:
    found = axes([(name, offered(name))])
    assert list(found) == [name]
    assert found == {name: list(dict.fromkeys(varied_values([f"{name}={offered(name)}"])[name]))}
    assert plan(wishes((name, offered(name))), prompt_of, Settings(), 512).axes == {
        name: tuple(KNOBS[name].validate(value) for value in found[name])
    }


def test_every_knob_but_the_seed_can_be_varied() -> None:
    assert {*VARIED_KNOBS, "seed"} == set(KNOBS)


def test_the_plan_has_every_pair_of_values_and_every_seed() -> None:
    asked = wishes(("temperature", "0:1:0.5"), ("top_k", "5, 40"), seed=7, seeds=3, tokens=9)
    made = plan(asked, prompt_of, Settings(temperature=2, min_p=0.2), 512)
    assert made.axes == {"temperature": (0.0, 0.5, 1.0), "top_k": (5, 40)}
    assert made.seeds == (7, 8, 9)
    assert len(made) == 3 * 2 * 3
    assert {(one.min_p, one.max_tokens) for one in made.settings} == {(0.2, 9)}
    assert made.prompts == (PROMPT,)


def test_before_anything_is_made_its_size_is_said() -> None:
    asked = wishes(("temperature", "0:2:0.5"), ("top_p", "0.8,0.95"), seeds=4, tokens=100)
    assert outlook(EN, asked, 512).startswith("5 × 2 × 4 seeds = 40 texts, at most 4,000 tokens")
    assert outlook(Texts("ja"), asked, 512).startswith("5 × 2 × 4 シード = 40 文章、長くて 4,000 トークン")


def test_the_size_counts_varied_lengths_and_a_context_that_is_filled() -> None:
    assert "at most 360 tokens" in outlook(EN, wishes(("max_tokens", "10,50,60"), ("top_k", "1,2,3")), 512)
    assert "at most 522 tokens" in outlook(EN, wishes(("max_tokens", "10,0")), 512)


def test_what_is_too_large_for_a_page_is_refused_with_its_numbers_and_nothing_smaller_is() -> None:
    fits = wishes(("top_k", "1:100:1"), ("temperature", "1"), seeds=MOST_TEXTS // 100)
    assert "2,000 texts" in outlook(EN, fits, 512)
    too_many = wishes(("top_k", "1:100:1"), ("temperature", "0:2:0.1"), seeds=2, tokens=64)
    with pytest.raises(PageProblem) as raised:
        plan(too_many, prompt_of, Settings(), 512)
    said = EN.error(raised.value)
    assert re.fullmatch(r"100 × 21 × 2 seeds = 4,200 texts \(at most 268,800 tokens\).*2,000.*", said), said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (wishes(("temperature", "hot")), ("temperature", "hot", "0:2:0.5")),
        (wishes(("temperature", "")), ("temperature", "0:2:0.5")),
        (wishes(("temperature", "0:2")), ("0:2", "0:2:0.5")),
        (wishes(("temperature", "0:2:0")), ("0:2:0", "0:2:0.5")),
        (wishes(("top_p", "0.5,1.5")), ("top_p", "1.5", "0:1:0.25")),
        (wishes(("top_k", "1.5")), ("top_k", "1.5", "0:100:25")),
        (wishes(("mirostat_mode", "3")), ("mirostat_mode", "3", "0, 1, 2")),
        (wishes(("penalize_prompt", "maybe")), ("penalize_prompt", "maybe", "true,false")),
        (wishes(("top_k", "1"), ("top_k", "2")), ("top_k",)),
        (wishes(("top_k", "1"), seeds=0), ("0", "1")),
        (wishes(("top_k", "1"), seeds=None), ("1",)),
        (wishes(("top_k", "1"), seed=-1), ("-1", "0")),
        (wishes(("top_k", "1"), tokens=0), ("0", "1")),
        (wishes(("top_k", "1"), tokens=1.5), ("1.5", "1")),
        (wishes(("top_k", "1"), tokens=1e12), ("1000000000000", "2147483647")),
        (wishes(("top_k", "1"), seeds=1e12), ("1000000000000", "2000")),
        (wishes(("top_k", "1"), seed=4294967290, seeds=6), ("4294967290", "4294967289")),
        (wishes(("top_k", "1"), seed=float("inf")), ("inf", "4294967294")),
    ],
)
def test_what_cannot_be_is_named_with_its_remedy_in_the_pages_language(
    language: Language, asked: Wishes, named: tuple[str, ...]
) -> None:
    with pytest.raises(PageProblem) as raised:
        plan(asked, prompt_of, Settings(), 512)
    said = Texts(language).error(raised.value)
    assert all(part in said for part in named), said
    assert any("\u3040" <= letter <= "\u30ff" for letter in said) == (language == "ja")


def test_a_form_reads_no_file_of_the_server(tmp_path: object) -> None:
    assert axes([("grammar", f"@{tmp_path}")]) == {"grammar": [f"@{tmp_path}"]}
