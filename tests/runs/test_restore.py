"""What the chat keeps of a reply is enough to get its run again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.support.modes import MODES

import tsumami
from tsumami.errors import RunFileError
from tsumami.runs import Run
from tsumami.runs.restore import restore, restore_json
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

PROMPT = "Once upon a time, in the town of lights, there was a diode. Once upon a time"


def kept(run: Run) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(run.receipt.to_dict() | {"reply_tokens": list(run.tokens)}))
    return values


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_a_restored_run_is_the_run(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    run = model.run(PROMPT, Settings.from_mapping({"max_tokens": 12, "seed": -1, **knobs}))
    assert replace(restore_json(model, kept(run)), timings=run.timings) == run


def test_a_branch_is_restored_too(model: tsumami.Model) -> None:
    prompt = replace(model.as_prompt(PROMPT), begun=(28, 29))
    run = model.run(prompt, seed=3, max_tokens=6)
    assert replace(restore_json(model, kept(run)), timings=run.timings) == run


def test_a_reply_that_was_stopped_is_restored_with_all_its_text() -> None:
    model = ScriptedModel(saying("あいう"))
    run = model.run("x", max_tokens=4)  # ends within a character
    cut = restore(model, replace(run.receipt, settings=run.settings.replace(max_tokens=100)), run.tokens)
    assert cut.stop_reason == "cancelled"
    assert cut.text == run.text


def test_nothing_was_chosen() -> None:
    model = ScriptedModel(saying("abc"))
    run = model.run("x")
    assert restore(model, run.receipt, ()).steps == ()


def test_another_model_is_refused(model: tsumami.Model) -> None:
    with pytest.raises(RunFileError, match="not with"):
        restore_json(ScriptedModel(saying("abc")), kept(model.run(PROMPT, max_tokens=2)))


def test_tokens_that_were_edited_are_found() -> None:
    model = ScriptedModel(saying("abcdef"))
    run = model.run("x", max_tokens=4)
    values = kept(run)
    values["reply_tokens"][2] = 100
    with pytest.raises(RunFileError, match="token 2 does not come out again"):
        restore_json(model, values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reply_tokens": None}, "reply_tokens"),
        ({"reply_tokens": [1.5]}, "reply_tokens"),
        ({"seed": "no"}, "seed"),
        ({"settings": {"temperature": -3}}, "temperature"),
        ({"prompt_tokens": [10**9]}, "not in this vocabulary"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], said: str) -> None:
    model = ScriptedModel(saying("abcdef"))
    with pytest.raises(RunFileError, match=said):
        restore_json(model, kept(model.run("x", max_tokens=4)) | change)
