"""A shelf whose model takes a while to load, so that something can happen meanwhile, and what an engine was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from tsumami.app.work.shelf import ModelChoice
from tsumami.model import Model
from tsumami.stopping import check_wanted, while_wanted


class SlowShelf:
    """A shelf that has one model; `during` is what happens while it is loaded."""

    default: Final = ModelChoice()

    def __init__(self, model: Model) -> None:
        self._model = model
        self.during: Callable[[], object] = lambda: None

    @contextmanager
    def lend(
        self,
        _choice: ModelChoice | None = None,
        _report: object = None,
        *,
        wanted: Callable[[], bool] | None = None,
    ) -> Iterator[Model]:
        with while_wanted(wanted):
            self.during()
            check_wanted()
        yield self._model


def note_what_is_submitted(model: Model, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tickets of all that is begun in the model's engine from now on."""
    tickets: list[Any] = []
    submit = model.engine.submit

    def noted(program: Any) -> Any:
        tickets.append(submit(program))
        return tickets[-1]

    monkeypatch.setattr(model.engine, "submit", noted)
    return tickets
