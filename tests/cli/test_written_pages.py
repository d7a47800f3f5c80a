"""Every page that is written holds what a model, a user or a file said as text, whatever that is."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Final

from hypothesis import given, settings
from tests.app.views.test_shown_as_text import HOSTILE, run_of
from tests.charts.forest import map_of, piece
from tests.charts.html.reading import Checker

from tsumami.charts import icicle_page
from tsumami.cli import compare_page
from tsumami.explore.design import Design
from tsumami.explore.lanes import Comparing, plan
from tsumami.runs import Prompt
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

#: What a browser runs or fetches.
ACTIVE: Final = re.compile(r"on\w+|src|href|action|formaction|srcdoc")


def pages_of(text: str) -> Iterator[tuple[str, str]]:
    """Every page that a command or a notebook writes, with `text` wherever it takes any."""
    tokenizer = ByteTokenizer([text, "?"])
    model = ScriptedModel(saying([258, 259], tokenizer, sure=4.0), tokenizer=tokenizer)
    asked = [Prompt(text, (120,)), Prompt("x", (121,))]
    with Comparing(model, plan(asked, Design(Settings(max_tokens=3, seed=0), seeds=[0, 1]))) as lanes:
        yield "comparison", compare_page.page(lanes.result, tokenizer.piece)
    yield "map", icicle_page(map_of(piece(0.0, 0.5, [text.encode()]), piece(0.5, 1.0, [b"b"], last=1.0)), "en")
    yield "run in a notebook", run_of(text)._repr_html_()


def made_of(page: str) -> tuple[list[str], list[str]]:
    """The elements of a page, and the attributes in it that a browser would obey."""
    checker = Checker()
    checker.feed(re.sub(r"<(meta|!doctype)[^>]*>", "", page))
    return checker.tags, [name for one in checker.attributes for name in one if ACTIVE.fullmatch(name)]


@settings(max_examples=15)
@given(HOSTILE)
def test_no_page_takes_any_of_it_for_html(text: str) -> None:
    for name, page in pages_of(text):
        tags, obeyed = made_of(page)
        assert set(tags) == set(made_of(harmless()[name])[0]), name
        assert obeyed == made_of(harmless()[name])[1], name
        assert page.count("<script") == harmless()[name].count("<script"), name


@functools.cache
def harmless() -> dict[str, str]:
    return dict(pages_of("word"))
