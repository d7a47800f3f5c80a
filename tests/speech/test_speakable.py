"""Only words are read out."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.speech import speakable

MARKS = [
    *("*", "**", "#", "`", "```", "|", "~~", "__", "$", "$$", "\\(", "\\[", "\\frac{a}{b}", "[a](b)", "![c](d)", "<b>"),
    *("&amp;", "https://example.com/x", "😀", "👩\u200d👧", "(^_^)", "→", "\n", "\n---\n", "\n- ", "\n1. ", "> "),
    *("語", "word", "3.14", "。", " "),
]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("# 見出し\n\n本文です。", "見出し\n本文です。"),
        ("**強調**と*斜体*と~~打消~~と__下線__です。", "強調と斜体と打消と下線です。"),
        ("[リンク](https://example.com/a_(b))を見て。", "リンクを見て。"),
        ("![猫の絵](cat.png)です。", "猫の絵です。"),
        ("詳しくは https://example.com/path?x=1#y を見て。", "詳しくはを見て。"),
        ("- 一つ\n* 二つ\n- [x] 三つ", "一つ\n二つ\n三つ"),
        ("1. 一つ\n2. 二つ", "1、一つ\n2、二つ"),
        ("> 引用です。", "引用です。"),
        ("前\n\n---\n\n後", "前\n後"),
        ("こうします。\n```python\nprint(1)\n```\n以上。", "こうします。\nコード省略。\n以上。"),
        ("Like this:\n~~~\nx = 1\n~~~\nDone.", "Like this:\ncode omitted.\nDone."),
        ("書きかけ\n```python\nprint(", "書きかけ\nコード省略。"),
        ("`temperature`を上げ、`a[i] += 1;`を書く。", "temperatureを上げ、コード省略を書く。"),
        ("式は$x^2$と\\(y_1\\)と$$z$$です。", "式はととです。"),
        ("It costs $5 and $10.", "It costs $5 and $10."),
        ("| 名前 | 値 |\n|---|:--:|\n| 温度 | 0.8 |", "名前、値\n温度、0.8"),
        ("楽しい😀🎉です👩‍👩‍👧👍🏽。", "楽しいです。"),
        ("うれしい(^_^)ノ です(´・ω・｀)", "うれしいです"),
        ("例(笑)と関数 f(x) と(1.2)", "例(笑)と関数 f(x) と(1.2)"),
        ("¯\\_(ツ)_/¯ と m(_ _)m", "と"),
        ("<b>太字</b> &amp; C++ と C#", "太字 & C++ と C#"),
        ("気温は25℃、100㎡、50%です。", "気温は25℃、100㎡、50%です。"),
        ("2 * 3 = 6", "2×3 = 6"),
        ("😀", ""),
        ("```\n", "code omitted."),
        ("", ""),
    ],
)
def test_words_stay_and_marks_go(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


def test_the_word_for_code_follows_the_language_asked_for() -> None:
    assert speakable("```\nx\n```", language="ja") == "コード省略。"
    assert speakable("```\nx\n```", language="en-US") == "code omitted."


@given(st.lists(st.sampled_from(MARKS), max_size=30).map("".join) | st.text(max_size=80))
def test_no_mark_is_ever_left(text: str) -> None:
    spoken = speakable(text)
    assert not set(spoken) & set("*`|~\\_<>{}→😀\u200d")
    assert "https://" not in spoken
    assert all(line == line.strip() and any(map(str.isalnum, line)) for line in spoken.split("\n") if spoken)


@pytest.mark.parametrize(
    "mark", ["$", "[", "`", "*", "(", "_a", "```\n", "<", "|", "\\(", "> ", "- ", " ", "$a ", "~", "<!--"]
)
def test_a_looping_model_costs_no_time(mark: str) -> None:
    started = time.process_time()
    speakable(mark * 4000)
    assert time.process_time() - started < 2
