"""`tsumami map`: all of its outputs hold one map, and what cannot be mapped is refused before the model is loaded."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tsumami.charts import icicle_data
from tsumami.explore.maps import KnobMap, changes
from tsumami.wording import Language

from .conftest import Invoke
from .terminal import read_until

ASKED = ("map", "Once upon a time", "--knob", "top_k", "--range", "1:5", "--seed", "0", "--max-tokens", "4")


def test_the_table_the_files_and_the_page_hold_one_map(invoke: Invoke, tmp_path: Path) -> None:
    paths = {kind: tmp_path / f"map.{kind}" for kind in ("json", "csv", "html", "png", "svg")}
    options = [part for kind, path in paths.items() for part in ("-o", str(path))]
    called = invoke(*ASKED, *options)
    assert called.code == 0, called
    assert "100.0% of the range" in called.err
    found = KnobMap.from_json(paths["json"].read_text("utf-8"))
    assert (found.knob, found.low, found.high, found.coverage, found.max_tokens) == ("top_k", 1, 5, 1.0, 4)
    rows = list(csv.DictReader(io.StringIO(paths["csv"].read_text("utf-8"))))
    assert [row["text"] for row in rows] == [piece.text for piece in found.pieces]
    page = paths["html"].read_text("utf-8")
    assert json.dumps(icicle_data(found, "en")["cells"]) in page
    assert paths["png"].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in paths["svg"].read_text("utf-8")

    table = invoke(*ASKED, "--all", lang="ja")
    assert table.code == 0
    assert "範囲の 100.0%" in table.err
    for piece in found.pieces:
        assert piece.text.split()[0] in table.out


def test_json_to_stdout_is_the_map_and_nothing_else(invoke: Invoke) -> None:
    called = invoke(*ASKED, "--json")
    assert called.code == 0, called
    assert KnobMap.from_json(called.out).knob == "top_k"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--range": "5:1"}, "reversed"),
        ({"--range": "3:3"}, "empty"),
        ({"--range": "five"}, "LOW:HIGH"),
        ({"--range": "-3:5"}, "top_k"),
        ({"--knob": "seed"}, "cannot be mapped"),
        ({"--knob": "grammar"}, "cannot be mapped"),
        ({"--leaves": "0"}, "leaves = 0"),
        ({"--seconds": "0"}, "seconds = 0"),
    ],
)
def test_what_cannot_be_mapped_is_refused(refused: Callable[..., str], changed: dict[str, str], said: str) -> None:
    options = {"--knob": "top_k", "--range": "1:5", **changed}
    assert said in refused("map", "Once", *(part for option in options.items() for part in option))


def test_values_at_which_texts_alternate_are_one_row_that_says_so(invoke: Invoke) -> None:
    asked = [*ASKED[:3], "temperature", "--range", "0.05:2", *ASKED[6:]]
    found = KnobMap.from_json(invoke(*asked, "--json").out)
    assert found.flickers
    flickering = sum(one.end - one.begin + 1 for one in found.flickers)
    for lang, said in (("en", "texts alternate"), ("ja", "つの文章が交互")):
        called = invoke(*asked, "--all", lang=lang)
        rows = called.out.split("\n\n")[1].splitlines()[1:]
        assert len(rows) == len(found.pieces) - flickering + len(found.flickers)
        assert sum(said in row for row in rows) == len(found.flickers)
        assert (found.flickers[0].ja if lang == "ja" else found.flickers[0].en) in called.err.replace("\n", " ")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_first_it_says_where_the_texts_change_and_lists_them_only_when_asked(invoke: Invoke, lang: Language) -> None:
    asked = ("map", *ASKED[1:3], "temperature", "--range", "0.05:2", "--seed", "0", "--max-tokens", "6")
    found = KnobMap.from_json(invoke(*asked, "--json").out)
    largest = changes(found)[:5]
    assert len(largest) == 5
    summary = invoke(*asked, lang=lang).out.splitlines()
    assert f"{len(found.texts)} " in summary[0]
    assert len(summary) == 2 + len(largest)
    for row, one in zip(summary[2:], sorted(largest, key=lambda one: one.at), strict=True):
        value, token = row.split()[:2]
        assert (float(value), int(token)) == (pytest.approx(one.at), one.common + 1)
    assert len(invoke(*asked, "--all", lang=lang).out.splitlines()) > len(found.texts)


def test_ctrl_c_keeps_the_map_as_far_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    asked = ["map", "Once upon a time", "--knob", "temperature", "--range", "0.1:3", "--seed", "0", "--lang", "en"]
    asked += ["--max-tokens", "4000", "--leaves", "8", "-o", str(file)]
    terminal, their_end = pty.openpty()
    with subprocess.Popen([Path(sys.executable).with_name("tsumami"), *asked], stderr=their_end) as process:
        os.close(their_end)
        said = read_until(terminal, b"following 8")
        process.send_signal(signal.SIGINT)
        said += read_until(terminal, b"of the range")
    os.close(terminal)
    assert process.returncode == 130
    assert b"Traceback" not in said
    found = KnobMap.from_json(file.read_text("utf-8"))
    assert any(not piece.finished and piece.tokens for piece in found.pieces)
    assert found.nodes > 0
