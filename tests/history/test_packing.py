"""Steps come back as they were, but for their alternatives, and take little room."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from tests.support.worlds import PROMPT, seeded, world

import tsumami
from tsumami.errors import HistoryError
from tsumami.history.packing import pack_steps, unpack_steps
from tsumami.runs import Step, TakenBack

WORLD = world()


def bare(step: Step) -> Step:
    return replace(step, alternatives=())


@settings(max_examples=40)
@given(seeded())
def test_steps_come_back(made: tsumami.Settings) -> None:
    steps = WORLD.run(PROMPT, made).steps
    assert unpack_steps(pack_steps(steps)) == tuple(map(bare, steps))


def test_what_is_odd_comes_back() -> None:
    odd = Step(2**31 - 1, b"\xff\x00" * 300, "\udcff\0𠮷", 5e-324, 0.0, 0.1 + 0.2, 262144, None, 1, ())
    whole = Step(0, b"", "", 1.0, 1.0, 0.0, 1, 0.0, 1, ())
    back = TakenBack("a testament", (3, 4), b"a\xff")
    rare = replace(whole, set_by="thinking_budget", taken_back=(back, replace(back, tokens=(5,))))
    for steps in ((), (odd,), (whole, odd, rare, odd, whole)):
        assert unpack_steps(pack_steps(steps)) == steps


def test_256_tokens_take_at_most_12_kilobytes(model: tsumami.Model) -> None:
    run = model.run("Once upon a time", seed=1, max_tokens=32, top_k=0, top_p=1.0, min_p=0.0, temperature=1.2)
    eight = tuple(
        step for _ in range(8) for step in run.steps
    )  # real numbers; what repeats is too far away to be found
    room = [len(pack_steps(tuple(replace(s, p_raw=s.p_raw * (1 - i / 4096)) for i, s in enumerate(part))))
            for part in (run.steps, eight)]  # fmt: skip
    assert room[0] < 12_000 / 8 * 1.25
    assert room[1] < 12_000


@pytest.mark.parametrize("blob", [b"", b"x", pack_steps(()) + b"x", pack_steps(())[:-3]])
def test_what_is_no_pack_is_refused(blob: bytes) -> None:
    if blob == pack_steps(()) + b"x":
        blob = b"\0" + blob
    with pytest.raises(HistoryError, match="cannot be read"):
        unpack_steps(blob)
