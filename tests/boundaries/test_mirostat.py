"""Maps under mirostat against lone runs, and that a map of another range is the one made in one go."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from tests.support.maps import same

import tsumami
from tsumami.boundaries import mirostat
from tsumami.boundaries.axis import Axis
from tsumami.errors import SettingsError
from tsumami.explore.maps.mapping import Mapping
from tsumami.runs.replay import rows
from tsumami.settings import Settings

PROMPT = "Once upon a time, in the town of lights,"


@pytest.mark.parametrize("mode", [1, 2])
@pytest.mark.parametrize(("knob", "high"), [("mirostat_tau", 10), ("mirostat_eta", 1)])
def test_the_values_on_both_sides_of_a_boundary_give_its_texts(
    model: tsumami.Model, knob: str, high: float, mode: int
) -> None:
    found = model.knob_map(PROMPT, knob, 0, high, seed=0, mirostat_mode=mode, max_tokens=5, leaves=16)
    assert len(found.pieces) > 5
    for piece in found.pieces[::4]:
        for value in {piece.low, piece.last}:
            settings = Settings.from_mapping({"seed": 0, "mirostat_mode": mode, knob: value})
            run = model.run(PROMPT, settings, max_tokens=max(1, len(piece.tokens)))
            assert run.tokens[: len(piece.tokens)] == piece.tokens


def test_a_wider_range_and_a_part_of_one_are_as_made_in_one_go(model: tsumami.Model) -> None:
    prompt, settings = model.as_prompt(PROMPT), Settings(seed=0, mirostat_mode=2)
    middle = Mapping(model, prompt, "mirostat_tau", 2, 5, settings)
    middle.map(max_tokens=4, leaves=8)
    for low, high in ((1, 7), (3, 4)):
        other = middle.over(low, high).map(max_tokens=4, leaves=8)
        assert same(other, Mapping(model, prompt, "mirostat_tau", low, high, settings).map(max_tokens=4, leaves=8))
    assert middle.over(3, 4).map(max_tokens=4, leaves=8).nodes == 0


@pytest.mark.parametrize(
    ("knob", "knobs"),
    [("mirostat_tau", {}), ("top_p", {"mirostat_mode": 2}), ("temperature", {"mirostat_mode": 1})],
)
def test_what_has_no_map_under_mirostat_or_without_says_so(
    model: tsumami.Model, knob: str, knobs: dict[str, int]
) -> None:
    with pytest.raises(SettingsError, match=f"{knob} cannot be mapped"):
        model.knob_map(PROMPT, knob, 0.1, 0.9, **knobs)


def test_what_a_budget_leaves_open_is_probed_and_says_so(model: tsumami.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pieces still cover the range, and both ends of each choose what it says."""
    monkeypatch.setattr(mirostat, "_BUDGET", replace(mirostat._BUDGET, most_entries=20, most_boxes=20))
    run = model.run(PROMPT, seed=0, mirostat_mode=2, max_tokens=1)
    (row,) = rows(model, run)
    axis = Axis.of("mirostat_tau", 0, 10)
    trial = mirostat.MirostatTrial(model.replayer.chain(run), axis, row, None, 0)
    for span in axis.spans():
        found = trial.find(span)
        assert (found[0].span.first, found[-1].span.last) == (span.first, span.last)
        assert all(left.span.last + 1 == right.span.first for left, right in itertools.pairwise(found))
        for piece in found:
            assert {trial.run(number) for number in piece.span} == {piece.outcome}
    assert not all(piece.certain for piece in found)
