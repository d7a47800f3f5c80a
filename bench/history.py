"""The history: what keeping costs a run, and how soon 100,000 kept runs are searched, shown and listed.

Keeping: the same prompt, settings and seed through `Model.stream` in this process, alone and with the record that the
page keeps of a reply (written as it grows and when it ends, to a store on disk), in turns. Compared is processor time,
since whoever keeps stands beside the engine: what waits for the disk holds no token up.

Searching: a store of made runs (random words in English and Japanese, a hundred tokens each, a few hundred settings,
three models, one in fifty starred or tagged). Of each search: the page of fifty that the tab shows, with how many there
are; the slowest search is the figure. The tab's first page is its handler's answer as the browser gets it.
`tsumami history` is the whole process, timed from outside. Of each the time that a reader waits is the figure, and the
processor's time (that of a process that was started, too) stands beside it. `--entries` makes another number of runs.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import tsumami
from bench.measuring import Ratio, in_turns, ratio
from bench.options import PROMPT, ROOT, Options
from bench.report import Goal, Row, Table
from tsumami.app.tabs.history.tab import HistoryTab
from tsumami.app.tabs.history.view import found
from tsumami.app.words.texts import Texts
from tsumami.app.work.keeping import Keeper, Keeping
from tsumami.history import ChatTurn, History
from tsumami.history.results import finished
from tsumami.history.rows import new_key, place

EN: Final = Texts("en")
_TOKENS: Final = 100
_WORDS: Final = (
    *("sea", "night", "lamp", "keeper", "storm", "letter", "garden", "winter", "stone", "river", "child", "clock"),
    *("road", "voice", "mountain", "window", "bread", "music", "海辺", "夕焼け", "灯台", "手紙", "冬の夜", "庭", "石"),
    *("川のほとり", "時計", "道", "声", "山", "窓", "音楽", "朝", "雨", "星空", "風", "猫", "犬", "旅人", "物語", "詩"),
)
_RARE: Final = "kaleidoscope"
_SEARCHES: Final = (
    "",
    "lamp",
    "lamp keeper -storm",
    "夕焼け",
    "海辺",
    "猫",
    "q",
    _RARE,
    "nothingatall",
    "temperature>1.5 top_k=40",
    "model:second",
    "kind:map",
    "seed=4242",
    "tag:poem lamp",
    "is:starred 灯台",
    "is:unfinished",
    "lang:ja stop:eog",
    "since:2026-01-01 before:2026-01-02",
    "id:0",
    "(猫 OR 犬) -雨 temperature<0.5",
)


def measure(options: Options) -> list[Table]:
    """Ratios and milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        with tsumami.load(options.model, threads=options.n_threads) as model, History(path) as store:
            kept = _keeping(model, store, options)
            _fill(store, model.run(PROMPT, seed=1, max_tokens=_TOKENS), options.entries)
            searches = {
                query: _milliseconds(lambda q=query: found(EN, store, q, 0, first=False), options)
                for query in _SEARCHES
            }
            first = _milliseconds(_first_page(path), options)
            last = store.find(limit=1)[0].key
            opened = _milliseconds(lambda: store.get(last), options)
            size = path.stat().st_size
        listed = _milliseconds(lambda: _listed(folder), options)
    slowest = max(searches, key=lambda query: searches[query].waited.median)
    each = {f"{query or 'everything'!r}": f"{one.waited.median:.1f}" for query, one in searches.items()}
    stored = {"store": f"{size / 2**20:.0f} MB"}
    what = f"search of {options.entries:,} runs, ms: slowest ({slowest!r})"
    rows = [
        Row("a reply that is kept / one that is not", Goal("<", 1.02), kept),
        Row(what, Goal("<", 100), searches[slowest].waited, searches[slowest].figures | each),
        Row("the tab's first page, ms", Goal("<", 200), first.waited, first.figures | stored),
        Row("one run by its id, ms", None, opened.waited, opened.figures),
        Row("tsumami history, ms", Goal("<", 500), listed.waited, listed.figures),
    ]
    return [Table("history", "what was kept", rows)]


