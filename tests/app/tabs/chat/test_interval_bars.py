"""The bars under the chat's sliders: only what is asked for is computed, and what is there stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from tests.support.slow_shelf import SlowShelf

from tsumami.app.tabs.chat import interval_bars
from tsumami.app.tabs.chat.interval_bars import IntervalBars
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation, ReplyFacts
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.shelf import ModelChoice
from tsumami.app.work.tasks import Tasks
from tsumami.engine import EngineOptions
from tsumami.model import Model

HERE = ModelChoice("here", EngineOptions())


def asked_for(model: Model, knobs: Sequence[str], there: str = "{}", **settings: Any) -> Any:
    """What the component is answered when it asks for these knobs of a reply with these settings."""
    run = model.run(model.prompt("Name a colour."), max_tokens=5, seed=1, **settings)
    stored = Conversation().ask("Name a colour.").answered(run.text, ReplyFacts.of(run)).to_json()
    event: Any = SimpleNamespace(knobs=knobs)
    request: Any = SimpleNamespace(session_hash="a")
    return asyncio.run(
        IntervalBars(Texts("en"), SlowShelf(model), Keeping(wanted=False)).on_wanted(
            event, request, HERE, stored, there
        )
    )


def test_what_is_asked_for_and_nothing_else_is_computed(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[Sequence[str]] = []

    def noting(backend: Any, run: Any, knobs: Sequence[str], **how: Any) -> Any:
        computed.append(knobs)
        return intervals(backend, run, knobs, **how)

    intervals = interval_bars.intervals
    monkeypatch.setattr(interval_bars, "intervals", noting)
    bars = json.loads(asked_for(model, ["top_k", "seed", "temperature", "no such knob"]))
    assert computed == [["temperature", "top_k"]]
    assert bars["temperature"]["low"] <= 0.8 <= bars["temperature"]["high"]
    assert bars["top_k"]["say"]
    assert bars["seed"] is bars["no such knob"] is None, "said, so that nobody asks again"


def test_what_is_there_stays(model: Model) -> None:
    there = {"temperature": {"low": 0.5, "high": 0.9, "say": "0.5 to 0.9"}}
    bars = json.loads(asked_for(model, ["min_p"], json.dumps(there)))
    assert bars["temperature"] == there["temperature"]
    assert bars["min_p"]["low"] <= 0.05 <= bars["min_p"]["high"]


def test_of_what_cannot_be_known_there_is_nothing_and_nobody_asks_again(model: Model) -> None:
    assert asked_for(model, ["temperature"], penalty_alpha=0.6, top_k=4) == ""
    assert json.loads(asked_for(model, ["temperature"], mirostat_mode=2)) == {"temperature": None}


def test_who_has_gone_on_is_told_nothing(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Tasks.ask

    def left(tasks: Tasks[Any], session: str) -> Any:
        asked = ask(tasks, session)
        asked.stop()
        return asked

    monkeypatch.setattr(Tasks, "ask", left)
    assert asked_for(model, ["temperature"]) == gr.skip()
