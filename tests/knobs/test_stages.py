"""One row a stage: a new stage needs its row, its builder and its transfer function, and every table agrees."""

from __future__ import annotations

import numpy as np
import pytest

from tsumami.boundaries.axis import Axis
from tsumami.boundaries.through import THROUGH
from tsumami.errors import SettingsError
from tsumami.knobs import CLASSIC, KNOBS, LLAMA_CPP, STAGES, Knob, knobs_of
from tsumami.knobs.stages import HEED_MIN_KEEP, LOOKING_BACK, NO_STAGE, ROWS, StageRow, row_of
from tsumami.sampling import apply
from tsumami.sampling.building import Origin, build, stage_reads
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.stages import BUILDERS, IdleStage
from tsumami.settings import Settings

ALL = [pytest.param(one, id=name) for name, one in ROWS.items()]
ORDERED = [pytest.param(one, id=name) for name, one in ROWS.items() if one.ordered]
CUTTING = [pytest.param(one, id=name) for name, one in ROWS.items() if one.cuts_by]
#: Settings of each way to choose.
MODES = {
    "sample": {},
    "greedy": {"temperature": 0},
    "mirostat": {"mirostat_mode": 2},
    "adaptive": {"adaptive_target": 0.5},
    "contrastive": {"penalty_alpha": 0.5, "top_k": 4},
}


def busy(**values: object) -> Settings:
    """Settings under which every stage acts, but for what is given."""
    acting = {
        "repeat_penalty": 1.5, "dry_multiplier": 1.0, "top_n_sigma": 1.0, "top_k": 2, "tfs_z": 0.5, "typical_p": 0.5,
        "top_p": 0.5, "min_p": 0.5, "top_a": 0.9, "top_h": 0.3, "epsilon_cutoff": 0.1, "eta_cutoff": 0.2,
        "no_repeat_ngram_size": 3, "smoothing_factor": 0.5, "smoothing_curve": 2,
        "xtc_probability": 1.0, "xtc_threshold": 0.01, "temperature": 0.7,
    }  # fmt: skip
    return Settings.from_mapping({**acting, **values})


def test_every_row_has_a_builder_and_every_builder_a_row() -> None:
    assert {name for name, one in ROWS.items() if one.ordered} == set(BUILDERS) == set(STAGES)
    assert tuple(BUILDERS) == CLASSIC
    assert set(CLASSIC) - set(LLAMA_CPP) == {"tfs_z"}
    assert [name for name in LLAMA_CPP if ROWS[name].in_llama_cpp] == (
        ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"]
    )


def test_every_row_of_the_order_says_what_it_makes_of_bounds() -> None:
    assert tuple(THROUGH) == CLASSIC


@pytest.mark.parametrize("row", ALL)
def test_every_row_has_knobs_and_speaks_of_its_own_alone(row: StageRow) -> None:
    knobs = knobs_of(row.name)
    assert knobs
    spoken_of = {*row.cuts_by, *row.last_that_acts, *row.switches, *sum(row.reads.values(), ())}
    assert spoken_of | ({row.window} if row.window else set()) <= set(knobs)
    assert set(row.reads) <= row.modes


@pytest.mark.parametrize("knob", [pytest.param(knob, id=name) for name, knob in KNOBS.items()])
def test_every_knob_is_of_a_row_or_of_no_stage(knob: Knob) -> None:
    assert (row_of(knob.stage) is NO_STAGE) == (knob.stage in (None, "loop", "draw", "order", "prompt"))


@pytest.mark.parametrize("row", CUTTING)
def test_a_stage_that_cuts_has_a_knob_that_can_keep_a_token(row: StageRow) -> None:
    logits = np.array([4, 3, 2, 1, 0.5, 0], np.float32)

    def left(**values: object) -> int:
        return int(np.isfinite(apply(row.name, busy(**values), Candidates.from_row(logits)).logits).sum())

    assert left() < len(logits)
    assert left(**{row.cuts_by[0]: 1000 if row.keeps_all is None else row.keeps_all}) == len(logits)


@pytest.mark.parametrize("knob", [pytest.param(knob, id=name) for name, knob in KNOBS.items()])
def test_an_axis_cuts_where_the_row_says_so(knob: Knob) -> None:
    try:
        axis = Axis.handy(knob.name, knob.default)
    except SettingsError:
        return  # it cannot be mapped
    assert axis.cuts == any(knob.name in one.cuts_by for one in ROWS.values())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("row", ORDERED)
def test_a_stage_is_a_no_op_where_its_row_says_so(row: StageRow, mode: str) -> None:
    settings = busy(**MODES[mode])
    assert settings.mode == mode
    origin = Origin(settings, seed=1, n_vocab=9)
    if row.name == "dry" and mode in row.modes:
        assert row.needs_vocabulary  # it cannot be built without one
        return
    assert isinstance(build(row.name, origin), IdleStage) == (mode not in row.modes)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("row", ORDERED)
def test_a_stage_reads_what_acts_and_what_acts_is_read(row: StageRow, mode: str) -> None:
    """Turning a knob of the stage changes what it is built from, unless the page greys the knob for the mode."""
    settings = busy(**MODES[mode])
    before = stage_reads(row.name, Origin(settings, seed=1, n_vocab=9))
    for name in knobs_of(row.name):
        knob = KNOBS[name]
        if knob.kind not in ("int", "float") or (
            name in ("temperature", "top_k") and mode in ("greedy", "contrastive")
        ):
            continue
        turned = settings.replace(**{name: 0.5 if getattr(settings, name) == 1 else 1})
        reads = stage_reads(row.name, Origin(turned, seed=1, n_vocab=9)) != before
        assert reads == (mode in row.modes and name in row.reads.get(mode, (name,))), name  # type: ignore[call-overload]
        assert reads or name in settings.idle_knobs(), name


def test_min_keep_is_read_by_those_that_heed_it() -> None:
    origins = [Origin(busy(min_keep=keep), seed=1, n_vocab=9) for keep in (0, 3)]
    heeding = [name for name in STAGES if stage_reads(name, origins[0]) != stage_reads(name, origins[1])]
    assert sorted(heeding) == sorted(HEED_MIN_KEEP)
    because = Settings(top_p=1, min_p=0).idle_knobs()["min_keep"].because
    assert set(because) == {
        name for stage in HEED_MIN_KEEP for name in ROWS[stage].cuts_by if KNOBS[name].neutral is not None
    }


def test_a_ban_may_take_the_last_token_so_top_k_1_does_not_idle_it() -> None:
    for order in (("no_repeat_ngram", "top_k"), ("top_k", "no_repeat_ngram"), ("top_p", "no_repeat_ngram", "top_k")):
        idle = Settings(top_k=1, no_repeat_ngram_size=2, samplers=order).idle_knobs()
        assert "no_repeat_ngram_size" not in idle
        assert "top_p" not in order or "top_p" not in idle, "it says what is left when the best is banned"


def test_only_what_looks_back_sees_the_prompt() -> None:
    origins = [Origin(busy(), seed=1, n_vocab=9, prompt=prompt) for prompt in ((), (1, 2))]
    looking = [name for name in STAGES if stage_reads(name, origins[0]) != stage_reads(name, origins[1])]
    assert looking == [name for name in STAGES if name in LOOKING_BACK]
