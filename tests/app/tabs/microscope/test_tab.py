"""The microscope's handlers, without a page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from tsumami.app.tabs.microscope import view
from tsumami.app.tabs.microscope.tab import MicroscopeTab
from tsumami.app.words.texts import Texts
from tsumami.app.work.shelf import ModelChoice
from tsumami.explain import audit
from tsumami.runs import Run
from tsumami.runs.run import RunPart
from tsumami.sampling.thinking import MARKS
from tsumami.testing import ScriptedModel, saying

START, END = MARKS[0]
READER: Any = SimpleNamespace(session_hash="a")
HERE = ModelChoice()


def opened(reply: str) -> tuple[MicroscopeTab, Run]:
    """The tab with a run open that has said this."""
    model = ScriptedModel(saying(reply), template=f"{START}{END}")

    @contextlib.contextmanager
    def lend(*_: object, **__: object) -> Iterator[ScriptedModel]:
        yield model

    shelf: Any = SimpleNamespace(lend=lend)
    tab, run = MicroscopeTab(Texts("en"), shelf), model.run("x", temperature=0.5, repeat_penalty=1.5, seed=0)
    tab.open(READER, run)
    return tab, run


def test_of_a_run_that_thinks_either_part_is_counted() -> None:
    tab, run = opened(f"{START}Hm, hm, hm.{END}4.")
    assert tab.on_show(READER, HERE, "final").part["visible"]
    tables = {part: tab.on_audit(READER, HERE, part) for part in get_args(RunPart)}
    assert tables == {part: view.audit_table(Texts("en"), audit(run, part)) for part in tables}
    assert len(set(tables.values())) == 3


@pytest.mark.parametrize("reply", ["4.", "Hm."])
def test_of_one_that_does_not_there_are_no_parts_to_choose_from(reply: str) -> None:
    tab, _ = opened(reply)
    assert not tab.on_show(READER, HERE, "final").part["visible"]
