"""A map under way: it is looked at while it grows, can be gone on with, and nobody's is left in the engine."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from tests.support.maps import assert_whole, same

import tsumami
from tsumami.app.tabs.map.work import MapWork
from tsumami.app.work.shelf import ModelChoice
from tsumami.errors import EngineError
from tsumami.settings import Settings

STORY = "Once upon a time, in the town of lights,"
SETTINGS = Settings(seed=0)


def work(model: tsumami.Model, begun: tuple[int, ...] = ()) -> MapWork:
    prompt = replace(model.as_prompt(STORY), begun=begun)
    return MapWork(model.mapping(prompt, "temperature", 0.3, 1.5, SETTINGS), model, ModelChoice())


def test_the_last_sight_is_the_map_and_those_before_are_whole(model: tsumami.Model) -> None:
    one = work(model)
    sights = list(one.grow(max_tokens=6, leaves=6))
    assert len(sights) > 1
    for sight in sights:
        assert_whole(sight.found)
    assert [sight.progress is None for sight in sights] == [False] * (len(sights) - 1) + [True]
    assert sights[-1].found == one.found
    assert same(sights[-1].found, model.knob_map(STORY, "temperature", 0.3, 1.5, SETTINGS, max_tokens=6, leaves=6))


def test_a_map_that_was_cancelled_is_gone_on_with_and_is_that_of_one_go(model: tsumami.Model) -> None:
    one = work(model)
    growing = one.grow(max_tokens=2000, leaves=4)
    next(growing)
    thread = threading.Thread(target=list, args=(growing,))
    thread.start()
    one.cancel()
    thread.join(10)
    assert not thread.is_alive()
    more = one.further(model)
    assert more.mapping is one.mapping
    last = list(more.grow(max_tokens=4, leaves=4))[-1]
    assert same(last.found, model.knob_map(STORY, "temperature", 0.3, 1.5, SETTINGS, max_tokens=4, leaves=4))


def test_two_works_are_not_at_one_map_at_the_same_time(model: tsumami.Model) -> None:
    one = work(model)
    growing = one.grow(max_tokens=2000, leaves=4)
    next(growing)
    with pytest.raises(EngineError, match="is being made already"):
        next(one.further(model).grow(max_tokens=4, leaves=4))
    growing.close()


def test_a_part_of_the_range_has_the_same_beginning_of_the_reply(model: tsumami.Model) -> None:
    begun = tuple(model.tokenize(" there was", add_special=False))
    one = work(model, begun)
    list(one.grow(max_tokens=4, leaves=4))
    part = one.further(model, (0.5, 0.9))
    found = list(part.grow(max_tokens=4, leaves=4))[-1].found
    assert (part.parents, found.low, found.high, found.receipt.begun) == (1, 0.5, 0.9, begun)
    assert all(piece.tokens[: len(begun)] == begun for piece in found.pieces)
