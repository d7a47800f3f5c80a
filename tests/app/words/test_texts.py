"""The words of the page: in both languages, none missing and none too many."""

from __future__ import annotations

import json
import pickle
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tsumami.app
from tsumami import charts, errors
from tsumami.app import page
from tsumami.app.tabs.compare.lanes import read
from tsumami.app.words.texts import LANGUAGES, Texts, preferred
from tsumami.app.work.knob_values import settings_of
from tsumami.errors import SettingsError, TsumamiError
from tsumami.explore.lanes.alignment import check_lanes
from tsumami.knobs import KNOBS, get
from tsumami.models import KNOWN
from tsumami.runs import Prompt
from tsumami.runs.prompt import check_prompt
from tsumami.runs.prompting import refuse_endless
from tsumami.runs.run import RunPart
from tsumami.wording import filled

EN, JA = Texts("en"), Texts("ja")
APP = Path(tsumami.app.__file__).parent
KNOB_DOCS = Path(__file__).parents[3] / "scripts" / "make-knob-docs"  # which uses the page's words
patient = settings(deadline=None)  # for examples on a machine that is busy with other tests


def table(language: str) -> dict[str, str]:
    loaded: dict[str, str] = json.loads((APP / "words" / "locales" / f"{language}.json").read_text("utf-8"))
    return loaded


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_places() -> None:
    ja, en = table("ja"), table("en")
    assert list(ja) == list(en)
    assert {key: places(text) for key, text in ja.items()} == {key: places(text) for key, text in en.items()}
    assert all(text.strip() for text in (*ja.values(), *en.values()))


def test_japanese_is_japanese() -> None:
    names = {"model.template_llama2"}
    plain = [key for key, text in table("ja").items() if key not in names and not re.search(r"[ぁ-んァ-ヶ一-龥]", text)]
    assert plain == []


#: Middles of keys that are put together from something that is no text beside it: where they come from.
MADE_OF: dict[str, set[str]] = {
    "error.{}": {name for name, kind in vars(errors).items() if isinstance(kind, type)},
    "microscope.mode.{}": set(charts.MODES),
    "microscope.part.{}": set(get_args(RunPart)),
    "model.{}ing": {"download", "load"},
    "model.language_{}": {language for known in KNOWN.values() for language in known.languages},
    "voice.{}": {"download", "join", "load"},
    "grid.knob_{}": {"1", "2"},
    "empty.{}": {path.stem for path in (APP / "parts" / "empty_tabs").glob("*.svg")},
    "empty.{}_do": {path.stem for path in (APP / "parts" / "empty_tabs").glob("*.svg")},
    "map.not.{}": set(KNOBS),
    "tab.{}": {
        part.name
        for part in vars(page).values()
        if isinstance(part, type) and isinstance(getattr(part, "name", None), str)
    },
}
_MADE = re.compile(r"""f["']([a-z0-9_]+\.[a-z0-9_.]*)\{[^"']*?(?:'[^']*'[^"']*)*?\}([a-z0-9_.]*)["']""")


def is_made(key: str, code: str) -> bool:
    """Whether a file puts this key together: its middle stands there as a text of its own, or comes from `MADE_OF`."""
    for begin, end in _MADE.findall(code):
        if key.startswith(begin) and key.endswith(end):
            middle = key[len(begin) : len(key) - len(end)]
            if middle in MADE_OF.get(f"{begin}{{}}{end}", set()) or re.search(
                rf"""["']{re.escape(middle)}["']""", code
            ):
                return True
    return False


def test_no_key_is_missing_and_none_is_unused() -> None:
    files = [path.read_text("utf-8").replace('texts("key"', "") for path in (*APP.rglob("*.py"), KNOB_DOCS)]
    quoted = {key for code in files for key in re.findall(r"""["']([a-z0-9_]+\.[A-Za-z0-9_.]+)["']""", code)}
    keys = set(table("en"))
    assert {key for code in files for key in re.findall(r'texts\(\s*"([^"]+)"', code)} - keys == set()
    assert {key for key in keys - quoted if not any(is_made(key, code) for code in files)} == set()


