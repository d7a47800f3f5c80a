"""What is kept for a session is its own, and the oldest goes when there is no room."""

from __future__ import annotations

import gradio as gr

from tsumami.app.work.kept import Kept


def of(session: str) -> gr.Request:
    return gr.Request(session_hash=session)


def test_each_session_has_its_own_value_until_it_goes() -> None:
    kept: Kept[str] = Kept()
    kept.put(of("a"), "one")
    kept.put(of("b"), "two")
    assert (kept.get(of("a")), kept.get(of("b")), kept.get(of("c"))) == ("one", "two", None)
    kept.forget(of("a"))
    kept.forget(of("never there"))
    assert (kept.get(of("a")), kept.get(of("b"))) == (None, "two")


def test_who_keeps_a_value_learns_which_it_takes_the_place_of() -> None:
    kept: Kept[str] = Kept()
    assert [kept.put(of("a"), value) for value in ("one", "two", "three")] == [None, "one", "two"]
    assert kept.put(of("b"), "four") is None


def test_the_least_recently_used_goes_first() -> None:
    kept: Kept[int] = Kept(room=2)
    kept.put(of("a"), 1)
    kept.put(of("b"), 2)
    assert kept.get(of("a")) == 1
    kept.put(of("c"), 3)
    assert [kept.get(of(session)) for session in "abc"] == [1, None, 3]
