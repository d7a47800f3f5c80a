"""The head of a row is what the whole way leaves, and it is really taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.bare import Row
from tests.support.both_ways import choose_both_ways
from tests.support.strategies import settings_strategy

from tsumami.sampling import Candidates, Chain, Choice
from tsumami.sampling.constraint import ConstraintStage
from tsumami.sampling.head import Head
from tsumami.settings import Settings

N_VOCAB = 3000
PROMPT = (5, 17, 5, 2999, 1024, 40)


def a_row(seed: int, levels: int = 0) -> Row:
    """Random logits; with `levels`, so few different ones that there are equals everywhere."""
    dice = np.random.default_rng(seed)
    return (dice.integers(0, levels, N_VOCAB) if levels else dice.normal(0, 4, N_VOCAB)).astype(np.float32)


def a_chain(drawn: Settings) -> Chain:
    chain = Chain.from_settings(drawn, seed=3, n_vocab=N_VOCAB)
    chain.accept_prompt(PROMPT)
    return chain


class FixedConstraint(ConstraintStage):
    """A constraint that allows the same tokens in every place."""

    def __init__(self, mask: npt.NDArray[np.bool_]) -> None:
        self.idle, self.mask = None, mask

    @property
    def allowed(self) -> npt.NDArray[np.bool_]:
        return self.mask

    def accept(self, token: int) -> None:
        """Go on the same."""

    def clone(self) -> FixedConstraint:
        return self


def constrained(chain: Chain, mask: npt.NDArray[np.bool_]) -> Chain:
    """The chain with a constraint where a grammar stands: behind the bias, before all else."""
    at = sum(stage.name == "logit_bias" for stage in chain.stages)
    stages = [*chain.stages[:at], FixedConstraint(mask), *chain.stages[at:]]
    return Chain(stages, chain._chooser, chain.origin)


def entries(candidates: Candidates) -> tuple[bytes, bool]:
    return candidates.data.tobytes(), candidates.sorted


def assert_same(quick: Choice, whole: Choice) -> None:
    """The same choice from the same candidates; a greedy one may hold the two largest of them alone."""
    assert (quick.pick.token, quick.pick.u) == (whole.pick.token, whole.pick.u)
    assert quick.n_candidates == whole.n_candidates
    if quick.n_left is None:
        assert quick.pick == whole.pick
        assert entries(quick.candidates) == entries(whole.candidates)
        return
    data, known = quick.candidates.data, {int(one["id"]): one for one in whole.candidates.data}
    assert [one.tobytes() for one in data] == [known[int(one["id"])].tobytes() for one in data]
    assert sorted(data["logit"]) == sorted(whole.candidates.data["logit"])[-len(data) :]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    drawn=settings_strategy(seed=0, stop=()),
    biases=st.dictionaries(st.integers(0, N_VOCAB - 1), st.floats(-20, 20, width=32), max_size=9),
    levels=st.sampled_from([0, 0, 2, 50, 3000]),
    seed=st.integers(0, 99),
)
def test_the_head_leaves_what_the_whole_way_leaves(
    drawn: Settings, biases: dict[int, float], levels: int, seed: int
) -> None:
    """A chain that is watched goes the whole way, so this is law 1, too."""
    drawn = drawn.replace(logit_bias=tuple(biases.items()))
    seen, unseen = a_chain(drawn), a_chain(drawn)
    for step in range(3):
        row = a_row(seed + step, levels)
        both = choose_both_ways(seen, unseen, row)
        if both is None:
            return
        whole, quick = both
        assert_same(quick, whole)
        seen.accept(whole.pick.token)
        unseen.accept(quick.pick.token)


def a_mask(kind: str, row: Row, dice: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Tokens that a grammar may allow: of all sorts, or only such as the model finds unlikely."""
    share = {"none": 0.0, "few": 0.002, "some": 0.1, "most": 0.9}.get(kind, 0.6)
    mask = dice.random(N_VOCAB) < share
    mask[dice.integers(N_VOCAB)] |= kind == "few"
    return mask & (row < np.sort(row)[N_VOCAB * 4 // 5]) if kind == "unlikely" else mask


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    drawn=settings_strategy(seed=0, stop=()),
    biases=st.dictionaries(
        st.integers(0, N_VOCAB - 1), st.floats(-20, 20, width=32) | st.just(float("-inf")), max_size=9
    ),
    kind=st.sampled_from(["none", "few", "some", "most", "unlikely"]),
    levels=st.sampled_from([0, 0, 2, 50, 3000]),
    banned=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_under_a_grammar_the_head_of_the_allowed_leaves_what_the_whole_way_leaves(
    drawn: Settings, biases: dict[int, float], kind: str, levels: int, banned: float, seed: int
) -> None:
    row, dice = a_row(seed, levels), np.random.default_rng(seed)
    row[dice.random(N_VOCAB) < banned**8] = -np.inf
    drawn = drawn.replace(logit_bias=tuple(biases.items()))
    made = [constrained(a_chain(drawn), a_mask(kind, row, np.random.default_rng(seed))) for _ in range(2)]
    both = choose_both_ways(*made, row)
    if both is None:
        return
    whole, quick = both
    assert_same(quick, whole)
    if quick.near is not None:  # which is of the row, whatever the grammar allows: the Step is measured with it
        assert np.array_equal(np.sort(row[quick.near.ids])[-10:], np.sort(row)[-10:])


@pytest.mark.parametrize("kind", ["few", "some", "most", "unlikely"])
@pytest.mark.parametrize("knobs", [{}, {"logit_bias": {7: 3.0}}, {"top_k": 1}])
def test_a_grammar_takes_it(knobs: dict[str, Any], kind: str) -> None:
    row = a_row(8)
    chain = constrained(a_chain(Settings.from_mapping(knobs)), a_mask(kind, row, np.random.default_rng(5)))
    head = Head.of(chain.stages)
    assert head is not None
    left = head.take(row)
    assert left is not None
    assert entries(chain.process(row)) == entries(chain.process(row, lambda *_: None))


@pytest.mark.parametrize(
    "knobs",
    [{}, {"repeat_penalty": 1.0}, {"presence_penalty": -2.0}, {"logit_bias": {7: 3.0, 8: float("-inf")}}, {"top_k": 1}],
)
def test_usual_settings_take_it(knobs: dict[str, Any]) -> None:
    head = Head.of(a_chain(Settings.from_mapping(knobs)).stages)
    assert head is not None
    assert head.take(a_row(1)) is not None


def test_a_token_that_a_stage_raises_comes_into_the_head_from_far_below() -> None:
    """A repeat penalty below 1 and a bias lift tokens that the row has in its middle and at its very end."""
    row = a_row(2)
    row[17], row[600] = 0.5, -40
    knobs = {"presence_penalty": -2.0, "repeat_penalty": 0.01, "logit_bias": {600: 100.0}}
    chain = a_chain(Settings.from_mapping({**knobs, "top_p": 1.0, "min_p": 0.0}))
    kept = chain.process(row).ids.tolist()
    assert {17, 600} <= set(kept)
    assert kept == chain.process(row, lambda *_: None).ids.tolist()


@pytest.mark.parametrize(
    "knobs",
    [
        {"top_k": 0},
        {"temperature": 0},
        {"mirostat_mode": 2},
        {"dry_multiplier": 0.8},
        {"top_n_sigma": 1.0},
        {"samplers": ("min_p", "top_k")},
        {"samplers": ("temperature",)},
    ],
)
def test_what_needs_every_candidate_goes_the_whole_way(knobs: dict[str, Any]) -> None:
    assert Head.of(a_chain(Settings.from_mapping(knobs)).stages) is None


def test_equals_go_the_whole_way_because_llama_cpps_sort_decides_among_them() -> None:
    head = Head.of(a_chain(Settings(top_k=3)).stages)
    assert head is not None
    row = a_row(4)
    best = np.argsort(-row)
    row[best[3]] = row[best[2]]
    assert head.take(row) is None
    row[best[3]] = row[best[4]]
    assert head.take(row) is not None, "equals that top-k cuts do no harm"


def test_a_bias_so_large_that_llama_cpp_missorts_goes_the_whole_way() -> None:
    """Of more than 128 it leaves out the very token that the bias was to force."""
    chain = a_chain(Settings.from_mapping({"top_k": 200, "logit_bias": {7: 1e9}, "top_p": 1.0, "min_p": 0.0}))
    row = a_row(6)
    left = chain.process(row)
    assert entries(left) == entries(chain.process(row, lambda *_: None))


def test_a_vocabulary_that_top_k_keeps_whole_goes_the_whole_way() -> None:
    head = Head.of(a_chain(Settings(top_k=40, repeat_penalty=1.0)).stages)
    assert head is not None
    assert head.take(a_row(5)[:40]) is None
