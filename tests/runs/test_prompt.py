"""Prompts that cannot be used: whoever is given one, a run, a grid, a map or a look, refuses it with the same words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tsumami.errors import EmptyPromptError, PromptError, PromptTooLongError
from tsumami.explain.tokens import look
from tsumami.explore.design import Design
from tsumami.explore.grids import Gridding, plan_grid
from tsumami.explore.maps import Mapping
from tsumami.runs import Prompt, Receipt
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

STARTERS: dict[str, Callable[[ScriptedModel, Prompt], object]] = {
    "run": lambda model, prompt: model.run(prompt),
    "grid": lambda model, prompt: Gridding(model, plan_grid([prompt], Design(Settings()))),
    "map": lambda model, prompt: Mapping(model, prompt, "top_k", 1, 3, Settings()),
}


def refused(start: Callable[[ScriptedModel, Prompt], object], prompt: Prompt) -> PromptError:
    model = ScriptedModel(saying("a"), n_ctx=16)
    with pytest.raises(PromptError) as caught:
        start(model, prompt)
    assert model.engine.open == model.engine.fed == 0
    return caught.value


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        (Prompt("", ()), EmptyPromptError),
        (Prompt("x", (120,) * 16), PromptTooLongError),
        (Prompt("x", (120, 300)), PromptError),
        (Prompt("x", (120,), begun=(300,)), PromptError),
    ],
    ids=["empty", "too long", "no such token", "no such beginning"],
)
def test_everybody_refuses_a_prompt_with_the_same_words(prompt: Prompt, kind: type[PromptError]) -> None:
    errors = [refused(start, prompt) for start in STARTERS.values()]
    assert {type(error) for error in errors} == {kind}
    assert len({str(error) for error in errors}) == 1


def test_a_prompt_that_is_only_looked_at_may_fill_the_context_and_no_more() -> None:
    model = ScriptedModel(saying("a"), n_ctx=16)
    assert look(model, Prompt("x", (120,) * 16)).row.shape == (model.engine.n_vocab,)
    with pytest.raises(PromptTooLongError, match="17 tokens; the context has 16"):
        look(model, Prompt("x", (120,) * 17))


def test_a_receipt_gives_back_the_prompt_that_it_was_made_of() -> None:
    prompt = Prompt("x", (120,), "llama2", begun=(97, 98))
    receipt = Receipt.of(ScriptedModel(saying("a")), prompt, Settings(), 7)
    assert receipt.to_prompt() == prompt
    assert receipt.seed == 7
