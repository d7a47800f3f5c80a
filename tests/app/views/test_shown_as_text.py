"""Whatever a model, a user, a file or an error writes, every view shows it as the characters that it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.charts.html.reading import parsed

import tsumami.app
from tsumami import charts, course
from tsumami.app.parts import model_bar
from tsumami.app.tabs.chat import view as chat
from tsumami.app.tabs.learn import view as learn
from tsumami.app.tabs.microscope import view as microscope
from tsumami.app.views import compare_view
from tsumami.app.words.texts import Texts
from tsumami.explain import divergence
from tsumami.explain.tokens import Opened, account
from tsumami.runs import Run
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

EN: Final = Texts("en")
WORDS: Final = course.Words("en")
ONE, OTHER = 258, 259  # the first two words of a vocabulary
#: All that our views are made of: no element that fetches or runs, and no attribute that does.
TAGS: Final = frozenset(
    (
        *("b", "button", "code", "details", "div", "h2", "h3", "i", "p", "pre", "s", "small", "span", "summary"),
        *("table", "tbody", "td", "th", "thead", "tr"),
    )
)
ATTRIBUTES: Final = re.compile(
    r"class|style|title|role|tabindex|hidden|scope|type|translate|lang|dir|(data|aria)-[a-z-]+"
)
HOSTILE: Final = st.lists(
    st.sampled_from(
        [
            "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "</div>", "<div>", "</span></b></td>", "<b",
            '" onmouseover="alert(1)', "' onfocus='alert(1)", "<!--", "-->", "]]>", "<a href=javascript:alert(1)>",
            "![x](http://x/)", "[x](http://x/)", "&lt;", "&#60;", "&", "<", ">", '"', "'", "`", "{{value}}",
            "${1+1}", "$$x$$", "**", "__", "x", "漢",
        ]
    ),
    min_size=1,
    max_size=4,
).map("".join)  # fmt: skip


def run_of(text: str, seed: int = 1, other: str = "?") -> Run:
    """A run of a model whose whole reply is this one token."""
    tokenizer = ByteTokenizer([text, other])
    model = ScriptedModel(saying([ONE, OTHER], tokenizer, sure=6.0), tokenizer=tokenizer)
    return model.run("ask", seed=seed, max_tokens=3, ledger=True, top_p=1.0, min_p=0.0, temperature=1.5)


def views_of(text: str) -> Iterator[tuple[str, str]]:
    """Every view with `text` wherever it takes any, and its name."""
    one, two = run_of(text), run_of("!", seed=2, other=text)
    seen = account(one.ledgers[0], count=8, also=(ONE,))
    pieces = ByteTokenizer([text, "?"]).piece
    looked = microscope.Seen.of(Opened(one, None, ((text, text),)))
    yield "strip", charts.token_strip(one, "en")
    yield "bars", charts.next_token_bars(seen, pieces, "en")
    yield "roll", charts.roll_strip([charts.Line.of(seen, text)], seen.roll, pieces, "en")
    yield "ledger", charts.ledger_table(seen, pieces, "en")
    yield "problem lane", charts.side_by_side([charts.LaneColumn(text, problem=text)], None, "en")
    yield "growing lane", charts.side_by_side([charts.LaneColumn(text, text=text)], None, "en")
    yield "pair", compare_view.pair(EN, pieces, (one, two), (text, "B"))
    yield "parting", charts.parting(pieces, divergence(one, two), (text, "B"), "en")
    yield "facts", microscope.facts(EN, looked)
    yield "inside", microscope.inside(EN, looked, pieces)
    yield "measures", compare_view.measures(EN, [text], [])
    yield "context", chat.context_problem(text)
    yield "progress", learn.progress(1, 2, text)
    yield "problem", learn.problem(text)
    yield "table", learn.table(pd.DataFrame({"piece": [text], "id": [1]}), "loop", WORDS)
    yield "model", model_bar.describe(EN, _loaded(text))


def _loaded(text: str) -> Any:
    """A model whose file and verdict say `text`."""
    card = SimpleNamespace(full_name=text, n_params=1e6, quantization=text)
    verdict = SimpleNamespace(exact=True, why_ja=text, why_en=text, remedy_ja="", remedy_en="")
    engine = SimpleNamespace(notices=(SimpleNamespace(ja=text, en=text),))
    lacks = {"top_k": (text, text)}
    return SimpleNamespace(model_card=card, engine_card=engine, exactness=verdict, n_ctx=512, lacks=lacks)


@settings(max_examples=40)
@given(HOSTILE)
def test_no_view_takes_any_of_it_for_html(text: str) -> None:
    for name, html in views_of(text):
        read = parsed(html)
        assert set(read.tags) <= TAGS, name
        assert all(ATTRIBUTES.fullmatch(attribute) for one in read.attributes for attribute in one), name
        everything = "".join((*read.said, *(value or "" for one in read.attributes for value in one.values())))
        assert text in everything, name


class Translated(HTMLParser):
    """Collects the text that a browser's translation would change."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[bool] = []
        self.changed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "input"):
            self._kept.append(dict(attrs).get("translate") == "no")

    def handle_endtag(self, tag: str) -> None:
        self._kept.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._kept):
            self.changed.append(data)


#: What shows a text alone, not in a sentence of ours.
ALONE: Final = ("strip", "bars", "roll", "ledger", "growing lane", "pair", "inside", "progress", "table", "model")


def test_no_browser_translates_pieces_and_texts() -> None:
    word, views = "qzx", dict(views_of("qzx"))
    for name in ALONE:
        reader = Translated()
        reader.feed(re.sub(r"<p class=.(why|how).*?</p>", "", views[name], flags=re.DOTALL))
        assert word in views[name]
        left = "".join(reader.changed)
        assert word not in left or (name == "model" and left.count(word) == 4), name  # its file's type, three sentences


#: Who may give Gradio something that it reads as Markdown or HTML messages: with words of our own, or what it escapes.
ALLOWED: Final = {
    r"gr\.(Info|Warning|Success)\(": {"parts/telling.py"},
    r"gr\.Markdown\(": set(),
    r"gr\.(Chatbot|Label|Dataframe|HighlightedText|Code)\(": set(),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_only_these_modules_give_gradio_what_it_reads_as_markup(what: str) -> None:
    app = Path(tsumami.app.__file__).parent
    users = {str(path.relative_to(app)) for path in app.rglob("*.py") if re.search(what, path.read_text("utf-8"))}
    assert users == ALLOWED[what]
