"""The bench: goals are compared and not only printed, turns keep to their time, a measure says how long it takes."""

from __future__ import annotations

import importlib
import itertools
import subprocess
import sys

import pytest
from bench import measuring
from bench.__main__ import MEASURES
from bench.measuring import Ratio, Turns, in_turns
from bench.options import ROOT
from bench.report import Goal, Row, Table, summary


@pytest.mark.parametrize(
    ("goal", "measured", "reached"),
    [
        (Goal(">=", 0.95), 0.95, True),
        (Goal(">=", 0.95), 0.94, False),
        (Goal("<", 1), 1.0, False),
        (Goal("<=", 3), 3.0, True),
    ],
)
def test_a_goal_is_reached_or_not(goal: Goal, measured: float, reached: bool) -> None:
    assert goal.reached(measured) is reached


def test_the_last_table_says_of_every_goal_whether_it_was_reached(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Row("fast", Goal(">=", 0.9), Ratio(0.95, 0.9, 1.0)),
        Row("slow", Goal(">=", 0.9), Ratio(0.5, 0.4, 0.6)),
        Row("not measured", Goal(">=", 0.9), None),
        Row("by the way", None, Ratio(2.0, 2.0, 2.0)),
    ]
    summary([Table("m", "title", rows)])
    lines = [line for line in capsys.readouterr().out.splitlines() if "│ m " in line]
    assert [("reached" in line, "SHORT" in line) for line in lines] == [(True, False), (False, True), (False, True)]


def test_turns_are_at_least_so_many_at_most_so_many_and_end_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = itertools.count(step=10)
    monkeypatch.setattr(measuring.time, "monotonic", lambda: float(next(clock)))
    turns = {"a": lambda: 1.0, "b": lambda: 2.0}
    assert in_turns(turns, Turns(1, 3)) == {"a": [1.0] * 3, "b": [2.0] * 3}
    assert len(in_turns(turns, Turns(2, 9, seconds=45))["a"]) == 3
    assert len(in_turns(turns, Turns(5, 9, seconds=1))["b"]) == 5


def test_every_measure_is_there_and_is_no_slower_when_it_is_quick() -> None:
    for name, cost in MEASURES.items():
        assert callable(importlib.import_module(f"bench.{name}").measure)
        assert 0 < cost.quick <= cost.seconds


def test_a_measure_says_how_long_it_takes_and_an_unknown_one_which_there_are() -> None:
    command = [sys.executable, "-m", "bench"]
    done = subprocess.run([*command, "startup", "--quick"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "startup: about 0:" in done.stderr
    assert "tsumami --help" in done.stdout.partition("goals")[2]
    wrong = subprocess.run([*command, "nothing"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "overhead" in wrong.stderr
