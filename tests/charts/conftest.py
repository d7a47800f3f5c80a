"""A scripted run, and one of its tokens through the stages."""

from __future__ import annotations

import pytest

from tsumami.explain.tokens import Account, account
from tsumami.runs import Run
from tsumami.testing import ScriptedModel, saying

from .said import SAID


@pytest.fixture(scope="module")
def scripted() -> ScriptedModel:
    return ScriptedModel(saying(SAID, sure=7.0))


@pytest.fixture(scope="module")
def run(scripted: ScriptedModel) -> Run:
    knobs = {"top_p": 0.9, "min_p": 0.0, "repeat_penalty": 1.0, "temperature": 0.9}
    return scripted.run("x", seed=2, max_tokens=60, ledger=True, **knobs)


@pytest.fixture(scope="module")
def seen(run: Run) -> Account:
    return account(run.ledgers[3], count=8)
