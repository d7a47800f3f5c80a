"""Sentences come as soon as they end, the same for any chunking, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.speech import Sentences

# Pieces that are hard to tell apart while they arrive.
PIECES = st.sampled_from(
    [
        *(
            "。",
            "！",
            "？",
            ".",
            "!",
            "?",
            "…",
            "．",
            "」",
            "』",
            ")",
            '"',
            "*",
            "**",
            "_",
            "`",
            "```",
            "~~~",
            "$",
            "$$",
        ),
        *("[", "]", "](", "(", "\\[", "\\]", "\\(", "\\)", "\\", "\n", "\n\n", "\r\n", " ", "  ", "\t", "　"),
        *("、", ", ", ":", ": ", "と", "行く", "はい", "「", "『", "abc", "Mr", "e.g", "etc", "Then", "A", "3", "14"),
        *("3.14", "1. ", "# ", "- ", "> ", "| a |", "http://a.b/c?d=e", "😀", "あ" * 210, "```python\n", "\n```\n"),
    ]
)
TEXTS = st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60)


def split(text: str, chunks: list[str] | None = None) -> list[str]:
    sentences = Sentences()
    found = [sentence for chunk in chunks or [text] for sentence in sentences.feed(chunk)]
    rest = sentences.flush()
    return [*found, rest] if rest else found


@given(TEXTS, st.data())
def test_any_chunking_gives_the_same_sentences(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert split(text, chunks) == split(text)
    assert split(text, list(text)) == split(text)


@given(TEXTS)
def test_nothing_is_lost_or_said_twice(text: str) -> None:
    assert "".join(split(text)) == text


@given(TEXTS)
def test_a_sentence_has_something_in_it(text: str) -> None:
    sentences = Sentences()
    assert all(sentence.strip() for sentence in sentences.feed(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("こんにちは。元気ですか？はい！", ["こんにちは。", "元気ですか？", "はい！"]),
        ("円周率は3.14です。次。", ["円周率は3.14です。", "次。"]),
        ("Pi is 3.14. Then more.", ["Pi is 3.14.", " Then more."]),
        ("Use e.g. this, or i.e. that. Yes.", ["Use e.g. this, or i.e. that.", " Yes."]),
        ("Mr. Smith met J. R. Tolkien. They talked.", ["Mr. Smith met J. R. Tolkien.", " They talked."]),
        ("Really?! Yes... Ok.", ["Really?!", " Yes...", " Ok."]),
        ("see node.js and v1.2.3 now. Ok", ["see node.js and v1.2.3 now.", " Ok"]),
        ("「はい。」次です。", ["「はい。」", "次です。"]),
        ("「行く。」と言った。次。", ["「行く。」と言った。", "次。"]),
        ('He said "No." Then left.', ['He said "No."', " Then left."]),
        ("**重要。**次。", ["**重要。**", "次。"]),
        ("見出し\n本文", ["見出し\n", "本文"]),
        ("1. 一つ目。\n2. Two more\n", ["1. 一つ目。", "\n2. Two more\n"]),
        ("うーん……そう。", ["うーん……そう。"]),
        ("`a。b。`です。次", ["`a。b。`です。", "次"]),
        ("[題。名](http://a.b/?c)です。次", ["[題。名](http://a.b/?c)です。", "次"]),
        ("前。\n```py\nx。\n\ny. Z\n```\n後。", ["前。", "\n```py\nx。\n\ny. Z\n```\n", "後。"]),
        ("$$\nx。\ny\n$$です。次", ["$$\nx。\ny\n$$です。", "次"]),
    ],
)
def test_sentences_end_where_a_reader_pauses(text: str, expected: list[str]) -> None:
    assert split(text) == expected


def test_a_sentence_comes_with_the_character_after_it() -> None:
    sentences = Sentences()
    assert sentences.feed("一つ目です。") == []
    assert sentences.feed("二") == ["一つ目です。"]
    assert sentences.feed("つ目\n") == ["二つ目\n"]


def test_a_code_block_comes_whole_or_not_at_all() -> None:
    sentences = Sentences()
    for piece in ("``", "`pyth", "on\nprint('。')\n", "x = 1\n", "``", "`"):
        assert sentences.feed(piece) == []
    assert sentences.feed("\nおわり") == ["```python\nprint('。')\nx = 1\n```\n"]


def test_text_without_an_end_is_cut_at_a_comma() -> None:
    text = "とても長い文が、" * 40
    parts = split(text)
    assert len(parts) >= 2
    assert all(len(part) < 220 for part in parts)


def test_a_flushed_splitter_starts_anew() -> None:
    sentences = Sentences()
    sentences.feed("途中")
    assert sentences.flush() == "途中"
    assert sentences.flush() == ""
    assert sentences.feed("次。\n") == ["次。"]


def test_a_looping_model_neither_stalls_nor_silences_the_voice() -> None:
    parts = split("あ" * 5000, ["あ"] * 5000)
    assert max(map(len, parts)) == 400
