"""Places are given in turns, and nobody has more than their share."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.errors import SettingsError
from tsumami.web.limits import Limits
from tsumami.web.turns import Asker, Turns

TIGHT = Limits(generations=4, per_caller=3, per_session=2)


class Hall:
    """Places, and who has begun."""

    def __init__(self, limits: Limits = TIGHT) -> None:
        self.turns = Turns(limits)
        self.begun: list[str] = []

    def ask(self, key: str, caller: str, session: str = "") -> None:
        self.turns.ask(key, Asker(caller, session), lambda: self.begun.append(key))


def test_who_comes_first_begins_first_as_far_as_there_is_room() -> None:
    hall = Hall()
    for key in ("1", "2", "3", "4", "5"):
        hall.ask(key, caller=f"caller of {key}")
    assert hall.begun == ["1", "2", "3", "4"]
    hall.turns.leave("2")
    assert hall.begun[-1] == "5"
    assert hall.turns.running == 4


def test_three_hundred_calls_of_one_caller_do_not_stand_before_anothers_first() -> None:
    hall = Hall(Limits())
    for number in range(300):
        hall.ask(f"many {number}", "a crowd")
    begun = len(hall.begun)
    assert begun == Limits().per_session
    hall.ask("page", "a crowd", "a page of the same address")
    hall.ask("one", "somebody else")
    assert hall.begun[begun:] == ["page", "one"]
    assert hall.turns.waiting_of("a crowd") == 300 - begun


def test_a_free_place_goes_to_the_caller_who_has_the_fewest() -> None:
    hall = Hall(Limits(generations=3, per_caller=3, per_session=3))
    for key in ("a1", "a2", "a3", "a4"):
        hall.ask(key, "a")
    hall.ask("b1", "b")
    hall.ask("b2", "b")
    hall.turns.leave("a1")
    hall.turns.leave("a2")
    assert hall.begun == ["a1", "a2", "a3", "b1", "a4"], "b has one, a has one: a came first"
    hall.turns.leave("a3")
    assert hall.begun[-1] == "b2"


def test_what_is_not_wanted_any_more_takes_no_place_and_leaving_twice_is_nothing() -> None:
    hall = Hall(Limits(generations=1))
    hall.ask("1", "a")
    hall.ask("2", "a")
    hall.ask("3", "b")
    hall.turns.leave("2")
    hall.turns.leave("2")
    hall.turns.leave("1")
    hall.turns.leave("1")
    assert hall.begun == ["1", "3"]
    hall.turns.leave("3")
    assert hall.turns.running == 0


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.booleans()), max_size=60),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_no_place_stays_empty_that_somebody_may_have_and_no_share_is_exceeded(
    moves: list[tuple[str, str, bool]], generations: int, per_caller: int, per_session: int
) -> None:
    hall = Hall(Limits(generations=generations, per_caller=per_caller, per_session=per_session))
    askers: dict[str, Asker] = {}
    over: set[str] = set()
    for number, (caller, session, leaves) in enumerate(moves):
        askers[str(number)] = Asker(caller, session)
        hall.ask(str(number), caller, session)
        running = [key for key in hall.begun if key not in over]
        if leaves and running:
            over.add(running[number % len(running)])
            hall.turns.leave(running[number % len(running)])
        running = [key for key in hall.begun if key not in over]
        callers, sessions = Counter(askers[key].caller for key in running), Counter(askers[key] for key in running)
        assert len(running) == hall.turns.running <= generations
        assert max(callers.values(), default=0) <= per_caller
        assert max(sessions.values(), default=0) <= per_session
        for key, asker in askers.items():
            if key not in hall.begun and len(running) < generations:
                assert callers[asker.caller] >= per_caller or sessions[asker] >= per_session


@pytest.mark.parametrize("name", ["generations", "sessions", "body"])
def test_a_limit_is_one_or_more(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Limits(**{name: 0})
