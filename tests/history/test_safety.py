"""Nothing that was kept is lost, and no file that is not ours, or not whole, is touched."""

from __future__ import annotations

import gzip
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.support.worlds import PROMPT, world

from tsumami.errors import HistoryError
from tsumami.history import History, database
from tsumami.history.schema import MIGRATIONS
from tsumami.runs import verify

ROOT = Path(__file__).parents[2]
WORLD = world()


@pytest.mark.parametrize(("harm", "count", "more"), [("kills", 8, 1), ("moves", 4, 1), ("crowd", 8, 2), ("full", 5, 2)])
def test_what_was_kept_is_there(tmp_path: Path, harm: str, count: int, more: int) -> None:
    program = [sys.executable, "-m", "tests.history.harm", harm, str(tmp_path), str(count), str(more)]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        program, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def refused(path: Path, why: str) -> None:
    """It is not opened, and not touched."""
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=why):
        History(path)
    assert path.read_bytes() == before


def kept(path: Path) -> Path:
    """A store with a few runs."""
    with History(path) as store:
        for seed in range(20):
            store.add(WORLD.run(PROMPT, seed=seed, max_tokens=8))
    return path


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = kept(tmp_path / "h.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("PRAGMA journal_mode = DELETE")
    refused(path, "newer tsumami")


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE things (x)")
    refused(path, "another program")


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"\0" * 5000])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "h.sqlite"
    path.write_bytes(content)
    refused(path, str(path))


def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    path = kept(tmp_path / "h.sqlite")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = b"\xee" * 4096
    path.write_bytes(data)
    refused(path, "damaged|malformed")


def test_a_large_store_is_looked_through_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, looks, check = kept(tmp_path / "h.sqlite"), list[int](), database.Database._check
    monkeypatch.setattr(database, "_SMALL", 0)
    monkeypatch.setattr(database.Database, "_check", lambda one: (looks.append(1), check(one)))
    for due, count in ((False, 0), (True, 1), (True, 1), (False, 1)):
        History(path, due=due).close()
        assert len(looks) == count
    with History(path)._database.writing() as connection:
        connection.execute("UPDATE checked SET day = day - 1.5")
    History(path).close()
    assert len(looks) == 2


def test_a_hash_that_is_not_that_of_its_entry_is_found(tmp_path: Path) -> None:
    path = kept(tmp_path / "h.sqlite")
    with History(path) as store:
        assert store.verify() == 20
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET seed = seed + 1 WHERE id = 3")
    with History(path) as store, pytest.raises(HistoryError, match="is not what was stored"):
        store.verify()


@pytest.mark.parametrize("form", sorted((Path(__file__).parent / "formats").iterdir()), ids=lambda path: path.stem)
def test_a_store_of_each_earlier_form_opens_as_it_was(tmp_path: Path, form: Path) -> None:
    path = tmp_path / "h.sqlite"
    path.write_bytes(gzip.decompress(form.read_bytes()))
    with sqlite3.connect(path) as connection:
        before = {digest for (digest,) in connection.execute("SELECT hex(digest) FROM entries")}
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    assert version == int(form.name.partition(".")[0])
    with History(path) as store:
        assert store.verify() == len(before) == 6
        assert {*store.digests(), *store.of("ann").digests()} == before
        first = store.find("is:starred tag:poem")[0]
        assert (first.title, first.kind, store.get(first.key).receipt.seed) == ("first", "run", 1)
        made = verify(WORLD, store.get(first.key))
        assert made.same_tokens  # and the numbers, as far as another processor rounds alike
        for kept_step, step in zip(made.original.steps, made.again.steps, strict=True):
            assert kept_step.p_raw == pytest.approx(step.p_raw, rel=1e-6)
            assert kept_step.entropy == pytest.approx(step.entropy, rel=1e-6)
        last, before_it = store.find("kind:chat")
        assert (last.parent, before_it.asked) == (before_it.key, "夕焼け")
        assert store.count("夕焼け") == 1
        assert store.count("is:unfinished") == store.count("kind:map") == 1
    assert [copy.name for copy in tmp_path.glob("h-before-*")] == [f"h-before-{version + 1}.sqlite"]


def test_the_last_form_before_this_one_is_kept_for_the_test() -> None:
    assert len(list((Path(__file__).parent / "formats").iterdir())) == len(MIGRATIONS) - 1


def test_an_older_store_is_copied_and_brought_up_to_date_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept(tmp_path / "h.sqlite")
    before = History(path).digests()
    monkeypatch.setattr(
        database, "MIGRATIONS", (*MIGRATIONS, "ALTER TABLE entries ADD COLUMN note TEXT;\nCREATE TABLE t (x);\n")
    )
    failed: list[BaseException] = []

    def opens() -> None:
        try:
            with History(path) as store:
                assert store.digests() == before
        except BaseException as error:  # noqa: BLE001  (shown by the test)
            failed.append(error)

    threads = [threading.Thread(target=opens) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    monkeypatch.setattr(database, "MIGRATIONS", MIGRATIONS)
    copy = tmp_path / f"h-before-{len(MIGRATIONS) + 1}.sqlite"
    with History(copy) as store:
        assert store.digests() == before


def test_a_step_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept(tmp_path / "h.sqlite")
    before = History(path).digests()
    monkeypatch.setattr(
        database, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE t (x);\nALTER TABLE nothing ADD COLUMN y;\n")
    )
    with pytest.raises(HistoryError, match="nothing"):
        History(path)
    monkeypatch.setattr(database, "MIGRATIONS", MIGRATIONS)
    with History(path) as store:
        assert store.digests() == before


def test_a_file_that_goes_while_it_is_open_is_said(tmp_path: Path) -> None:
    path = kept(tmp_path / "h.sqlite")
    with History(path) as store:
        for file in tmp_path.iterdir():
            file.unlink()
        with pytest.raises(HistoryError, match="has gone"):
            store.add(WORLD.run(PROMPT, seed=1, max_tokens=1))


def test_a_place_where_nothing_can_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match="file"):
        History(tmp_path / "file" / "h.sqlite")


def test_a_copy_is_a_store_and_overwrites_nothing(tmp_path: Path) -> None:
    path = kept(tmp_path / "h.sqlite")
    with History(path) as store:
        store.backup(tmp_path / "copy.sqlite")
        with pytest.raises(HistoryError, match="exists"):
            store.backup(tmp_path / "copy.sqlite")
        with History(tmp_path / "copy.sqlite") as copy:
            assert copy.digests() == store.digests()
