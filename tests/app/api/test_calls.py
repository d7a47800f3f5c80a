"""A call that was given up while its model loaded, or while its prompt was made, computes nothing afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, Final

import gradio as gr
import pytest
from tests.support.slow_shelf import SlowShelf, note_what_is_submitted

import tsumami
from tsumami.app.api.calls import Calls
from tsumami.app.api.endpoints import ENDPOINTS, Callers
from tsumami.app.words.texts import Texts
from tsumami.app.work.common import Common
from tsumami.model import Model


def caller(name: str = "a") -> Any:
    return SimpleNamespace(session_hash=name, request=None)


@pytest.fixture
def submitted(model: tsumami.Model, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tickets of all that was begun in the engine."""
    return note_what_is_submitted(model, monkeypatch)


def asked(callers: Callers, name: str, *given: Any) -> Any:
    """What the endpoint of that name answers, whichever way it does."""
    endpoint = next(one for one in ENDPOINTS if one.name == name)
    call = endpoint.way(callers, endpoint.function)(caller(), *given)

    async def answers() -> Any:
        return [answer async for answer in call] if isinstance(call, AsyncIterator) else await call

    return asyncio.run(answers())


@pytest.fixture(scope="module")
def run(model: tsumami.Model) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(model.run("Once", seed=1, max_tokens=4).to_json())
    return made


CALLS: Final = ("run", "generate", "chat", "chat_stream", "compare", "next_token", "verify", "ledger", "audit")


def given(name: str, run: dict[str, Any]) -> tuple[Any, ...]:
    """What the endpoint of that name is asked for with."""
    said = [{"role": "user", "content": "Count."}]
    lanes = [{"top_k": 40}, {"top_k": 100}]
    return {
        "run": ("Once",), "generate": ("Once",), "chat": (said,), "chat_stream": (said,), "next_token": ("Once",),
        "compare": ("Once", lanes), "verify": (run,), "ledger": (run, 1), "audit": (run,),
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_who_goes_away_while_the_model_loads_has_nothing_computed(
    name: str, model: tsumami.Model, run: dict[str, Any], submitted: list[Any]
) -> None:
    shelf: Any = SlowShelf(model)
    callers = Callers(Texts("en"), Common(shelf))
    shelf.during = lambda: callers.on_gone(caller())
    submitted.clear()
    with pytest.raises(gr.Error):
        asked(callers, name, *given(name, run))
    assert submitted == []


@pytest.mark.parametrize("name", ["run", "chat", "compare"])
def test_who_goes_away_while_the_prompt_is_made_has_nothing_left_in_the_engine(
    name: str, model: tsumami.Model, run: dict[str, Any], submitted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf: Any = SlowShelf(model)
    callers = Callers(Texts("en"), Common(shelf))
    make = Model.as_prompt

    def slowly(self: Model, prompt: Any) -> Any:
        callers.on_gone(caller())
        return make(self, prompt)

    monkeypatch.setattr(Model, "as_prompt", slowly)
    endless = {"seed": 1, "max_tokens": 3000, "logit_bias": {"0": "-inf", "2": "-inf"}}
    submitted.clear()
    try:
        asked(callers, name, *given(name, run), endless)
    except gr.Error:
        assert submitted == []
    for ticket in submitted:
        ticket.future.exception(5)


def test_a_client_may_have_many_calls_and_none_ends_another() -> None:
    calls = Calls()
    with calls.of(caller()) as one, calls.of(caller()) as other, calls.of(caller("b")) as third:
        other.asked.stop()
        assert one.asked.wanted()
        calls.give_up(caller())
        assert not one.asked.wanted()
        assert third.asked.wanted()
