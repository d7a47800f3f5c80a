"""Values to try: lists and ranges as they would be typed, and what is none says how it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsumami.cli.varying import varied_values as in_the_terminal
from tsumami.errors import SettingsError
from tsumami.knobs.varying import varied_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("temperature=0:2:0.5", [0.0, 0.5, 1.0, 1.5, 2.0]),
        ("temperature=0:0.9:0.3", [0.0, 0.3, 0.6, 0.9]),
        ("temperature=0:1:0.4", [0.0, 0.4, 0.8]),
        ("temperature=1:0:-0.5", [1.0, 0.5, 0.0]),
        ("temperature=1:1:0.5", [1.0]),
        ("top_k=10:30:10,100", [10, 20, 30, 100]),
        ("--top-k=5,40", [5, 40]),
        ("temperature=0.5、１", [0.5, 1.0]),
        ("temperature=０：１：０．５，　２", [0.0, 0.5, 1.0, 2.0]),
        ("logit_bias=13=−５", [((13, -5.0),)]),
        ("presence_penalty=１:−1:－2", [1.0, -1.0]),
        ("penalize_prompt=ｔｒｕｅ、false", [True, False]),
        ("stop=、", [("、",)]),
        ("stop=ＡＢ", [("ＡＢ",)]),
        ("samplers=classic,top_k;temperature", ["classic", ("top_k", "temperature")]),
    ],
)
def test_lists_and_ranges_are_the_values_as_typed(text: str, values: list[object]) -> None:
    assert list(varied_values([text]).values()) == [values]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("temperature", "KNOB=A,B"),
        ("temperature=", "KNOB=A,B"),
        ("temperature= ", "KNOB=A,B"),
        ("temprature=1", "temperature"),
        ("temperature=0:2", "FIRST:LAST:STEP"),
        ("temperature=0:2:x", "FIRST:LAST:STEP"),
        ("temperature=0:2:nan", "FIRST:LAST:STEP"),
        ("temperature=0:inf:1", "FIRST:LAST:STEP"),
        ("temperature=0:2:0", "step of 0"),
        ("temperature=0:2:-0.2", "a positive"),
        ("temperature=2:0:0.2", "a negative"),
        ("temperature=0:2:0.0001", "more than 10,000 values"),
        ("temperature=0:4:-0", "step of"),
        ("temperature=0:1e999:1", "FIRST:LAST:STEP"),
        ("temperature=0:1e99999:1", "FIRST:LAST:STEP"),
        ("temperature=0:1e300:1e-300", "more than 10,000 values"),
        ("temperature=0:1:1e-400", "FIRST:LAST:STEP"),
        ("temperature=0:2:0.0000000000000000000000000001", "more than 10,000 values"),
        ("top_k=1:3:0.5", "top_k"),
        ("top_p=0.5:1.5:0.5", "top_p = 1.5"),
        ("top_k=5,,6", "top_k"),
    ],
)
def test_what_leads_nowhere_is_refused(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        varied_values([text])


def test_a_knob_is_varied_once() -> None:
    with pytest.raises(SettingsError, match="twice"):
        varied_values(["top_k=1,2", "top-k=3"])


def test_a_page_names_no_file_of_its_server(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('root ::= "secret"', "utf-8")
    assert varied_values([f"grammar=@{secret}"]) == {"grammar": [f"@{secret}"]}
    assert in_the_terminal([f"grammar=@{secret}"]) == {"grammar": ['root ::= "secret"']}
