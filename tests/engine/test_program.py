"""A program that computes much between two feeds gives way."""

from __future__ import annotations

import time

import pytest

from tsumami.engine import Breath, program


def test_it_gives_way_when_it_has_computed_for_long_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    breath = Breath()
    given = 0
    for _ in range(100):  # a second of work
        now[0] += 0.01
        for feeds in breath.give_way():
            assert feeds == []
            given += 1
            now[0] += 5  # the others' turn
    assert given == pytest.approx(1 / (program._LONGEST_BREATH + 0.01), rel=0.3)
    now[0] += 1
    breath.taken()
    assert list(breath.give_way()) == []
