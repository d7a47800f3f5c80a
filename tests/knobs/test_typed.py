"""What is shown can be typed, in every place that shows values and in every place that reads them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.strategies import knob_values

from tsumami.app.tabs.compare import lanes
from tsumami.app.views.knob_line import given as in_a_line
from tsumami.app.work import knob_values as panel
from tsumami.cli import knobs as terminal
from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS, Knob
from tsumami.knobs.typed import as_item, from_item, shown, typed

ALL = [pytest.param(knob, id=name) for name, knob in KNOBS.items()]
ANYTHING = st.text(st.characters(codec="utf-8"), min_size=1)


@pytest.mark.parametrize("knob", ALL)
@given(data=st.data())
def test_what_is_shown_can_be_typed_everywhere(knob: Knob, data: st.DataObject) -> None:
    value = knob.validate(data.draw(knob_values(knob.name, handy=False) | _empty(knob)))
    text = shown(knob, value)
    assert typed(knob, text) == value
    assert (
        from_item(knob, as_item(knob, value)) == value or knob.validate(from_item(knob, as_item(knob, value))) == value
    )
    assert knob.validate(panel.read(knob, panel.shown(knob, value))) == value
    assert terminal.parse(knob, text) == value
    (lane,) = lanes.read(in_a_line({knob.name: value, "top_k": 7}))
    assert {name: KNOBS[name].validate(one) for name, one in lane.knobs.items()} == {"top_k": 7} | {
        knob.name: value if knob.name != "top_k" else 7
    }


def _empty(knob: Knob) -> st.SearchStrategy[Any]:
    """No value, where a knob can have none."""
    empty: dict[str, Any] = {"texts": (), "bias": (), "grammar": None, "schema": None, "object": None, "order": ()}
    return st.just(empty[knob.kind]) if knob.kind in empty else st.nothing()


@given(st.lists(ANYTHING).map(tuple))
def test_any_texts_come_back_however_strange_they_are(texts: tuple[str, ...]) -> None:
    stop = KNOBS["stop"]
    assert typed(stop, shown(stop, texts)) == texts
    assert not any("\n" in entry for entry in shown(stop, texts)), "one entry a line"
    assert tuple(panel.read(stop, panel.shown(stop, texts))) == texts
    assert stop.validate(from_item(stop, as_item(stop, texts))) == texts


@pytest.mark.parametrize(
    ("knob", "text", "value"),
    [
        ("logit_bias", "12=-5", ((12, -5.0),)),
        ("logit_bias", "12:-5", ((12, -5.0),)),
        ("logit_bias", " １２ ＝ −０．５ ", ((12, -0.5),)),
        ("logit_bias", "12：-inf", ((12, -math.inf),)),
        ("logit_bias", "12=-5, 7 = 1e2", ((7, 100.0), (12, -5.0))),
        ("stop", r"\u3042\n\\n\q", ("あ\n\\n\\q",)),
        ("stop", "ends in \\", ("ends in \\",)),
    ],
)
def test_terminal_panel_and_lanes_read_a_text_alike(knob: str, text: str, value: object) -> None:
    row = KNOBS[knob]
    assert terminal.parse(row, text) == typed(row, text) == typed(row, [text]) == value
    assert row.validate(panel.read(row, text)) == value
    assert row.validate(from_item(row, text)) == value


@pytest.mark.parametrize(
    ("knob", "value", "text"),
    [
        ("temperature", 3.0, "3"),
        ("temperature", 0.123456789, "0.123456789"),
        ("top_k", 40, "40"),
        ("max_tokens", 10_000_000, "1e+07"),
        ("max_tokens", 12_345_678, "12345678"),
        ("penalize_prompt", True, "on"),
        ("samplers", (), "none"),
        ("samplers", ("top_k", "temperature"), "top_k;temperature"),
        ("stop", ("a", "\n\u2028"), ["a", r"\n\u2028"]),
        ("stop", ("一\u3000二",), ["一\u3000二"]),
        ("logit_bias", {"7": "-inf", 12: 1}, ["7=-inf", "12=1"]),
        ("grammar", None, ""),
    ],
)
def test_a_value_is_shown_as_a_person_would_type_it(knob: str, value: Any, text: Any) -> None:
    assert shown(KNOBS[knob], value) == text


@pytest.mark.parametrize(
    ("knob", "value", "text"),
    [
        ("temperature", 3.0, "3"),
        ("stop", ["a, b"], '["a, b"]'),
        ("logit_bias", {7: "-inf"}, '{"7": "-inf"}'),
        ("grammar", "root ::= [a, b]", '"root ::= [a, b]"'),
        ("json_schema", {"type": "object"}, '{"type":"object"}'),
        ("json_schema", None, "null"),
        ("samplers", "classic", "classic"),
    ],
)
def test_an_item_of_a_line_holds_its_commas(knob: str, value: Any, text: str) -> None:
    assert as_item(KNOBS[knob], value) == text


def test_a_lane_that_cannot_have_its_value_says_so_where_it_is_read() -> None:
    with pytest.raises(SettingsError, match="temperature = -1"):
        lanes.read("temperature=-1")
    with pytest.raises(SettingsError, match="stop: 3 is a int"):
        lanes.read("stop=[3]")


def test_a_lane_is_typed_as_everywhere() -> None:
    (lane,) = lanes.read("temperature=０．５, penalize_prompt=off, top_k=４０")
    assert lane.knobs == {"temperature": 0.5, "penalize_prompt": False, "top_k": 40}
    assert lane.name == "temperature=0.5, penalize_prompt=off, top_k=40"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("penalize_except", ["\\n", "<[12]>"], ("\n", "<[12]>")),
        ("text_bias", ["a=b=2", " yes=-inf", "\\n=０．５"], (("a=b", 2.0), (" yes", -math.inf), ("\n", 0.5))),
    ],
)
def test_tokens_and_biases_by_text_are_typed_one_after_another(name: str, text: list[str], value: Any) -> None:
    knob = KNOBS[name]
    assert typed(knob, text) == value
    assert typed(knob, shown(knob, value)) == value
    assert knob.validate(from_item(knob, as_item(knob, value))) == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("text_bias", ["a"], "TEXT=BIAS"),
        ("text_bias", ["=2"], "empty text"),
        ("text_bias", ["a=1", "a=2"], "named twice"),
        ("text_bias", ["a=1e12"], "100 already outweighs"),
        ("penalize_except", [""], "empty text"),
    ],
)
def test_what_names_no_tokens_is_refused(name: str, value: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        typed(KNOBS[name], value)


def test_an_id_is_written_as_in_a_grammar() -> None:
    assert KNOBS["penalize_except"].validate([2, "\n"]) == ("<[2]>", "\n")
    assert KNOBS["penalize_except"].validate(2) == ("<[2]>",)
    for wrong in (True, 1.5, {"a"}, -3):
        with pytest.raises(SettingsError):
            KNOBS["penalize_except"].validate(wrong)
