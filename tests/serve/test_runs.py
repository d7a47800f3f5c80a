"""What no other server has: the run behind an answer can be asked for, and is the run that the library makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.serve.calling import Client, asked, got, posted, service
from tests.support.worlds import world

from tsumami.history import History
from tsumami.runs import Run, verify
from tsumami.serve import ApiService
from tsumami.serve.kept import KeptRuns, ServedHistory
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


def kept_in(folder: Path, wanted: bool | None = None, **options: Any) -> ApiService:
    """A service whose runs go into a history there."""
    made = service(world(), **options)
    history = ServedHistory(wanted, pytest.fail, folder / "history.db")
    return ApiService(made.served, made.options, history=history)


def test_in_the_history_a_run_has_the_same_id_and_is_found_when_the_server_was_begun_anew(tmp_path: Path) -> None:
    own = posted(kept_in(tmp_path), "/completion", BODY).json()["tsumami"]
    with History(tmp_path / "history.db") as store:
        entry = store.entry(own["run_id"])
        assert (entry.kind, entry.key) == ("serve", own["run_id"])
        other = store.add(world().run("abc", max_tokens=2))
    later = kept_in(tmp_path)
    run = Run.from_json(got(later, f"/tsumami/runs/{own['run_id']}").content)
    assert run.receipt.to_dict() == own["receipt"]
    assert len(got(later, f"/tsumami/runs/{own['run_id']}/ledger").json()) == 6
    assert got(later, f"/tsumami/runs/{other.key}").status_code == 404, "what nobody asked for here is not told"


@pytest.mark.parametrize(
    ("wanted", "headers", "count"),
    [
        (None, {}, 1),
        (None, {"x-forwarded-for": "203.0.113.9"}, 0),
        (None, {"host": "192.0.2.7"}, 0),
        (True, {"x-forwarded-for": "203.0.113.9"}, 1),
        (False, {}, 0),
    ],
)
def test_of_who_asks_from_elsewhere_nothing_is_kept_unless_it_is_wanted(
    tmp_path: Path, wanted: bool | None, headers: dict[str, str], count: int
) -> None:
    to = kept_in(tmp_path, wanted, allow_hosts=("192.0.2.7",))
    assert asked(to, lambda client: client.post("/completion", BODY, **headers)).status_code == 200
    with History(tmp_path / "history.db") as store:
        assert len(store.find("kind:serve")) == count


def test_a_history_that_cannot_be_written_is_said_once_and_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"no database" * 999)
    said: list[str] = []
    made = service(world())
    to = ApiService(made.served, made.options, history=ServedHistory(None, said.append, tmp_path / "history.db"))
    for _ in range(2):
        assert posted(to, "/completion", BODY).json()["tsumami"]["run_id"]
    assert len(said) == 1


@pytest.mark.parametrize(("most", "most_tokens"), [(2, 1000), (100, 15)])
def test_the_oldest_runs_are_forgotten(most: int, most_tokens: int) -> None:
    kept, model = KeptRuns(most, most_tokens), world()
    names = [kept.keep(model.run("abc", max_tokens=5, seed=seed)) for seed in range(4)]
    assert [kept.get(name) is not None for name in names] == [False, False, True, True]
