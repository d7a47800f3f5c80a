"""How a token was chosen is said in a line."""

from __future__ import annotations

from tsumami import charts
from tsumami.explain.tokens import account
from tsumami.testing import ScriptedModel


def test_how_a_token_was_chosen_is_said(scripted: ScriptedModel) -> None:
    for knobs, said in (
        ({"temperature": 0}, "the likeliest"),
        ({"mirostat_mode": 2, "mirostat_tau": 10, "temperature": 3}, "mirostat"),
        ({"mirostat_mode": 2, "mirostat_tau": 0}, "nothing was rolled"),
    ):
        run = scripted.run("x", seed=1, max_tokens=1, ledger=True, **knobs)
        assert said in charts.how(account(run.ledgers[0], run.settings.mode), "en")
