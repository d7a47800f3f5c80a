"""Watching for many or long stop strings costs no more than for one; what is found is in test_text.py."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from tsumami.runs.stops import StopStrings, stop_strings
from tsumami.runs.text import TextStream

_TEXTS = st.lists(st.text("ab", min_size=1, max_size=6), max_size=6).map(tuple)


@given(_TEXTS, st.text("abc", max_size=20))
def test_a_state_is_the_longest_end_that_a_stop_string_begins_with(texts: tuple[str, ...], read: str) -> None:
    watched, state = StopStrings(texts), 0
    for end, character in enumerate(read, 1):
        state = watched.after(state, character)
        ends = [read[at:end] for at in range(end)]
        assert watched.begun(state) == max((len(e) for e in ends if any(t.startswith(e) for t in texts)), default=0)
        assert watched.complete(state) == max((len(e) for e in ends if e in texts), default=0)


def test_a_character_costs_the_same_however_many_and_long_they_are() -> None:
    def seconds(stops: tuple[str, ...]) -> float:
        stop_strings(stops)
        stream, begin = TextStream(stops), time.perf_counter()
        for _ in range(1000):
            assert stream.feed(b"aab").stop is None
        return time.perf_counter() - begin

    few = min(seconds(("a word",)) for _ in range(3))
    many = min(seconds((*(f"{number:04d}" for number in range(5000)), "a" * 40_000)) for _ in range(3))
    assert many < 10 * few


def test_memory_is_in_proportion_to_the_characters() -> None:
    assert len(StopStrings(("a" * 1000, "a" * 999 + "b"))._depth) == 1002
