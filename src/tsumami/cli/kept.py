"""Keeping: what the commands make goes into the history, and an id stands wherever a saved file can.

Guarantee: a history that cannot be opened or written is said once and is in nobody's way. `--no-history` and
TSUMAMI_HISTORY=off keep nothing, and open nothing.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from tsumami.cli.options import option
from tsumami.cli.output import note
from tsumami.cli.words import say, told
from tsumami.errors import HistoryError
from tsumami.history import history_is_off

if TYPE_CHECKING:
    from tsumami.history import ChatTurn, Entry, History
    from tsumami.runs import Receipt, Run

SHORT: Final = 8
"""Characters of an id that are shown; as many as are one's own are enough to name it."""

_KEY: Final = re.compile(r"[0-9a-z]{4,16}")


@dataclass(slots=True)
class KeepOptions:
    """Whether what is made is kept."""

    wanted: bool = True
    _store: History | None = field(default=None, init=False)

    @classmethod
    def parameters(cls) -> list[inspect.Parameter]:
        """The option."""
        text = say("結果を履歴に残す（既定）/ 残さない", "keep the result in the history (the default), or not")
        return [option("history", bool, "--history/--no-history", default=True, help=text)]

    @classmethod
    def from_options(cls, values: dict[str, Any]) -> KeepOptions:
        """The group from the values that Typer parsed."""
        return cls(values["history"] and not history_is_off(os.environ))

    def run(
        self, run: Run, *, kind: str = "run", parent: str | None = None, turn: ChatTurn | None = None
    ) -> str | None:
        """Keep a run; gives its id, or None if it is not kept."""
        return self._kept(lambda store: store.add(run, kind=kind, parent=parent, turn=turn))

    def result(self, form: str, kind: str, receipt: Receipt) -> str | None:
        """Keep a map or a grid."""
        return self._kept(lambda store: store.add_result(form, kind, receipt))

    def _kept(self, add: Callable[[History], Entry]) -> str | None:
        if not self.wanted:
            return None
        from tsumami.history import History

        try:
            if self._store is None:
                self._store = History()
            return add(self._store).key
        except HistoryError as error:
            self.wanted = False
            note(say(f"履歴に残していません: {told(error)}", f"not kept in the history: {error}"))
            return None


def id_note(key: str | None) -> str:
    """What a line of facts says of an id: ` · id 3f8k2m9q`, or nothing."""
    return "" if key is None else f" · id {key[:SHORT]}"


def run_argument(ja: str, en: str, name: str = "RUN.JSON") -> Any:
    """The argument of a command that takes a saved run: a file or an id. What it is said to be, in ja and en."""
    return typer.Argument(
        metavar=f"{name}|ID",
        show_default=False,
        help=say(f"{ja}（ファイル、または履歴の id）", f"{en}: a file or an id"),
    )


def is_id(name: str | Path) -> bool:
    """Whether a name is meant as an id of the history: it could be one, and no file is called so."""
    return not Path(name).exists() and _KEY.fullmatch(str(name)) is not None


def saved_run(name: str | Path) -> Run:
    """The run of a file, or of the history's entry of that id.

    Raises:
        RunFileError: the file cannot be read.
        HistoryError: no file and no id, or the history cannot be opened.
    """
    from tsumami.runs import Run

    if not is_id(name):
        return Run.load(name)
    from tsumami.history import History

    with History() as store:
        return store.get(str(name))
