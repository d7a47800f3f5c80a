"""What is kept comes back, is found, and is nobody else's."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.worlds import PROMPT, seeded, world

import tsumami
from tsumami.errors import HistoryError, MissingDependencyError
from tsumami.history import ChatTurn, History, talk
from tsumami.runs import Run, verify

WORLD = world()


def bare(run: Run) -> Run:
    return replace(run, steps=tuple(replace(step, alternatives=()) for step in run.steps))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "data" / "history.sqlite") as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """For hypothesis, whose examples all use the same one."""
    with History(tmp_path_factory.mktemp("shared") / "history.sqlite") as made:
        yield made


@settings(max_examples=40)
@given(seeded(), st.text(max_size=20))
def test_any_run_comes_back_and_verifies(shared: History, made: tsumami.Settings, text: str) -> None:
    run = WORLD.run(PROMPT + text.encode("utf-8", "replace").decode(), made)
    again = shared.get(shared.add(run).key)
    assert again == bare(run)
    assert verify(WORLD, again).same


def test_a_run_of_a_grammar_keeps_what_was_said_of_it(store: History, model: tsumami.Model) -> None:
    run = model.run("The answer is", seed=1, max_tokens=8, grammar='root ::= " yes" | " no"')
    assert run.completeness is not None
    assert store.get(store.add(run).key) == bare(run)


def test_it_opens_again_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with History(path) as first:
        key = first.add(WORLD.run(PROMPT, seed=1, max_tokens=4), title="one", tags=["a", "b"]).key
        before = first.entry(key)
    with History(path) as again:
        assert again.entry(key) == before
        assert (before.title, before.tags, before.stop, before.finished) == ("one", ("a", "b"), "length", True)
        assert again.verify() == 1


def test_a_conversation_is_a_tree_whose_beginnings_are_kept_once(store: History) -> None:
    prompt, keys, raw = "system: " + "be kind. " * 20, [], 0
    for turn in range(16):
        prompt += f"user: message {turn}. "
        run = WORLD.run(prompt, seed=turn, max_tokens=4)
        keys.append(store.add(run, kind="chat", parent=keys[-1] if keys else None, asked=f"message {turn}").key)
        raw += len(run.receipt.prompt)
    branch = store.add(WORLD.run(prompt, seed=99, max_tokens=4), kind="chat", parent=keys[6])
    assert [one.key for one in store.children(keys[6])] == [keys[7], branch.key]
    assert store.entry(keys[7]).parent == keys[6]
    assert store.entry(keys[3]).asked == "message 3"
    with store._database.reading() as connection:
        sql = "SELECT sum(length(data)) FROM objects WHERE id IN (SELECT prompt FROM entries)"
        (kept,) = connection.execute(sql).fetchone()
    assert kept < raw / 4
    assert store.get(keys[-1]).receipt.prompt == prompt
    store.forget(keys[0], keys[12])
    assert store.get(keys[-1]).receipt.prompt == prompt
    assert store.entry(keys[1]).parent is None
    store.verify()


def test_equal_prompts_and_settings_are_kept_once(store: History) -> None:
    for seed in range(5):
        store.add(WORLD.run(PROMPT, seed=seed, max_tokens=4))
    with store._database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM objects").fetchone() == (5,)
    store.forget(*(entry.key for entry in store.find()))
    with store._database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM objects").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM knobs").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM words").fetchone() == (0,)


def test_a_conversation_is_a_line_in_a_tree(store: History) -> None:
    def add(seed: int, parent: str | None = None) -> str:
        return store.add(WORLD.run("x", seed=seed, max_tokens=1), kind="chat", parent=parent).key

    root = add(1)
    a, b = add(2, root), add(3, root)
    leaf, other = add(4, b), add(5)
    assert [entry.key for entry in store.line(leaf)] == [root, b, leaf]
    assert [entry.key for entry in store.line(root[:12])] == [root]
    for key in (root, a, leaf):
        assert [entry.key for entry in store.tree(key)] == [root, a, b, leaf]
    assert [entry.key for entry in store.tree(other)] == [other]
    assert {entry.key for entry in store.find("is:last")} == {a, leaf, other}
    store.forget(b)
    assert [entry.key for entry in store.line(leaf)] == [leaf]
    assert store.has(leaf)
    assert not store.has(b)


def test_only_a_reply_of_a_chat_can_be_gone_on_with(store: History) -> None:
    bare_run = store.add(WORLD.run("x", seed=1, max_tokens=1))
    with pytest.raises(HistoryError, match="no reply of a chat"):
        talk(store, bare_run.key)
    older = store.add(WORLD.run("x", seed=1, max_tokens=2), kind="chat", asked="hello")
    (said,) = talk(store, older.key).exchanges
    assert (said.user, said.reply) == ("hello", store.get(older.key).reply.content)


def test_many_read_at_once_and_leave_no_more_connections_than_that(store: History) -> None:
    store.add(WORLD.run("x", seed=1, max_tokens=1))
    for _ in range(30):
        thread = threading.Thread(target=store.find)
        thread.start()
        thread.join()
    assert len(store._database._readers) == 1


# --- finding ---


@settings(max_examples=80)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=24), st.data())
@example("ﬃ", None).via("three letters in one")
@example("İ\u0130ß\0e\u0301", None).via("what grows when it is folded")
def test_any_text_is_found_by_any_part_of_it(shared: History, text: str, data: st.DataObject | None) -> None:
    key = shared.add(WORLD.run("x" + text, seed=0, max_tokens=0)).key
    start = data.draw(st.integers(0, len(text) - 1)) if data else 0
    part = text[start : data.draw(st.integers(start + 1, len(text))) if data else 1]
    quoted = '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert shared.count(f"id:{key} {quoted}") == 1


def test_searches(store: History) -> None:
    hot = store.add(WORLD.run("夕焼けの空", seed=1, max_tokens=3, temperature=1.5), title="hot", tags=["詩"]).key
    cold = store.add(WORLD.run("A cold morning", seed=2, max_tokens=4, temperature=0.5, top_k=7), kind="chat").key
    store.star(cold)
    wanted: dict[str, set[str]] = {
        "": {hot, cold},
        "夕焼け": {hot},
        "焼": {hot},
        "の空": {hot},
        "COLD": {cold},
        "cold OR 夕焼けの": {hot, cold},
        "cold 夕焼け": set(),
        "-cold": {hot},
        "temperature>1": {hot},
        "temperature<=0.5 top_k=7": {cold},
        "top_k!=7": {hot},
        "seed=2": {cold},
        "tokens<4": {hot},
        "tag:詩": {hot},
        "-tag:詩": {cold},
        "is:starred": {cold},
        "is:unfinished": set(),
        "kind:chat": {cold},
        "model:NOI": {hot, cold},
        "stop:length": {key for key in (hot, cold) if store.get(key).stop_reason == "length"},
        "lang:ja": {hot},
        f"id:{hot[:5]}": {hot},
        "since:2020-01-01": {hot, cold},
        "before:2020-01-01": set(),
        "samplers=classic": {hot, cold},
        "ignore_eos=false": {hot, cold},
    }
    assert store.words() == {"models": ["noise"], "tags": ["詩"]}
    for query, keys in wanted.items():
        assert {entry.key for entry in store.find(query)} == keys, query
        assert store.count(query) == len(keys), query


def test_the_newest_comes_first_and_pages_follow_each_other(store: History) -> None:
    keys = [store.add(WORLD.run("x", seed=seed, max_tokens=1)).key for seed in range(7)]
    assert [entry.key for entry in store.find(limit=None)] == keys[::-1]
    assert [entry.key for at in (0, 3, 6) for entry in store.find(limit=3, offset=at)] == keys[::-1]


def test_the_library_opens_the_history_and_gives_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_DATA", str(tmp_path))
    with tsumami.history() as store:
        keys = [store.add(WORLD.run("x", seed=seed, max_tokens=2), tags=["poem"]).key for seed in (3, 4)]
        table = store.as_pandas("seed>3")
        assert list(table.index) == keys[1:]
        assert table.loc[keys[1], ["kind", "seed", "tokens", "max_tokens", "model"]].tolist() == [
            "run", 4, 2, 2, "noise",
        ]  # fmt: skip
        assert table.tags.tolist() == [("poem",)]
        assert len(store.as_pandas("seed>9")) == 0
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(MissingDependencyError, match=r"pip install 'pandas>=2\.2'"):
            store.as_pandas()
    assert (tmp_path / "history.sqlite").exists()


# --- marking and taking out ---


def test_pruning_takes_what_is_asked_for_and_nothing_starred(store: History) -> None:
    keys = [store.add(WORLD.run("x" * 300, seed=seed, max_tokens=8)).key for seed in range(6)]
    store.star(keys[0])
    assert store.prune("seed=5") == 1
    assert {entry.key for entry in store.find()} == {*keys[:5]}
    with store._database.reading() as connection:
        (body,) = connection.execute("SELECT max(length(body)) FROM entries").fetchone()
    assert store.prune(keep_bytes=3 * body) == 2  # the oldest, but for the first
    assert {entry.key for entry in store.find()} == {keys[0], keys[3], keys[4]}
    assert store.prune("seed=0") == 0
    store.verify()


def test_an_id_may_be_shortened_as_long_as_it_is_one(store: History) -> None:
    keys = [store.add(WORLD.run("x", seed=seed, max_tokens=1)).key for seed in range(40)]
    assert all(store.entry(key[:12]).key == key for key in keys)
    with pytest.raises(HistoryError, match="more than one"):
        [store.entry(first) for first in {key[0] for key in keys}]
    for none in ("", "zzzzzzzzzz", "'", "%"):
        with pytest.raises(HistoryError, match="has no"):
            store.entry(none)


@pytest.mark.parametrize("tag", ["", "two words", 'a"b', "(x"])
def test_a_tag_that_no_search_could_ask_for_is_refused(store: History, tag: str) -> None:
    key = store.add(WORLD.run("x", seed=0, max_tokens=1)).key
    with pytest.raises(HistoryError, match="is no tag"):
        store.tag(key, tag)
    with pytest.raises(HistoryError, match="is no tag"):
        store.add(WORLD.run("x", seed=1, max_tokens=1), tags=[tag])
    assert [entry.key for entry in store.find()] == [key]


# --- growing ---


def test_a_reply_is_kept_as_it_grows(store: History, monkeypatch: pytest.MonkeyPatch) -> None:
    run = WORLD.run(PROMPT, seed=4, max_tokens=8)
    turn = ChatTurn("hello", "be kind", 2)
    growing = store.begin(run.receipt, kind="chat", turn=turn)
    assert [entry.finished for entry in store.find()] == [False]
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 10)
    growing.grow(run.steps[:5])
    half = store.get(growing.key)
    assert (half.tokens, half.stop_reason) == (run.tokens[:5], "cancelled")
    assert store.find("is:unfinished")[0].key == growing.key
    assert growing.end(run).finished
    assert store.get(growing.key) == bare(run)
    assert store.find("is:unfinished") == []
    assert store.turn(growing.key) == turn
    store.verify()


def test_other_results_come_back_and_are_no_runs(store: History) -> None:
    run = WORLD.run(PROMPT, seed=4, max_tokens=2)
    key = store.add_result('{"kind": "map", "text": "\\ud800 地図"}', "map", run.receipt).key
    assert store.result(key) == '{"kind": "map", "text": "\\ud800 地図"}'
    with pytest.raises(HistoryError, match="no run"):
        store.get(key)
    with pytest.raises(HistoryError, match="is a run"):
        store.result(store.add(run).key)
    assert store.stats()["kinds"] == {"map": 1, "run": 1}
    store.verify()


# --- owners ---


def test_nothing_of_one_owner_is_seen_or_touched_by_another(store: History) -> None:
    ann, bob = store.of("ann"), store.of("bob")
    key = ann.add(WORLD.run("the secret of Ann", seed=1, max_tokens=2), tags=["mine"]).key
    for query in ("", "secret", "et", "-nothing", "tag:mine", f"id:{key}", "secret OR x", "temperature>0", "seed=1"):
        assert bob.find(query) == store.find(query) == []
        assert bob.count(query) == 0
    for act in (
        bob.get,
        bob.entry,
        bob.star,
        bob.forget,
        bob.children,
        lambda k: bob.tag(k, "x"),
        lambda k: bob.name(k, "x"),
    ):
        with pytest.raises(HistoryError, match="has no"):
            act(key)
    with pytest.raises(HistoryError, match="has no"):
        bob.add(WORLD.run("x", seed=1, max_tokens=1), parent=key)
    assert (bob.prune(), bob.stats()["entries"], bob.digests()) == (0, 0, [])
    assert ann.entry(key).tags == ("mine",)


def test_no_id_follows_from_others_or_from_a_seed(store: History) -> None:
    ids = set[str]()
    for _ in range(2):
        random.seed(1)
        ids.add(store.add(WORLD.run(PROMPT, seed=1, max_tokens=1)).key)
        ids.add(store.conversations.put('{"exchanges": []}', None, "w").key)
    assert len(ids) == 4
    assert {len(one) for one in ids} == {16}  # of 32 letters: 80 bits
