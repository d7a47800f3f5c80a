"""What no other server has: the run behind an answer can be asked for, and is the run that the library makes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.serve.calling import Client, asked, got, posted, service
from tests.support.worlds import world

from tsumami.runs import Run, verify
from tsumami.serve.kept import KeptRuns
from tsumami.settings import Settings

BODY: dict[str, Any] = {"prompt": "abcabc", "n_predict": 6, "seed": 3, "temperature": 1.2, "min_p": 0, "top_p": 1}


def test_a_run_is_what_the_library_makes_of_its_receipt() -> None:
    model = world()
    to = service(model)
    own = posted(to, "/completion", BODY).json()["tsumami"]
    run = Run.from_json(got(to, f"/tsumami/runs/{own['run_id']}").content)
    assert run.receipt.to_dict() == own["receipt"]
    assert verify(model, run).same
    assert model.run(run.receipt.to_prompt(), Settings.from_mapping(own["receipt"]["settings"])).text == run.text


def test_ledgers_audits_and_partings() -> None:
    to = service(world())

    async def talk(client: Client) -> None:
        a, b = [(await client.post("/completion", {**BODY, "top_k": k})).json()["tsumami"]["run_id"] for k in (1, 40)]
        ledgers = (await client.get(f"/tsumami/runs/{a}/ledger")).json()
        assert len(ledgers) == 6
        assert (await client.get(f"/tsumami/runs/{a}/ledger?index=2")).json() == ledgers[2]
        knobs = {one["knob"]: one for one in (await client.get(f"/tsumami/runs/{a}/audit")).json()["knobs"]}
        assert knobs["top_k"]["changed"] > 0
        found = (await client.get(f"/tsumami/divergence?a={a}&b={b}")).json()
        assert [change["name"] for change in found["changes"]] == ["top_k"]
        assert (await client.get(f"/tsumami/runs/{a}/ledger?index=6")).status_code == 400
        for path in ("/tsumami/runs/nobody", f"/tsumami/divergence?a={a}", "/tsumami/runs/nobody/audit"):
            assert (await client.get(path)).status_code == 404

    asked(to, talk)


@pytest.mark.parametrize(("most", "most_tokens"), [(2, 1000), (100, 15)])
def test_the_oldest_runs_are_forgotten(most: int, most_tokens: int) -> None:
    kept, model = KeptRuns(most, most_tokens), world()
    names = [kept.keep(model.run("abc", max_tokens=5, seed=seed)) for seed in range(4)]
    assert [kept.get(name) is not None for name in names] == [False, False, True, True]
