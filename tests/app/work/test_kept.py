"""What is kept for a session is its own, and the oldest goes when there is no room."""

from __future__ import annotations

from tsumami.app.work.kept import Kept


def test_each_session_has_its_own_value_until_it_goes() -> None:
    kept: Kept[str] = Kept()
    kept.put("a", "one")
    kept.put("b", "two")
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == ("one", "two", None)
    kept.forget("a")
    kept.forget("never there")
    assert (kept.get("a"), kept.get("b")) == (None, "two")


def test_who_keeps_a_value_learns_which_it_takes_the_place_of() -> None:
    kept: Kept[str] = Kept()
    assert [kept.put("a", value) for value in ("one", "two", "three")] == [None, "one", "two"]
    assert kept.put("b", "four") is None


def test_nobody_loses_what_they_look_at_because_others_came() -> None:
    kept: Kept[int] = Kept()
    for number in range(500):
        kept.put(f"reader {number}", number)
    assert kept.get("reader 0") == 0


def test_the_least_recently_used_goes_first() -> None:
    kept: Kept[int] = Kept(room=2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert [kept.get(session) for session in "abc"] == [1, None, 3]
