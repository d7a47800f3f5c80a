"""Files of experiments: those that were written before still open, and are written as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from tsumami.errors import RunFileError
from tsumami.explore.grids import Grid
from tsumami.explore.maps import KnobMap
from tsumami.explore.saved import Saved
from tsumami.knobs import KNOBS

FILES: Final = Path(__file__).parent / "files"
KEPT: Final[list[tuple[str, type[Saved]]]] = [("grid-1.json", Grid), ("knob-map-1.json", KnobMap)]


@pytest.mark.parametrize(("name", "kind"), KEPT)
def test_a_file_of_version_1_opens_and_is_written_as_it_was(name: str, kind: type[Saved], tmp_path: Path) -> None:
    found = kind.load(FILES / name)
    found.save(tmp_path / name)
    written, before = (json.loads((folder / name).read_text("utf-8")) for folder in (tmp_path, FILES))
    known = before["receipt"]["settings"]
    later = {knob: written["receipt"]["settings"].pop(knob) for knob in KNOBS if knob not in known}
    assert "regex" in later
    plain = {knob: list(one.default) if isinstance(one.default, tuple) else one.default for knob, one in KNOBS.items()}
    assert later == {knob: plain[knob] for knob in later}, "what a file knows nothing of is as it was then"
    assert json.dumps(written) == json.dumps(before), "also in the same order"
    assert kind.from_json(found.to_json()) == found


def test_what_is_in_them_is_there() -> None:
    grid, found = Grid.load(FILES / "grid-1.json"), KnobMap.load(FILES / "knob-map-1.json")
    assert (len(grid.plan), grid.plan.prompts[0].begun, grid.plan.settings[1].top_k) == (8, (65,), 40)
    assert grid.at(top_k=40, seed=5, prompt=1).finished
    assert (found.knob, found.low, found.high, found.leaves) == ("temperature", 0.5, 1.5, 2)
    assert 0 < found.coverage < 1


@pytest.mark.parametrize(("name", "kind"), [(KEPT[0][0], KnobMap), (KEPT[1][0], Grid)])
def test_another_experiments_file_is_refused_by_name(name: str, kind: type[Saved]) -> None:
    with pytest.raises(RunFileError, match=f"this is not a {kind.kind.replace('_', ' ')}"):
        kind.load(FILES / name)