def _keeping(model: tsumami.Model, store: History, options: Options) -> Ratio:
    """Processor time of a reply with its record, by that of one without: waiting for the disk holds no token up."""
    base = tsumami.Settings(max_tokens=options.tokens, seed=1, ignore_eos=True)

    def reply(keeper: Keeper) -> float:
        begin = time.process_time()
        with model.stream(PROMPT, base) as stream, keeper.reply(stream, ChatTurn(PROMPT), None) as record:
            for step in stream:
                record.take(step)
            record.end(stream.run)
        return time.process_time() - begin

    reply(Keeper(store))
    made = in_turns({"kept": lambda: reply(Keeper(store)), "alone": lambda: reply(Keeper())}, options.turns)
    return ratio(made["kept"], made["alone"])


def _fill(store: History, run: tsumami.Run, entries: int) -> None:
    """Put made runs into a store, all in one transaction."""
    dice, body, begin = random.Random(1), finished(run), time.time() - 60 * entries
    knobs = [
        run.settings.replace(temperature=dice.randrange(20) / 10, top_k=dice.randrange(20, 60)) for _ in range(300)
    ]
    receipts = [replace(run.receipt, settings=one) for one in knobs]
    cards = [replace(run.receipt.model, name=name) for name in ("first", "second-1B", "third-7B")]
    with store._database.writing() as connection:
        for number in range(entries):
            asked, said = (" ".join(dice.choices(_WORDS, k=count)) for count in (12, 60))
            text = f"{said} {_RARE}" if number % 30_000 == 7 else said
            receipt = replace(
                dice.choice(receipts), prompt=asked, seed=dice.randrange(10_000), model=dice.choice(cards)
            )
            values = {"key": new_key(), "owner": "", "kind": "chat", "made": begin + 60 * number}
            values["starred"] = number % 50 == 0
            entry = place(connection, receipt, replace(body, text=text), None, asked, values)
            if number % 50 == 1:
                connection.execute("INSERT INTO tags VALUES (?, 'poem')", (entry,))


def _first_page(path: Path) -> Callable[[], object]:
    """What the tab answers when it is opened."""
    nobody: Any = None
    tab = HistoryTab(EN, nobody, nobody, Keeping(path=path))
    here = SimpleNamespace(client=SimpleNamespace(host="127.0.0.1"), headers={"host": "localhost"})
    request: Any = SimpleNamespace(request=here, username=None, session_hash="s")
    event: Any = SimpleNamespace(_data={"query": "", "page": 0, "first": True})

    def answer() -> object:
        cards = json.loads(tab.on_find(event, request))["cards"]
        assert len(cards) == 50
        return cards

    return answer


def _listed(folder: str) -> None:
    command = [str(Path(sys.executable).with_name("tsumami")), "history"]
    environment = os.environ | {"TSUMAMI_DATA": folder}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 20


class _Spent(NamedTuple):
    """Milliseconds: those that somebody waited, and those of the processor."""

    waited: Ratio
    processor: Ratio

    @property
    def figures(self) -> dict[str, float | str]:
        """The processor's, for orientation."""
        return {"processor ms": f"{self.processor.median:.1f} (at most {self.processor.highest:.1f})"}


def _milliseconds(act: Callable[[], object], options: Options) -> _Spent:
    act()  # once for the caches
    waited, worked = list[float](), list[float]()
    for _ in range(options.turns.least):
        begin, before = time.perf_counter(), _processor_time()
        act()
        waited.append(1000 * (time.perf_counter() - begin))
        worked.append(1000 * (_processor_time() - before))
    return _Spent(*(Ratio.of(spent) for spent in (waited, worked)))


def _processor_time() -> float:
    """Seconds of this process and of those that it has started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
