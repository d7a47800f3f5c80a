"""Sessions that have nothing to keep are not kept, and those that have something lose nothing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import pytest

from tsumami.app.serving import sessions
from tsumami.app.serving.sessions import Sessions


@pytest.fixture
def held() -> tuple[Sessions, gr.State]:
    async def build() -> tuple[gr.Blocks, gr.State]:  # Gradio wants a loop, and would leave one of its own open
        with gr.Blocks() as blocks:
            state = gr.State("at first")
        return blocks, state

    with ThreadPoolExecutor(1) as thread:
        blocks, state = thread.submit(asyncio.run, build()).result()
    made = Sessions()  # type: ignore[no-untyped-call]  # Gradio's own
    made.set_blocks(blocks)
    return made, state


def test_a_thousand_calls_leave_no_thousand_sessions(held: tuple[Sessions, gr.State]) -> None:
    made, state = held
    made["page"][state._id] = "mine"
    for number in range(1000):
        assert made[f"call {number}"] is not None
    assert len(made.session_data) <= sessions._MOST_WITHOUT_VALUES + 2
    assert len(made.time_last_used) == len(made.session_data)
    assert made["page"][state._id] == "mine"  # who has something keeps it, however many others came


def test_pages_stay_as_long_as_gradio_keeps_them(held: tuple[Sessions, gr.State]) -> None:
    made, state = held
    made.capacity = 5
    for number in range(9):
        made[f"page {number}"][state._id] = number
    assert list(made.session_data) == [f"page {number}" for number in range(4, 9)]


def test_a_session_begins_with_the_first_values_and_is_its_own(held: tuple[Sessions, gr.State]) -> None:
    made, state = held
    assert made["a"][state._id] == "at first"
    made["a"][state._id] = "a's"
    assert made["b"][state._id] == "at first"
    assert made["a"][state._id] == "a's"
