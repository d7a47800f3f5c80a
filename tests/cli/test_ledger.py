"""The ledger in the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from tsumami.cli.ledger import print_ledgers
from tsumami.testing import ScriptedModel, saying


def test_what_was_taken_back_is_printed_at_its_token(capsys: pytest.CaptureFixture[str]) -> None:
    model: Any = ScriptedModel(saying("so a testament to"))
    run = model.run("x", banned_texts=["a testament"], temperature=0.0, repeat_penalty=1.0, max_tokens=16)
    print_ledgers(model, run)
    printed = capsys.readouterr().err
    assert printed.count("taken back: “a testament”, 11 tokens") == 1
    assert printed.index("#4 ") < printed.index("taken back") < printed.index("#5 ")
    assert "banned_texts" in printed
