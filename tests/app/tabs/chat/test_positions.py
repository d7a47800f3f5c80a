"""What the browser keeps of the page: whatever it is, the page opens."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.strategies import settings_strategy

from tsumami.app.parts import knob_panel
from tsumami.app.tabs.chat.positions import Positions, settings_from
from tsumami.knobs import KNOBS
from tsumami.settings import Settings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def positions() -> Positions:
    others = {
        "template": gr.Radio([("automatic", "auto"), ("plain", "raw")], value="auto"),
        "system": gr.Textbox(),
        "memory": gr.Slider(-1, 20, value=-1),
        "speak": gr.Checkbox(),
    }
    return Positions(gr.HTML(), others)


def kept_of(settings: Settings) -> dict[str, Any]:
    """What a panel that shows these settings holds."""
    return knob_panel.contents(settings)


@given(settings_strategy())
def test_what_was_kept_is_restored(settings: Settings) -> None:
    assert settings_from(kept_of(settings)).to_dict() == knob_panel.read(kept_of(settings)).to_dict()


@given(st.dictionaries(st.sampled_from([*KNOBS, "template", "system", "memory", "speak", "other"]), JSON) | JSON)
def test_no_garbage_keeps_the_page_from_opening(positions: Positions, garbage: Any) -> None:
    updates = positions.on_open(garbage)
    assert len(updates) == 1 + 4


def test_what_cannot_work_is_left_out_and_the_rest_restored(positions: Positions) -> None:
    kept = kept_of(Settings(temperature=1.3, seed=7)) | {"logit_bias": "nonsense", "top_p": 7, "stop": 5}
    restored = settings_from(kept)
    assert (restored.temperature, restored.seed, restored.top_p) == (1.3, 7, Settings().top_p)
    kept |= {"template": "raw", "system": "Be brief.", "memory": 99, "speak": "yes"}
    *_, template, system, memory, speak = positions.on_open(kept)
    assert (template["value"], system["value"]) == ("raw", "Be brief.")
    assert "value" not in memory
    assert "value" not in speak
