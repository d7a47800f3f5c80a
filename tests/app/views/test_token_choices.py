"""A token as a page offers it: how likely it was, and what could have stood there, the likeliest first."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tsumami.app.views.token_choices import as_choice, packed
from tsumami.runs import Step
from tsumami.runs.values import Alternative

shares = st.floats(0, 1)
alternatives = st.lists(st.builds(Alternative, st.integers(0, 30), st.binary(max_size=6), shares, shares), max_size=12)
steps = st.builds(
    lambda piece, raw, final, others: Step(7, piece, "x", raw, final, 1.0, 1, 0.5, 3, tuple(others)),
    st.binary(max_size=6),
    shares,
    shares,
    alternatives,
)


@given(steps)
def test_what_could_have_stood_there_is_never_the_token_and_what_was_cut_comes_last(step: Step) -> None:
    made = as_choice(step)
    assert all(one["id"] != 7 for one in made["others"])
    cut = [one["cut"] for one in made["others"]]
    assert cut == sorted(cut)
    assert len(made["others"]) == min(8, sum(one.id != 7 for one in step.alternatives))
    assert json.loads(packed(step)) == made


def test_probabilities_are_those_after_the_chain_and_of_what_was_cut_those_of_the_model() -> None:
    others = (Alternative(1, b" a", 0.5, 0.0), Alternative(2, b"b", 0.2, 0.25), Alternative(7, b"c", 0.3, 0.75))
    made = as_choice(Step(7, b"c", "c", 0.3, 0.75, 1.0, 2, 0.5, 2, others))
    assert (made["final"], made["raw"], made["p"]) == ("75%", "30%", 0.75)
    assert [(one["id"], one["p"], one["cut"]) for one in made["others"]] == [(2, "25%", False), (1, "50%", True)]
    assert made["others"][1]["name"] != " a", "a blank can be seen"
