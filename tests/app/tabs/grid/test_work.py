"""A grid under way: it is looked at while it grows, and nobody's is left in the engine."""

from __future__ import annotations

import threading

import pytest

import tsumami
from tsumami.app.tabs.grid.work import GridWork
from tsumami.app.work.shelf import ModelChoice
from tsumami.explore.design import Design
from tsumami.explore.grids.plan import plan_grid
from tsumami.settings import Settings

STORY = "Once upon a time, in the town of lights,"


def work(model: tsumami.Model, *lengths: int) -> GridWork:
    base = Settings(seed=0, temperature=2.0, logit_bias=((0, float("-inf")), (2, float("-inf"))))
    plan = plan_grid([model.as_prompt(STORY)], Design(base, vary={"max_tokens": lengths}, seeds=2))
    return GridWork(plan, model, ModelChoice())


def test_the_last_sight_is_the_grid_and_those_before_are_beginnings_of_it(
    model: tsumami.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsumami.app.tabs.grid.work._LEAST_SECONDS", 0.0)  # however fast the machine is
    one = work(model, 2, 60)
    sights = list(one.grow())
    assert one.found is not None
    assert sights[-1].progress is None
    assert sights[-1].cells == one.found.cells
    assert len(sights) > 1
    for sight in sights[:-1]:
        for cell, last in zip(sight.cells, one.found.cells, strict=True):
            assert last == cell if cell.finished else last.text.startswith(cell.text)
        assert sight.progress is None or sight.progress.cells == 4


def test_cancelled_it_keeps_what_there_is(model: tsumami.Model) -> None:
    one = work(model, 2, 4000)
    for sight in one.grow():
        if [cell.finished for cell in sight.cells] == [True, True, False, False]:
            one.cancel()
    assert one.found is not None
    assert [cell.finished for cell in one.found.cells] == [True, True, False, False]
    assert all(cell.tokens for cell in one.found.cells)


def test_cancelled_before_it_has_begun_it_ends_at_once(model: tsumami.Model) -> None:
    one = work(model, 4000)
    one.cancel()
    list(one.grow())
    assert one.found is not None
    assert not any(cell.finished for cell in one.found.cells)


@pytest.mark.parametrize("way", ["left", "cancelled"])
def test_who_leaves_or_begins_anew_leaves_nothing_in_the_engine(model: tsumami.Model, way: str) -> None:
    one = work(model, 4000)
    growing = one.grow()
    next(growing)
    if way == "left":
        growing.close()
    else:
        thread = threading.Thread(target=list, args=(growing,))
        thread.start()
        one.cancel()
        thread.join(10)
        assert not thread.is_alive()
    assert one._making is not None
    assert one._making.wait(10)
    assert len(model.run(STORY, seed=0, max_tokens=3).tokens) == 3


def test_works_have_different_numbers(model: tsumami.Model) -> None:
    assert work(model, 1).number != work(model, 1).number
