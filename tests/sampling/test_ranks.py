"""Ranks leave what llama.cpp's own sort leaves, and they are really taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.both_ways import choose_both_ways
from tests.support.rows import KINDS, an_odd_row

from tsumami import native
from tsumami.sampling import Candidates, Chain
from tsumami.sampling.building import Origin
from tsumami.sampling.choosers import MirostatChooser
from tsumami.sampling.ranks import Ranked, RankedStages
from tsumami.settings import Settings

N_VOCAB = 3000
PROMPT = (5, 17, 5, 2999, 1024, 40, 17, 5)
BEFORE = {"repeat_penalty": [1.0, 1.1, 0.5], "no_repeat_ngram_size": [0, 2], "presence_penalty": [0.0, -3.0]}
BEHIND = {
    "top_p": [1.0, 0.95, 0.3],
    "min_p": [0.0, 0.05],
    "top_a": [0.0, 0.2],
    "epsilon_cutoff": [0.0, 0.001],
    "eta_cutoff": [0.0, 0.002],
    "top_h": [1.0, 0.6],
    "smoothing_factor": [0.0, 0.3],
    "temperature": [1.0, 0.7, 3.0],
    "dynatemp_range": [0.0, 0.5],
    "min_keep": [0, 3],
}


def some_of(table: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in table.items()})


def a_chain(drawn: Settings) -> Chain:
    chain = Chain.from_settings(drawn, seed=3, n_vocab=N_VOCAB)
    chain.accept_prompt(PROMPT)
    return chain


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    sorting=st.sampled_from(
        [{"typical_p": 0.95}, {"typical_p": 0.3}, {"tfs_z": 0.9}, {"tfs_z": 0.5, "typical_p": 0.8}]
    ),
    before=some_of(BEFORE),
    behind=some_of(BEHIND),
    bias=st.dictionaries(
        st.integers(0, N_VOCAB - 1), st.floats(-20, 20, width=32) | st.just(float("-inf")), max_size=5
    ),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 999),
)
def test_ranks_leave_what_the_whole_way_leaves(
    sorting: dict[str, Any],
    before: dict[str, Any],
    behind: dict[str, Any],
    bias: dict[int, float],
    kind: str,
    seed: int,
) -> None:
    """A chain that is watched goes the whole way."""
    drawn = Settings.from_mapping({"top_k": 0, "logit_bias": bias, **sorting, **before, **behind})
    seen, unseen, dice = a_chain(drawn), a_chain(drawn), np.random.default_rng(seed)
    for _ in range(2):
        row = an_odd_row(kind, N_VOCAB, dice)
        both = choose_both_ways(seen, unseen, row)
        if both is None:
            return
        whole, quick = both
        assert quick.pick == whole.pick
        assert quick.candidates.data.tobytes() == whole.candidates.data.tobytes()
        assert quick.candidates.sorted == whole.candidates.sorted
        seen.accept(whole.pick.token)
        unseen.accept(quick.pick.token)


@pytest.mark.parametrize("knobs", [{}, {"logit_bias": {7: float("-inf")}}, {"no_repeat_ngram_size": 2}, {"tfs_z": 0.9}])
def test_usual_settings_take_them(knobs: dict[str, Any]) -> None:
    chain = a_chain(Settings.from_mapping({"top_k": 0, "typical_p": 0.9, "min_p": 0.05, **knobs}))
    way = RankedStages.of(chain.stages)
    assert way is not None
    row = an_odd_row("usual", N_VOCAB, np.random.default_rng(3))
    row[np.argsort(-row)[:40]] += np.linspace(3, 0, 40, dtype=np.float32)
    left = way.take(row)
    assert left is not None
    assert left.data["id"].tolist() == chain.process(row, lambda *_: None).ids.tolist()


@pytest.mark.parametrize(
    "knobs",
    [
        {"typical_p": 1.0},
        {"xtc_probability": 1.0},
        {"dry_multiplier": 0.8},
        {"samplers": ("temperature", "typ_p", "top_p")},
        {"samplers": ("typ_p", "temperature", "top_p")},
        {"samplers": ("top_p", "typ_p")},
        {"samplers": ("typ_p", "penalties")},
    ],
)
def test_what_asks_for_ids_or_sorts_again_goes_the_whole_way(knobs: dict[str, Any]) -> None:
    settings_ = Settings.from_mapping({"top_k": 0, "typical_p": 0.9, "repeat_penalty": 1.1, **knobs})
    assert RankedStages.of(a_chain(settings_).stages) is None


def test_equals_among_what_is_left_are_not_told_and_equals_that_are_cut_do_no_harm() -> None:
    logits = np.array([1, 5, 3, 3, 2, 2], np.float32)
    for kept, known in ((1, True), (2, False), (3, False), (4, False)):
        ranked = Ranked(logits)
        ranked.candidates.keep(np.arange(kept), is_sorted=True)
        assert ranked.resolve() == known
    ranked = Ranked(logits)
    ranked.candidates.keep(np.array([0, 5]), is_sorted=True)
    assert ranked.resolve()
    assert ranked.candidates.ids.tolist() == [1, 0]


def test_a_logit_with_which_llama_cpp_missorts_is_not_told() -> None:
    ranked = Ranked(np.array([1, 1e9], np.float32))
    ranked.candidates.keep(np.arange(1), is_sorted=True)
    assert not ranked.resolve()


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    version=st.sampled_from([1, 2]),
    tau=st.sampled_from([0.1, 2.0, 5.0, 12.0]),
    width=st.sampled_from([0.05, 0.5, 1.0, 3.0, 10.0]),
    kind=st.sampled_from(KINDS),
    size=st.sampled_from([1, 50, 101, 400, N_VOCAB, 20_000]),
    seed=st.integers(0, 999),
)
def test_mirostat_chooses_what_its_sampler_chooses_of_candidates_that_llama_cpp_sorts(
    version: int, tau: float, width: float, kind: str, size: int, seed: int
) -> None:
    knobs = Settings.from_mapping({"mirostat_mode": version, "mirostat_tau": tau})
    chooser = MirostatChooser(knobs, Origin(knobs, 7, size).around)
    sampler = native.mirostat(version, size, 7, tau, knobs.mirostat_eta)
    dice = np.random.default_rng(seed)
    for _ in range(4):
        row = np.float32(width) * an_odd_row(kind, size, dice)
        ours, theirs = Candidates.from_row(row), Candidates.from_row(row)
        pick = chooser.pick(ours)
        sampler.apply(theirs.array)
        assert (pick.index, pick.token) == (theirs.selected, theirs.data["id"][theirs.selected])
        assert ours.data.tobytes() == theirs.data.tobytes()
