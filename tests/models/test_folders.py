"""A model below a folder of models has a name, and nothing else there or elsewhere has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.gguf_writer import model, text

from tsumami.errors import ModelNotFoundError
from tsumami.models import catalogue, is_name, offer, resolve
from tsumami.models.folders import VARIABLE, in_folders


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models, and a secret beside it; one stands where a file has the name of one of its models."""
    folder = tmp_path / "models"
    (folder / "qwen").mkdir(parents=True)
    for name in ("a.gguf", "qwen/b.GGUF", "c-00001-of-00002.gguf", "c-00002-of-00002.gguf"):
        (folder / name).write_bytes(model())
    (folder / "notes.txt").write_text("notes")
    (tmp_path / "secret.gguf").write_bytes(model())
    (folder / "link.gguf").symlink_to(tmp_path / "secret.gguf")
    (folder / "inside.gguf").symlink_to(folder / "a.gguf")
    monkeypatch.setenv(VARIABLE, os.pathsep.join((str(folder), str(tmp_path / "missing"))))
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.gguf").write_bytes(model() + b"other")
    monkeypatch.chdir(tmp_path / "here")
    return folder


def test_a_name_is_where_a_model_lies_below_the_folder(shelf: Path) -> None:
    assert set(in_folders()) == {"a.gguf", "qwen/b.GGUF", "c-00001-of-00002.gguf", "inside.gguf"}
    found = resolve("qwen/b.GGUF")
    assert (found.path, found.name) == (shelf / "qwen" / "b.GGUF", "qwen/b.GGUF")
    assert len(resolve("c-00001-of-00002.gguf").parts) == 2


def test_a_name_means_the_same_wherever_one_stands(shelf: Path) -> None:
    assert resolve("a.gguf").path == shelf / "a.gguf"
    assert resolve("./a.gguf").path != shelf / "a.gguf"


@pytest.mark.parametrize(
    "name",
    ["../secret.gguf", "link.gguf", "qwen/../../secret.gguf", "./a.gguf", "notes.txt", "/a.gguf", "qwen", "A.gguf"],
)
def test_no_path_is_a_name(shelf: Path, name: str) -> None:
    assert not is_name(name)
    assert name not in in_folders()


def test_the_first_folder_that_has_it_counts(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, os.pathsep.join((str(tmp_path / "here"), str(shelf))))
    assert resolve("a.gguf").path == tmp_path / "here" / "a.gguf"


def test_they_are_listed(shelf: Path) -> None:
    listed = {entry.name: entry for entry in catalogue() if entry.place == "folder"}
    assert set(listed) == set(in_folders())
    assert listed["a.gguf"].here
    assert str(shelf) not in str(listed)


def test_what_a_file_says_stands_in_the_list_and_an_adapter_does_not(shelf: Path) -> None:
    (shelf / "a.gguf").write_bytes(model(text("general.license", "mit")))
    (shelf / "style.gguf").write_bytes(model(text("general.type", "adapter")))
    (shelf / "broken.gguf").write_bytes(b"nothing")
    listed = {entry.name: entry for entry in catalogue() if entry.place == "folder"}
    assert (listed["a.gguf"].architecture, listed["a.gguf"].license) == ("llama", "mit")
    assert "style.gguf" not in listed
    assert (listed["broken.gguf"].architecture, listed["broken.gguf"].license) == (None, None)


def test_folders_are_offered_beside_those_that_were(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer([tmp_path / "here"])
    assert resolve("a.gguf").path == tmp_path / "here" / "a.gguf"
    assert "qwen/b.GGUF" in in_folders()
    with pytest.raises(ModelNotFoundError, match="no such folder"):
        offer([tmp_path / "missing"])


def test_without_folders_there_are_none(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    assert in_folders() == {}
    with pytest.raises(ModelNotFoundError):
        resolve("qwen/b.GGUF")
