"""`tsumami history`: what the commands keep, and all that can be done with it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tsumami.cli.history import _VERBS
from tsumami.history import ChatTurn, History, SaidBefore, default_path

SHORT = ("--max-tokens", "4", "--threads", "1")


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("TSUMAMI_HISTORY")


def id_of(called: Any) -> str:
    found = re.search(r" · id ([0-9a-z]{8})\b", called.err)
    assert found, called
    return found[1]


def test_a_run_is_kept_found_shown_and_made_again(invoke: Any) -> None:
    ran = invoke("run", "Once upon a time", "--seed", "3", "--temperature", "1.5", *SHORT)
    key = id_of(ran)
    invoke("run", "The sea at night", "--seed", "4", "--temperature", "0.5", *SHORT)
    for query in ("upon", "temperature>1", "seed=3", f"id:{key}"):
        listed = invoke("history", query)
        assert listed.out.count("\n") == 1
        assert listed.out.startswith(key)
        assert "Once upon a time →" in listed.out
    assert len(json.loads(invoke("history", "--json").out)) == 2
    shown = invoke("history", "show", key)
    assert shown.out.endswith(ran.out)
    assert "temperature=1.5" in shown.err
    again = invoke("verify", key, "--threads", "1")
    assert (again.code, again.out) == (0, "The same, bit for bit: 4 tokens and every probability.\n")
    assert "temperature" in invoke("audit", key, "--threads", "1").out


def test_two_ids_are_explained_like_two_files(invoke: Any) -> None:
    a, b = (id_of(invoke("run", "Once upon a time", "--seed", "3", "--top-k", k, *SHORT)) for k in ("1", "40"))
    called = invoke("explain", a, b, "--threads", "1")
    assert called.code == 0
    assert called.out


def test_a_chat_is_a_line_of_entries(invoke: Any) -> None:
    called = invoke("chat", "--seed", "1", *SHORT, stdin="Hello!\nAnd you?\n/retry\n")
    assert called.err.count(" · id ") == 3
    with History() as store:
        last, second, first = store.find()
        assert (first.asked, second.asked, last.asked) == ("Hello!", "And you?", "And you?")
        assert [entry.parent for entry in (first, second, last)] == [None, first.key, first.key]
        assert {entry.kind for entry in store.find()} == {"chat"}
        assert [one.key for one in store.children(first.key)] == [second.key, last.key]


def test_lanes_maps_and_grids_are_kept(invoke: Any) -> None:
    invoke("compare", "The sky", "--vary", "temperature=0,1", "--seeds", "1", *SHORT)
    mapped = invoke("map", "The sky", "--knob", "temperature", "--range", "0.5:0.6", "--seed", "1", *SHORT, "--json")
    gridded = invoke("grid", "The sky", "--vary", "top_k=1,2", "--seeds", "1", *SHORT, "--json")
    with History() as store:
        assert store.stats()["kinds"] == {"compare": 2, "grid": 1, "map": 1}
        assert json.loads(store.result(id_of(mapped))) == json.loads(mapped.out)
        assert json.loads(store.result(id_of(gridded))) == json.loads(gridded.out)


@pytest.mark.parametrize("off", ["option", "setting"])
def test_nothing_is_kept_or_opened_where_nothing_is_wanted(
    invoke: Any, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    if off == "setting":
        monkeypatch.setenv("TSUMAMI_HISTORY", "off")
    called = invoke("run", "x", *SHORT, *(["--no-history"] if off == "option" else []))
    assert called.code == 0
    assert " · id " not in called.err
    assert not default_path().parent.exists()


def test_a_history_that_cannot_be_opened_is_said_and_in_nobodys_way(invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, no folder")
    called = invoke("run", "x", *SHORT)
    assert called.code == 0
    assert called.out
    assert called.err.count("not kept in the history") == 1


def test_marks_names_and_pruning(invoke: Any) -> None:
    a, b, c = (id_of(invoke("run", f"Story {seed}", "--seed", str(seed), *SHORT)) for seed in range(3))
    assert invoke("history", "tag", a, "poem", "good").code == 0
    assert invoke("history", "untag", a, "good").code == 0
    assert invoke("history", "star", b).code == 0
    assert invoke("history", "name", b, "my", "story").code == 0
    assert "#poem" in invoke("history", "tag:poem").out
    assert "my story" in invoke("history", "is:starred").out
    assert "1 result taken out" in invoke("history", "prune", "seed=1 OR seed=2").err
    assert invoke("history", "forget", a).code == 0
    assert [one["key"][:8] for one in json.loads(invoke("history", "--json").out)] == [b]
    assert "results: 1 (run 1)" in invoke("history", "stats").out
    assert json.loads(invoke("history", "stats", "--json").out)["starred"] == 1
    assert c not in invoke("history").out


def test_what_is_exported_is_imported_as_it_was(invoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke("chat", "--seed", "1", *SHORT, stdin="Hello!\nAnd you?\n")
    invoke("map", "The sky", "--knob", "temperature", "--range", "0.5:0.6", "--seed", "1", *SHORT)
    with History() as store:
        before, tree = store.digests(), [(entry.key, entry.parent) for entry in store.find()]
    file = tmp_path / "all.jsonl"
    assert invoke("history", "export", "-o", str(file)).err == f"Written: {file}\n3 results\n"
    monkeypatch.setenv("TSUMAMI_DATA", str(tmp_path / "elsewhere"))
    assert "3 results added" in invoke("history", "import", str(file)).err
    assert "0 results added" in invoke("history", "import", str(file)).err
    with History() as store:
        assert store.digests() == before
        assert [(entry.key, entry.parent) for entry in store.find()] == tree
    assert invoke("history", "verify").out == "All as they were: 3 results.\n"
    assert invoke("history", "backup", "-o", str(tmp_path / "copy.sqlite")).code == 0
    with History(tmp_path / "copy.sqlite") as copy:
        assert copy.digests() == before


@pytest.mark.parametrize(
    "line", ["{", "[]", "{}", '{"key": "x"}', '{"key": "0123456789abcdef", "receipt": {}}', "null"]
)
def test_what_is_no_export_is_refused_and_changes_nothing(refused: Any, tmp_path: Path, line: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(line + "\n")
    assert f"{file} line 1" in refused("history", "import", str(file))
    with History() as store:
        assert store.find() == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("show",), "one id is needed"),
        (("show", "zzzzzzzz"), "has no"),
        (("tag", "zzzz"), "an id and tags"),
        (("prune",), "what is to go"),
        (("backup",), "-o"),
    ],
)
def test_what_does_not_fit_is_said(refused: Any, words: tuple[str, ...], why: str) -> None:
    assert why in refused("history", *words)


def test_a_query_that_does_not_fit_shows_the_place(invoke: Any) -> None:
    called = invoke("history", "cat", "temprature>1")
    assert called.code == 2
    assert called.err.endswith("(here: cat ▸temprature>1)\n")


def test_the_help_names_every_verb(invoke: Any) -> None:
    text = invoke("history", "--help").out
    assert [verb for verb in _VERBS if verb not in text] == []


def test_a_conversation_is_gone_on_with_from_its_id_or_its_file(invoke: Any, refused: Any, tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    begun = invoke("chat", "--seed", "1", "--system", "Be kind.", *SHORT, stdin=f"Hello!\nAnd you?\n/save {file}\n")
    with History() as store:
        last = store.find()[0]
    for where in (last.key[:8], str(file)):
        more = invoke("chat", "--go-on", where, "--threads", "1", stdin="/more\nWhy?\n")
        assert more.code == 0
        with History() as store:
            why, longer, *_ = store.find()
            assert (why.parent, why.settings.max_tokens) == (longer.key, 4)
            assert longer.parent == (last.key if where != str(file) else None)
            said = store.get(why.key).receipt.prompt
            assert "Be kind." in said
            assert said.count("<|im_start|>user") == 3
            assert store.get(longer.key).tokens[:4] == store.get(last.key).tokens
    assert begun.code == 0
    run = id_of(invoke("run", "Once", *SHORT))
    assert invoke("chat", "--go-on", run, "--threads", "1", stdin="And?\n").code == 0
    mapped = id_of(invoke("map", "The sky", "--knob", "temperature", "--range", "0.5:0.6", "--seed", "1", *SHORT))
    for wrong, why_not in ((mapped, "no run"), ("zzzz", "has no"), ("no.json", "cannot be read")):
        assert why_not in refused("chat", "--go-on", wrong)
    file.write_text('{"messages": [], "runs": [], "system": null, "memory": null}')
    assert "nothing was said" in refused("chat", "--go-on", str(file))
    file.write_text("{}")
    assert "no conversation that a chat saved" in refused("chat", "--go-on", str(file))


def test_what_a_reader_wrote_in_a_replys_place_is_part_of_the_conversation(invoke: Any, tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    invoke("chat", "--seed", "1", *SHORT, stdin="Hello!\n")
    with History() as store:
        (first,) = store.find()
        turn = ChatTurn("And you?", before=(SaidBefore(user="Good day.", reply="My own words", own=12),))
        key = store.add(store.get(first.key), kind="chat", parent=first.key, turn=turn).key
    for where in (key, str(file)):
        assert invoke("chat", "--go-on", where, "--threads", "1", stdin=f"Why?\n/save {file}\n").code == 0
        with History() as store:
            sent = store.get(store.find()[0].key).receipt.prompt
        assert "Good day." in sent
        assert "My own words" in sent
        assert "Hello!" not in sent


def test_saved_runs_are_compared_without_generating(invoke: Any, refused: Any) -> None:
    keys = [id_of(invoke("run", "Once upon a time", "--seed", "3", "--top-k", k, *SHORT)) for k in ("1", "40")]
    called = invoke("compare", "--run", keys[0], "--run", keys[1], "--json", "--threads", "1")
    assert called.code == 0
    found = json.loads(called.out)
    assert [lane["run"]["receipt"]["settings"]["top_k"] for lane in found["lanes"]] == [1, 40]
    assert "top_k" in found["divergences"][0]["en"]
    assert "leave the prompt" in refused("compare", "Once", "--run", keys[0], "--run", keys[1])
    assert "2" in refused("compare", "--run", keys[0], "--threads", "1")


def test_kept_runs_are_run_again(invoke: Any) -> None:
    for seed in ("1", "2", "3"):
        invoke("run", "Once", "--seed", seed, *SHORT)
    called = invoke("history", "verify", "seed>1", "--runs", "5", "--threads", "1")
    assert called.out.endswith("Run again: 2 runs, the same bit for bit: 2.\n")
    with History() as store:
        run = store.get(store.find("seed=1")[0].key)
        edited = store.add(replace(run, steps=(replace(run.steps[0], p_raw=0.5), *run.steps[1:]))).key
        card = replace(run.receipt.model, name="gone.gguf", source="gone.gguf", fingerprint="0")
        store.add(replace(run, receipt=replace(run.receipt, model=card)))
    called = invoke("history", "verify", "--runs", "5", "--threads", "1")
    assert called.code == 1
    assert called.out.endswith("Run again: 5 runs, the same bit for bit: 3.\n")
    assert f"{edited[:8]} is not the same" in called.err
    assert "gone.gguf cannot be run" in called.err


def test_an_id_is_opened_in_the_page_with_the_model_that_it_had(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    opened: list[str] = []

    def serve(choice: Any, options: Any, *, ready: Any, **_: Any) -> None:
        served.append((choice.name, options.host, options.port))
        ready("http://127.0.0.1:7")

    monkeypatch.setattr("tsumami.app.serving.server.serve", serve)
    monkeypatch.setattr("webbrowser.open", opened.append)
    key = id_of(invoke("run", "Once", *SHORT))
    assert invoke("history", "open", key).code == 0
    assert served == [("smollm2", "127.0.0.1", 0)]
    assert [address[:27] for address in opened] == [f"http://127.0.0.1:7/?run={key[:3]}"]
