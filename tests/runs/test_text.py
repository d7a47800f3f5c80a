"""Bytes to text: the same text however tokens split it, whole characters, and nothing of a stop string."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tsumami.runs.text import Released, TextStream

_SNIPPETS = st.sampled_from(
    [
        "a",
        "ab",
        "aab",
        "\n\n",
        "。",
        "発光",
        "ダイオード",
        "か\u3099",
        "👩\u200d👩\u200d👧",
        "🇯🇵",
        "\ufffd",
        "</s>",
        "<",
        "é",
    ]
)
_TEXTS = st.lists(_SNIPPETS | st.text(max_size=4), max_size=12).map("".join)
_BYTES = _TEXTS.map(str.encode) | st.binary(max_size=40)
_STOPS = st.lists(_SNIPPETS | st.text("ab\n。<", min_size=1, max_size=4), max_size=4).map(tuple)


def reference(data: bytes, stops: tuple[str, ...]) -> Released:
    """The whole text up to the stop string that is complete first; of those complete at once, the longest."""
    text = data.decode("utf-8", "replace")
    for end in range(1, len(text) + 1):
        found = max((stop for stop in stops if text[:end].endswith(stop)), key=len, default=None)
        if found is not None:
            return Released(text[: end - len(found)], found)
    return Released(text)


def stream(pieces: list[bytes], stops: tuple[str, ...]) -> tuple[list[str], str | None]:
    made = TextStream(stops)
    shown = []
    for piece in pieces:
        released = made.feed(piece)
        shown.append(released.text)
        if released.stop is not None:
            return shown, released.stop
    released = made.feed(b"", final=True)
    return [*shown, released.text], released.stop


@st.composite
def split_bytes(draw: st.DrawFn) -> list[bytes]:
    data = draw(_BYTES)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(split_bytes(), _STOPS)
@example([b"a", b"b", b"cd"], ("abc", "b"))
@example([b"abcd"], ("abc", "b"))
@example(["あ".encode()[:1], "あ".encode()[1:2], "あ".encode()[2:] + b"!"], ("あ!",))
@example([b"\xf0\x9f", b"\x91", b"\xff"], ("\ufffd\ufffd",))
def test_the_text_does_not_depend_on_the_split(pieces: list[bytes], stops: tuple[str, ...]) -> None:
    shown, stop = stream(pieces, stops)
    assert Released("".join(shown), stop) == reference(b"".join(pieces), stops)


@given(_BYTES, _STOPS)
def test_byte_by_byte_is_at_once(data: bytes, stops: tuple[str, ...]) -> None:
    singles, stop = stream([bytes([byte]) for byte in data], stops)
    made = TextStream(stops).feed(data, final=True)
    assert made == Released("".join(singles), stop)


@given(_TEXTS)
def test_a_character_comes_with_its_last_byte_and_never_in_parts(text: str) -> None:
    made = TextStream()
    for character in text:
        *begin, last = character.encode()
        assert [made.feed(bytes([byte])).text for byte in begin] == [""] * len(begin)
        assert made.feed(bytes([last])) == Released(character)
    assert made.feed(b"", final=True) == Released("")


@given(split_bytes(), _STOPS)
def test_what_cannot_become_a_stop_string_is_shown_at_once(pieces: list[bytes], stops: tuple[str, ...]) -> None:
    made, fed, shown = TextStream(stops), b"", ""
    for piece in pieces:
        fed += piece
        released = made.feed(piece)
        shown += released.text
        if released.stop is not None:
            return
        # an incomplete character at the end is not text yet
        text = (
            fed.decode("utf-8", "replace")
            if not _incomplete(fed)
            else fed[: -_incomplete(fed)].decode("utf-8", "replace")
        )
        held = text.removeprefix(shown)
        assert text == shown + held
        assert not held or any(stop.startswith(held) for stop in stops)


def _incomplete(data: bytes) -> int:
    """How many bytes at the end begin a character that is not complete."""
    for length in range(1, 4):
        try:
            data[-length:].decode()
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data" and error.start == 0 and length <= len(data):
                return length
    return 0


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xff", "\ufffd"),
        ("光".encode()[:2], "\ufffd"),
        (b"a\x80b", "a\ufffdb"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xc0\xaf", "\ufffd\ufffd"),
        (b"", ""),
    ],
    ids=["no byte of UTF-8", "cut at the end", "a lone continuation", "a surrogate", "overlong", "nothing"],
)
def test_bytes_that_are_no_character_come_out_as_replacement(data: bytes, text: str) -> None:
    assert "".join(stream([data], ())[0]) == text


def test_a_stop_string_hides_its_beginning_until_it_is_refuted() -> None:
    made = TextStream(("\n\nUser:",))
    assert made.feed(b"Yes.\n") == Released("Yes.")
    assert made.feed(b"\nUs") == Released("")
    assert made.feed(b"e it.") == Released("\n\nUse it.")
    assert made.feed(b"\n\nUser") == Released("")
    assert made.feed(b": more") == Released("", "\n\nUser:")


def test_stop_strings_that_are_complete_before_they_count_are_text() -> None:
    made = TextStream(("end",), unheeded=3)
    assert [made.feed(data).text for data in (b"an e", b"nd, ", b"the e")] == ["an ", "end, ", "the "]
    assert made.feed(b"nd") == Released("", "end"), "one that began before, but is complete now, counts"


def test_what_may_be_a_stop_string_when_it_is_complete_is_held_back_from_the_first_token_on() -> None:
    made = TextStream(("abc",), unheeded=1)
    assert made.feed(b"xab").text == "x"
    assert made.feed(b"c") == Released("", "abc")
