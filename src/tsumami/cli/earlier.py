"""An earlier conversation, to go on with: one of the history, by the id of its last reply, or one that a chat saved.

Guarantee: what is read is the whole of it or refused with the reason; nothing of it is generated again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tsumami.cli.files import read_text
from tsumami.cli.kept import is_id
from tsumami.errors import RunFileError, TsumamiError
from tsumami.history import ChatTurn, History, RememberedReply, talk
from tsumami.prompts import Exchange, Talk
from tsumami.quoting import theirs
from tsumami.runs import Run

__all__ = ["Earlier", "earlier"]


@dataclass(frozen=True, slots=True)
class Earlier:
    """A conversation with at least one reply, and how it was held. kept: the id of each run, by the run's `id`."""

    talk: Talk[Run]
    system: str | None
    memory: int | None
    kept: Mapping[int, str] = field(default_factory=dict)

    @property
    def last(self) -> Run:
        """The run of its last reply."""
        run = self.talk.exchanges[-1].facts
        assert run is not None
        return run


def earlier(name: str) -> Earlier:
    """The conversation of an id or a file.

    Raises:
        HistoryError: the history has none of that id, or it is no reply of a chat.
        RunFileError: it is no file that a chat saved.
    """
    return _remembered(name) if is_id(name) else _saved(name)


def _remembered(key: str) -> Earlier:
    with History() as store:
        found = talk(store, key).exchanges
    exchanges = tuple(map(_with_run, found))
    kept = [one.facts for one in found if one.facts is not None]
    turn, ids = kept[-1].turn or ChatTurn(""), {id(one.run): one.entry.key for one in kept}
    return Earlier(Talk(exchanges), turn.system, turn.memory, ids)


def _with_run(one: Exchange[RememberedReply]) -> Exchange[Run]:
    """An exchange with its run; there is none where a reader wrote the reply."""
    run = None if one.facts is None else one.facts.run
    return Exchange(one.user, one.reply, run, one.tokens, one.thought, own=one.own)


def _saved(path: str) -> Earlier:
    try:
        form = json.loads(read_text(path, RunFileError))
        said = [str(message["content"]) for message in form["messages"]]
        runs = [None if run is None else Run.from_json(json.dumps(run)) for run in form["runs"]]
        made: Talk[Run] = Talk()
        for user, reply, run in zip(said[::2], said[1::2], runs, strict=True):
            made = made.ask(user).answered(reply, run, None if run is None else run.reply.tokens)
        found = Earlier(made, form["system"], form["memory"])
    except TsumamiError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RunFileError(f"{path} is no conversation that a chat saved with /save: {error!r}").in_japanese(
            f"{path} は、chat の /save で保存した会話ではありません: {theirs(error)}"
        ) from error
    if not runs or runs[-1] is None:
        raise RunFileError(f"{path}: nothing was said in it that could be gone on with").in_japanese(
            f"{path}: 続きを話せるやりとりがありません"
        )
    return found