def test_a_key_that_nobody_asks_for_is_found() -> None:
    files = [path.read_text("utf-8") for path in APP.rglob("*.py")]
    assert not any(is_made("grid.nobody_asks_for_this", code) for code in files)


def all_errors(kind: type[TsumamiError] = TsumamiError) -> Iterator[type[TsumamiError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from all_errors(child)


@pytest.mark.parametrize("texts", [EN, JA])
def test_every_error_has_words_and_keeps_its_details(texts: Texts) -> None:
    for kind in all_errors():
        if kind.__module__ == errors.__name__ and kind.__name__ != "EmptyPromptError":
            error = kind.__new__(kind)
            Exception.__init__(error, "the {details}")
            assert "the {details}" in texts.error(error), kind


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ({"temperature": -1}, "つまみの値が使えません。temperature は -1.0 ですが、使えるのは 0、または"),
        ({"top_p": 1.5}, "top_p は 1.5 ですが、使えるのは 0 以上 1 以下です。"),
        ({"top_k": 2.5}, "top_k は 2.5 ですが、"),
        ({"mirostat_mode": 7}, "mirostat_mode は 7 ですが、使えるのは 0, 1, 2 のどれかです。"),
        ({"seed": ""}, "seed に値がありません。"),
        ({"logit_bias": "3=nan"}, "logit_bias[3] = nan"),
        ({"logit_bias": "nonsense"}, "logit_bias = 'nonsense': TOKEN=BIAS の形に"),
    ],
)
def test_a_value_that_cannot_work_is_named_in_the_pages_language(contents: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(contents)
    assert said in JA.error(caught.value)
    assert str(caught.value) in EN.error(caught.value)
    assert said in JA.error(pickle.loads(pickle.dumps(caught.value))), "also when it comes from another process"  # noqa: S301


@pytest.mark.parametrize(
    ("refuse", "said"),
    [
        (
            lambda: check_prompt(Prompt("", (1,) * 9), 8, 99),
            "プロンプトは 9 トークンですが、コンテキスト(8 トークン)には",
        ),
        (lambda: refuse_endless("a" * 999, 8, lambda: 2), "プロンプトは 999 文字で、少なくとも 499 トークンになります"),
        (lambda: get("temprature"), "'temprature' というつまみはありません。近いもの: temperature"),
        (lambda: read("nonsense\ntop_k=1"), "レーン「nonsense」は つまみ=値"),
        (lambda: check_lanes(9), "レーンが 9 本です。2 本から 8 本に"),
    ],
)
def test_what_readers_often_get_wrong_is_said_in_japanese_only(refuse: Callable[[], object], said: str) -> None:
    with pytest.raises(TsumamiError) as caught:
        refuse()
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert said in JA.error(error)
    assert not re.search("[a-z]{4,} [a-z]{3,} [a-z]{3,}", JA.error(error)), "no English sentence is left in it"
    assert str(error) in EN.error(error)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("fr,ja;q=0.3,en;q=0.2", "ja"),
        ("en;q=0.2,ja;q=0.9", "ja"),
        ("de-DE,de", "en"),
        ("JA-jp", "ja"),
        ("jav,en;q=0.1", "en"),
        ("*", "en"),
        ("ja;q=0,en", "en"),
        ("ja;q=0", "en"),
        ("ja; q=0.9, en; q=0.1", "ja"),
        (";;;q=,,", "en"),
    ],
)
def test_the_browsers_language_is_taken(header: str, language: str) -> None:
    assert preferred(header) == language


@patient
@given(st.text())
def test_no_language_header_breaks(header: str) -> None:
    assert preferred(header) in LANGUAGES


#: What can never be one: the size of a context, and what is too many.
SEVERAL = {"context.used", "context.full", "grid.too_many"}


def test_one_of_a_thing_is_never_called_several() -> None:
    things = "tokens|texts|runs|rows|seeds|ids|exchanges|characters|candidates|cells"
    for key, text in table("en").items():
        said = filled(text, **dict.fromkeys(places(text), 1))
        assert key in SEVERAL or not re.search(rf"\b1 (?:{things})\b(?!/s)", said), key
