"""Every byte of a prompt is in the token table, whatever the prompt is."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import tsumami
from tsumami.course import length_table, lines, token_rows, token_table

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_whole(model: tsumami.Model, text: str) -> None:
    rows = token_rows(model, text)
    assert b"".join(row.piece for row in rows if row.kind != "added") == text.encode()
    assert [row.id for row in rows if row.id is not None] == model.tokenize(text)
    assert [row.position for row in rows if row.position is not None] == list(range(len(model.tokenize(text))))
    for row in rows:
        assert "�" not in row.shown or "�" in text
        if row.kind == "text":
            row.piece.decode()  # whole characters
        if row.kind == "part":
            assert row.whole in text or "�" in row.whole


@QUICK
@example("")
@example("The sky above the city looked calm, but")
@example("夢を見る🎈👨‍👩‍👧")
@example("a<|im_start|>b<bos>c")
@example("\x04\x06\x13\x14\x16\x1d")
@example("x\x04")
@example("\U00040000\U00041234 \U000fffff")
@given(ANY_TEXT)
def test_the_pieces_join_to_the_prompt(model: tsumami.Model, text: str) -> None:
    assert_whole(model, text)


@QUICK
@example("夢を見る🎈👨‍👩‍👧")
@example("a<|im_start|>b<bos>c <end_of_turn>")
@given(ANY_TEXT)
def test_the_pieces_join_to_the_prompt_on_a_japanese_vocabulary(gemma: tsumami.Model, text: str) -> None:
    assert_whole(gemma, text)


def test_parts_of_a_character_name_it(model: tsumami.Model) -> None:
    rows = token_rows(model, "夢")
    assert len(rows) > 1
    assert {row.kind for row in rows} == {"part"}
    assert {row.whole for row in rows} == {"夢"}
    assert " ".join(row.shown for row in rows) == "E5 A4 A2"


def test_bytes_without_a_token_are_shown_as_lost(model: tsumami.Model) -> None:
    rows = token_rows(model, "a\x04b")
    assert [(row.kind, row.piece) for row in rows] == [("text", b"a"), ("lost", b"\x04"), ("text", b"b")]
    assert rows[1].id is None


def test_marks_are_visible(model: tsumami.Model, gemma: tsumami.Model) -> None:
    assert [row.kind for row in token_rows(gemma, "夢")] == ["added", "text"]
    kinds = [(row.kind, row.shown) for row in token_rows(model, "<|im_start|>a")]
    assert kinds == [("mark", "<|im_start|>"), ("text", "a")]


def test_blanks_can_be_seen(model: tsumami.Model) -> None:
    assert [row.shown for row in token_rows(model, "a b\n")] == ["a", "␣b", "⏎"]


def test_the_table_has_a_row_for_every_token(gemma: tsumami.Model) -> None:
    table = token_table(gemma, "夢を見る")
    assert table["id"].tolist() == gemma.tokenize("夢を見る")
    assert list(table.columns) == ["position", "id", "piece", "bytes", "kind", "whole"]


def test_lengths_count_the_text_alone(model: tsumami.Model, gemma: tsumami.Model) -> None:
    texts = ["", "The sky above the city looked calm, but", "夢を見る"]
    for each in (model, gemma):
        table = length_table(each, texts)
        assert table["tokens"].tolist() == [len(each.tokenize(text, add_special=False)) for text in texts]
        assert table["characters"].tolist() == [0, 39, 4]
        assert table["bytes"].tolist() == [0, 39, 12]
        assert table["tokens_per_character"].iloc[1] == pytest.approx(table["tokens"].iloc[1] / 39)
        assert table["share"].iloc[1] == pytest.approx(table["tokens"].iloc[1] / each.n_ctx)


def test_each_line_is_a_text_and_blank_ones_are_none() -> None:
    assert lines("夢を\n\n  \n see \n") == ["夢を", " see "]
    assert len(lines("a\n" * 100)) == 40
