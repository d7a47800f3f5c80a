"""Settings in files: what is taken from which form."""

from __future__ import annotations

from typing import Any

import pytest

from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS
from tsumami.settings import Settings, saved_knobs

MADE = Settings(temperature=0.3, seed=-1)
RECEIPT = {"settings": MADE.to_dict(), "seed": 77}


@pytest.mark.parametrize(
    "form",
    [RECEIPT, {"version": 1, "receipt": RECEIPT, "text": ""}, {"version": 1, "kind": "knob_map", "receipt": RECEIPT}],
)
def test_a_run_gives_its_settings_and_the_seed_that_it_had(form: dict[str, Any]) -> None:
    assert Settings.from_mapping(saved_knobs(form)) == MADE.replace(seed=77)


def test_a_chat_gives_its_settings_as_they_are() -> None:
    assert Settings.from_mapping(saved_knobs({"version": 1, "settings": MADE.to_dict(), "runs": []})) == MADE


def test_settings_are_what_they_say_and_the_others_are_for_whoever_asks() -> None:
    assert saved_knobs({"temperature": 0.3}) == {"temperature": 0.3}


def test_a_knob_that_is_younger_than_the_run_does_nothing() -> None:
    named = {name: value for name, value in MADE.to_dict().items() if name != "min_p"}
    assert saved_knobs({"settings": named, "seed": 1})["min_p"] == KNOBS["min_p"].neutral


@pytest.mark.parametrize(
    "form", [None, 3, "x", [RECEIPT], {"receipt": 3}, {"settings": 3}, {"receipt": {"settings": []}}]
)
def test_what_holds_no_settings_is_refused(form: Any) -> None:
    with pytest.raises(SettingsError, match="an object with knob names"):
        saved_knobs(form)
