"""What is said of a wrong call, in both languages; nothing of it is Typer's own English."""

from __future__ import annotations

from collections.abc import Callable

import pytest

CALLS = {
    ("run", "--tempratur", "1"): (
        "--tempratur というオプションはありません（近いもの: --temperature",
        "there is no option",
    ),
    ("models", "--frobnicate"): ("--frobnicate というオプションはありません", "there is no option --frobnicate"),
    ("rnu",): ("rnu というコマンドはありません（近いもの: 'run'）", "there is no command rnu (nearest: 'run')"),
    ("map", "Once"): ("'--knob' が足りません", "'--knob' is missing"),
    ("explain", "a"): ("'B.JSON|ID' が足りません", "'B.JSON|ID' is missing"),
    ("models", "one", "two"): ("余分な引数です: one two", "nothing more is expected: one two"),
    ("run", "Once", "--fast=x"): ("'--fast' に値は付けられません", "'--fast' takes no value"),
    ("run", "Once", "--seed"): ("'--seed' には値が要ります", "'--seed' needs a value"),
    ("serve", "--port", "x"): ("'--port' には整数が要ります", "'--port' needs a whole number"),
    ("map", "Once", "--knob", "top_k", "--range", "1:2", "--seconds", "x"): ("数が要ります", "needs a number"),
    ("serve", "--port", "99999"): ("'--port' は 65535 以下にしてください", "'--port' needs 65535 or less"),
    ("history", "--runs", "-1"): ("'--runs' は 0 以上にしてください", "'--runs' needs 0 or more"),
}


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_wrong_call_is_explained_in_the_language_that_is_spoken(
    refused: Callable[..., str], call: tuple[str, ...]
) -> None:
    ja, en = CALLS[call]
    assert ja in refused(*call, lang="ja")
    assert en in refused(*call, lang="en")
