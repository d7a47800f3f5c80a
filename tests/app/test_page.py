"""The page as a table of contents: tabs stand in any order, and each is one folder and one line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import tsumami.app
from tsumami.app import page
from tsumami.app.words.texts import Texts
from tsumami.app.work.common import Common
from tsumami.app.work.shelf import ModelChoice, Shelf

TABS = Path(tsumami.app.__file__).parent / "tabs"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(ModelChoice("smollm2"))


def built(shelf: Shelf) -> dict[str, Any]:
    """The page's layout and events."""

    async def build() -> dict[str, Any]:  # Gradio wants a loop, and would leave one of its own open
        config: dict[str, Any] = page.build(Texts("en"), Common(shelf), 2048).config
        return config

    with ThreadPoolExecutor(1) as thread:  # Playwright's tests leave a loop running in this one
        return thread.submit(asyncio.run, build()).result()


def names(config: dict[str, Any]) -> list[str]:
    """The tabs as they stand."""
    kinds = {part["id"]: part for part in config["components"]}

    def walk(node: dict[str, Any]) -> Iterator[str]:
        part = kinds.get(node["id"])
        if part and part["type"] == "tabitem":
            yield str(part["props"]["id"])
            return
        for child in node.get("children", ()):
            yield from walk(child)

    return list(walk(config["layout"]))


def test_every_folder_of_tabs_is_a_tab(shelf: Shelf) -> None:
    folders = {path.name for path in TABS.iterdir() if (path / "tab.py").is_file()}
    assert {"next_token" if name == "next" else name for name in names(built(shelf))} == folders


def test_tabs_can_stand_in_any_order(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, tabs = built(shelf), page._tabs
    monkeypatch.setattr(page, "_tabs", lambda *given: tabs(*given)[::-1])
    turned = built(shelf)
    assert names(turned) == names(usual)[::-1]
    assert len(turned["dependencies"]) == len(usual["dependencies"])
    there = {part["id"] for part in turned["components"]}
    for event in turned["dependencies"]:
        assert {*event["inputs"], *event["outputs"]} <= there, event["api_name"]
