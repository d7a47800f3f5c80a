"""Lists of texts are bounded, and no message is as long as what it refuses."""

from __future__ import annotations

import pytest

from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS, shown
from tsumami.settings import Settings

LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("stop", ["a" * 65_536, "b"], "stop: 2 texts with 65,537 characters in all; at most 65,536"),
        ("dry_sequence_breakers", list(map(str, range(33))), "dry_sequence_breakers: 33 texts; at most 32"),
        ("repeat_last_n", -1, "repeat_last_n = -1: .* others write as -1, give n_ctx"),
        ("dry_penalty_last_n", 2**40, "dry_penalty_last_n = 1099511627776: .* give n_ctx"),
    ],
)
def test_what_a_request_brings_is_bounded_and_the_refusal_says_by_what(name: str, value: object, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        KNOBS[name].validate(value)


def test_the_bounds_themselves_can_be_used() -> None:
    assert len(Settings(stop=("a" * 65_535, "b")).stop) == 2
    assert len(Settings(dry_sequence_breakers=tuple(map(str, range(32)))).dry_sequence_breakers) == 32


@pytest.mark.parametrize("name", [name for name, knob in KNOBS.items() if knob.kind not in ("grammar", "regex")])
@pytest.mark.parametrize(
    "value",
    [LONG + "\ud800", [LONG, 1.5, None], {LONG: LONG}, 10**6000, LONG.encode()],
    ids=["half a character", "a list", "a mapping", "a number", "bytes"],
)
def test_no_message_is_as_long_as_the_value(name: str, value: object) -> None:
    said = ""
    try:
        KNOBS[name].validate(value)
    except SettingsError as error:
        said = str(error)
    assert len(said) < 1000


def test_short_values_are_shown_as_python_writes_them() -> None:
    for value in (1.5, -1, "a", ["a", 1], None, True, {"a": 1}, "'"):
        assert shown(value) == repr(value)
