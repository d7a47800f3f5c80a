"""Tokens as a reader sees them: characters whole."""

from __future__ import annotations

import pytest

from tsumami.charts.pieces import groups


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"a", b"bc"], ["a", "bc"]),
        (["あ".encode()], ["あ"]),
        (["あ".encode()[:1], "あ".encode()[1:2], "あ".encode()[2:]], ["あ"]),
        ([b"x" + "蓮".encode()[:2], "蓮".encode()[2:] + b"y", b"z"], ["x蓮y", "z"]),
        ([b"\xff", b"a"], ["\ufffd", "a"]),
        ([b"a", "蓮".encode()[:2]], ["a", "\ufffd"]),
        ([], []),
    ],
)
def test_characters_are_shown_whole(pieces: list[bytes], expected: list[str]) -> None:
    found = groups(pieces)
    assert [group.text for group in found] == expected
    assert [i for group in found for i in range(group.start, group.stop)] == list(range(len(pieces)))
