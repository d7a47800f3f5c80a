"""Every tab's handlers, called as Gradio calls them: who stops or leaves in time gets nothing afterwards, and nothing
stays in the engine; and however many others come, everybody's work is still their own.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import gradio as gr
import pytest
from tests.support.slow_shelf import SlowShelf, note_what_is_submitted

from tsumami.app.parts import knob_panel
from tsumami.app.tabs.chat.interval_bars import IntervalBars
from tsumami.app.tabs.chat.tab import ChatTab
from tsumami.app.tabs.compare.tab import CompareTab
from tsumami.app.tabs.grid.tab import GridTab
from tsumami.app.tabs.learn.tab import LearnTab
from tsumami.app.tabs.map.tab import MapTab
from tsumami.app.tabs.microscope import tab as microscope_tab
from tsumami.app.tabs.microscope.tab import MicroscopeTab
from tsumami.app.tabs.next_token.tab import NextTokenTab
from tsumami.app.tabs.write.tab import WriteTab
from tsumami.app.words.texts import Texts
from tsumami.app.work.common import Common
from tsumami.app.work.conversation import Conversation, ReplyFacts
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions
from tsumami.model import Model
from tsumami.prompts import Exchange
from tsumami.settings import Settings

HERE: Final = ModelChoice("smollm2", EngineOptions(threads=1))
EN: Final = Texts("en")
AS_CHAT: Final = ("chat", "auto", "", True)
PLAIN: Final = ("raw", "auto", "", True)
#: More tokens than a test waits for; and it may not end by itself.
ENDLESS: Final = Settings(max_tokens=2000, seed=1, logit_bias={0: float("-inf"), 2: float("-inf")})


def reader(name: str = "a") -> Any:
    return SimpleNamespace(session_hash=name)


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    shelf = Shelf(HERE)
    with shelf.lend() as lent:
        yield lent
    shelf.close()


@pytest.fixture
def submitted(model: Model, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tickets of all that was begun in the engine."""
    return note_what_is_submitted(model, monkeypatch)


@pytest.fixture
def shelf(model: Model) -> Any:
    return SlowShelf(model)


@dataclass
class Case:
    """Something that a reader can ask for, and how they take it back."""

    ask: Callable[[Any], Any]
    stop: Callable[[Any], object] | None
    leave: Callable[[Any], object]
    submits: bool = True


def laid_out(build: Callable[[], object]) -> Any:
    """What `build` makes. Where no event loop runs, Gradio's blocks make one and leave it open."""

    async def build_it() -> object:
        return build()

    return asyncio.run(build_it())


def chat(shelf: Any, settings: Settings = ENDLESS) -> Case:
    return chat_of(ChatTab(EN, Common(shelf), 2048), settings)


def chat_of(tab: ChatTab, settings: Settings = ENDLESS) -> Case:
    how = [HERE, "auto", "", -1, True, knob_panel.contents(settings), False, "auto", 1.0]

    def ask(request: Any) -> Iterator[Any]:
        return tab.on_send(request, "Count.", Conversation().to_json(), *how)

    return Case(ask, tab.on_stop, tab.on_unload)


def compare(shelf: Any) -> Case:
    tab = CompareTab(EN, shelf)

    def ask(request: Any) -> Iterator[Any]:
        return tab.on_compare(request, HERE, "Once", *AS_CHAT, False, 1, 2000, "top_k=40\ntop_k=100", None)

    return Case(ask, tab.on_stop, tab.on_gone)


def knob_map(shelf: Any) -> Case:
    tab = MapTab(EN, shelf, MicroscopeTab(EN, shelf))

    def ask(request: Any) -> Iterator[Any]:
        return tab.on_map(request, HERE, 2000, 4, "Once", *AS_CHAT, False, 0, "temperature", 0.0, 2.0, None)

    return Case(ask, tab.on_stop, tab.on_gone)


def grid(shelf: Any) -> Case:
    tab = GridTab(EN, shelf, MicroscopeTab(EN, shelf), 2048)

    def ask(request: Any) -> Iterator[Any]:
        return tab.on_grid(request, HERE, "Once", *AS_CHAT, False, "top_k", "1,40", "", "", 0, 1, 2000, None)

    return Case(ask, tab.on_stop, tab.on_gone)


def next_token(shelf: Any) -> Case:
    tab = NextTokenTab(EN, shelf, 2048)

    def ask(request: Any) -> Any:
        return tab.on_turn(request, HERE, "Once upon", *AS_CHAT, None, 0)

    return Case(ask, None, tab.on_gone)


def rolls(shelf: Any) -> Case:
    tab = NextTokenTab(EN, shelf, 2048)

    def ask(request: Any) -> Any:
        return tab.on_roll(request, HERE, "Once upon", *AS_CHAT, None)

    return Case(ask, None, tab.on_gone)


def strategy(shelf: Any) -> Case:
    tab = LearnTab(EN, shelf)

    def ask(request: Any) -> Iterator[Any]:
        return tab.on_strategy(request, HERE, "greedy", "Once", 0)

    return Case(ask, None, tab.on_unload)


def measuring(shelf: Any) -> Case:
    tab = LearnTab(EN, shelf)

    def ask(request: Any) -> Iterator[Any]:
        return tab.on_measure(request, HERE, "2,3", 1)

    return Case(ask, tab.on_stop, tab.on_unload)


def twenty_tokens(shelf: Any) -> Case:
    tab = LearnTab(EN, shelf)

    def ask(request: Any) -> Any:
        return tab.on_step(request, HERE, "Once", 1)

    return Case(ask, None, tab.on_unload)


def variants(shelf: Any) -> Case:
    tab = LearnTab(EN, shelf)

    def ask(request: Any) -> Any:
        return tab.on_variants(request, HERE, "Once")

    return Case(ask, None, tab.on_unload)


def write(shelf: Any) -> Case:
    tab = WriteTab(EN, shelf)
    panel = knob_panel.contents(ENDLESS)
    event: Any = SimpleNamespace(_data={"number": 1, "before": "Once upon"})

    def ask(request: Any) -> Iterator[Any]:
        return tab.on_go(event, request, HERE, True, panel)

    return Case(ask, tab.on_stop, tab.on_gone)


def microscope(shelf: Any, model: Model) -> tuple[MicroscopeTab, dict[str, Any]]:
    """The tab with a run in it, and a conversation with such a run."""
    tab = MicroscopeTab(EN, shelf)
    run = model.run("Once", seed=1, max_tokens=4)
    for name in "ab":
        tab.open(reader(name), run, 2)
    facts = ReplyFacts.of(run)
    return tab, Conversation((Exchange("Once", run.text, facts),)).to_json()


def opening(shelf: Any) -> Case:
    tab, stored = microscope(shelf, shelf._model)

    def ask(request: Any) -> Any:
        return tab.on_last(request, HERE, stored, "final")

    return Case(ask, tab.on_stop, tab.on_gone)


def far(shelf: Any) -> Case:
    tab, _ = microscope(shelf, shelf._model)

    def ask(request: Any) -> Any:
        return tab.on_far(request, HERE)

    return Case(ask, tab.on_stop, tab.on_gone)


def audited(shelf: Any) -> Case:
    tab, _ = microscope(shelf, shelf._model)

    def ask(request: Any) -> Any:
        return tab.on_audit(request, HERE, "all")

    return Case(ask, tab.on_stop, tab.on_gone)


def branch(shelf: Any) -> Case:
    tab, _ = microscope(shelf, shelf._model)
    panel = knob_panel.contents(ENDLESS)

    def ask(request: Any) -> Iterator[Any]:
        return tab.on_branch(request, HERE, "#500", True, "final", panel)

    return Case(ask, tab.on_stop, tab.on_gone)


def bars(shelf: Any) -> Case:
    made = IntervalBars(EN, shelf, Keeping(wanted=False))
    _, stored = microscope(shelf, shelf._model)

    def ask(request: Any) -> Any:
        return asyncio.run(made.on_wanted(SimpleNamespace(knobs=["temperature"]), request, HERE, stored, "{}"))

    return Case(ask, None, lambda request: made.stop(request.session_hash))


EVERYTHING: Final = (
    chat, compare, knob_map, grid, next_token, rolls, strategy, measuring, twenty_tokens, variants, opening, far,
    audited, branch, bars, write,
)  # fmt: skip
STOPPABLE: Final = (chat, compare, knob_map, grid, measuring, far, branch, write)
GENERATING: Final = (chat, compare, knob_map, grid, strategy, branch, write)


def shown(asked: Any) -> list[Any]:
    """What the page would be told that is news."""
    answers = list(asked) if isinstance(asked, Iterator) else [asked]
    return [answer for answer in answers if not _is_silent(answer)]


def _is_silent(answer: Any) -> bool:
    """Whether the page stays as it is: nothing, or `gr.skip()` for every part."""
    if isinstance(answer, (list, tuple)):
        return all(map(_is_silent, answer))
    return answer in (None, "", gr.skip())


def ended(tickets: list[Any]) -> bool:
    """Whether all that was begun has come to its end."""
    for ticket in tickets:
        ticket.future.exception(10)
    return True


# --- in time


@pytest.mark.parametrize("case", EVERYTHING)
def test_who_leaves_while_the_model_loads_has_nothing_begun_behind_their_back(
    case: Any, shelf: Any, submitted: list[Any]
) -> None:
    asked = case(shelf)
    submitted.clear()
    shelf.during = lambda: asked.leave(reader())
    assert shown(asked.ask(reader())) == []
    assert submitted == []


@pytest.mark.parametrize("case", STOPPABLE)
def test_who_stops_while_the_model_loads_has_nothing_begun_behind_their_back(
    case: Any, shelf: Any, submitted: list[Any]
) -> None:
    asked = case(shelf)
    submitted.clear()
    assert asked.stop is not None
    shelf.during = lambda: asked.stop(reader())
    assert shown(asked.ask(reader())) == []
    assert submitted == []


@pytest.mark.parametrize("leave", ["stop", "leave"])
@pytest.mark.parametrize("case", [chat, compare, knob_map, grid])
def test_who_stops_or_leaves_while_the_prompt_is_made_has_nothing_begun_either(
    case: Any, leave: str, shelf: Any, submitted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = case(shelf)
    make = Model.as_prompt

    def slowly(self: Model, prompt: Any) -> Any:
        getattr(asked, leave)(reader())
        return make(self, prompt)

    monkeypatch.setattr(Model, "as_prompt", slowly)
    told = shown(asked.ask(reader()))
    assert submitted == []
    if case is chat:  # it had shown the message; now the message is in its box again, and the conversation as it was
        assert told[-1][:3] == ([], Conversation().to_json(), "Count.")
    else:
        assert told == []


@pytest.mark.parametrize("case", STOPPABLE)
def test_another_reader_who_stops_changes_nothing(case: Any, shelf: Any) -> None:
    if case is measuring:
        asked = case(shelf)
        shelf.during = lambda: asked.stop(reader("b"))
        assert len(shown(asked.ask(reader()))) > 2
        return
    asked = case(shelf)
    shelf.during = lambda: asked.stop(reader("b"))
    growing = asked.ask(reader())
    assert shown(growing if not isinstance(growing, Iterator) else [next(growing)]) or case is chat
    if isinstance(growing, Iterator):
        asked.stop(reader())
        list(growing)


# --- while it grows


@pytest.mark.parametrize("case", [chat, compare, knob_map, grid, branch])
def test_stop_keeps_what_there_is_and_frees_the_engine(case: Any, shelf: Any, submitted: list[Any]) -> None:
    asked = case(shelf)
    submitted.clear()
    growing = asked.ask(reader())
    next(growing)
    if case is chat:
        next(growing)
    asked.stop(reader())
    assert shown(growing)
    assert ended(submitted)


@pytest.mark.parametrize("case", GENERATING)
def test_who_leaves_frees_the_engine(case: Any, shelf: Any, submitted: list[Any]) -> None:
    asked = case(shelf)
    submitted.clear()
    growing = asked.ask(reader())
    next(growing)
    if case is chat:
        next(growing)
    asked.leave(reader())
    list(growing)
    assert submitted
    assert ended(submitted)


@pytest.mark.parametrize("case", [chat, compare, knob_map, grid, branch])
def test_who_asks_anew_sees_nothing_more_of_what_was_before(case: Any, shelf: Any) -> None:
    asked = case(shelf)
    before = asked.ask(reader())
    drawn = [next(before)]
    thread = threading.Thread(target=drawn.extend, args=(before,))
    thread.start()
    later = asked.ask(reader())
    next(later)
    if case is chat:
        next(later)
    thread.join(20)
    assert not thread.is_alive()
    count = len(drawn)
    asked.stop(reader())
    assert shown(later)
    assert len(drawn) == count


def test_a_reply_that_was_cleared_away_ends_with_nothing(shelf: Any) -> None:
    # what a generator yielded last, Gradio shows once more when it ends: by then the page may show something else
    tab = ChatTab(EN, Common(shelf), 2048)
    asked = chat_of(tab).ask(reader())
    while not next(asked).chat[-1]["reply"]:
        pass
    stored, cleared = Conversation().ask("Count.").to_json(), list[Any]()
    clearing = threading.Thread(target=lambda: cleared.extend(tab.on_clear(reader(), stored)))
    clearing.start()
    *_, last = asked
    clearing.join(20)
    assert _is_silent(last)
    assert not _is_silent(cleared)


@pytest.mark.parametrize("case", [chat, compare, knob_map, grid, branch])
def test_stop_reaches_the_one_that_still_loads_also_when_go_was_pressed_twice(
    case: Any, shelf: Any, submitted: list[Any]
) -> None:
    """The first one waits for the model, too, while the second is asked for and stopped."""
    asked = case(shelf)
    submitted.clear()

    def twice() -> None:
        shelf.during = lambda: asked.stop(reader())
        assert shown(asked.ask(reader())) == []

    shelf.during = twice
    assert shown(asked.ask(reader())) == []
    assert submitted == []


def test_a_branch_that_is_stopped_before_it_reaches_its_token_is_shown_as_far_as_it_came(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = branch(shelf)  # of the run's third token

    def cut_short(backend: Any, *_: object) -> Any:
        return backend.stream("Once", seed=1, max_tokens=1)

    monkeypatch.setattr(microscope_tab, "branch", cut_short)
    assert shown(asked.ask(reader()))


# --- a crowd

CROWD: Final = ("a", *(f"reader {number}" for number in range(2, 41)))  # the 33rd and the 40th are among them


@pytest.mark.parametrize("case", [chat, compare, knob_map, grid])
def test_the_first_readers_work_is_found_by_stop_however_many_came_since(
    case: Any, shelf: Any, submitted: list[Any]
) -> None:
    asked = case(shelf)
    growing = {}
    for name in CROWD:
        growing[name] = asked.ask(reader(name))
        if name in ("a", CROWD[32], CROWD[39]):
            next(growing[name])
            if case is chat:
                next(growing[name])
        else:
            shelf.during = lambda name=name: asked.stop(reader(name))  # type: ignore[misc]  # bound here
            assert shown(growing[name]) == []
            shelf.during = lambda: None
    for name in ("a", CROWD[32], CROWD[39]):
        asked.stop(reader(name))
        assert shown(growing[name])
    assert ended(submitted)


def test_the_first_readers_map_goes_deeper_however_many_came_since(shelf: Any) -> None:
    tab = MapTab(EN, shelf, MicroscopeTab(EN, shelf))

    def ask(name: str) -> Iterator[Any]:
        return tab.on_map(reader(name), HERE, 2, 2, "Once", *PLAIN, False, 0, "temperature", 0.0, 2.0, None)

    for name in CROWD:
        list(ask(name))
    (*_, (tokens, drawn)) = tab.on_deeper(reader("a"), 3, 2)
    assert tokens == 3
    assert json.loads(drawn)


def test_the_first_readers_microscope_hears_every_click_however_many_came_since(shelf: Any, model: Model) -> None:
    tab, _ = microscope(shelf, model)
    run = model.run("Once", seed=1, max_tokens=4)
    for name in CROWD[1:]:
        tab.open(reader(name), run)
    looked = tab.on_token(SimpleNamespace(to=1), reader("a"), HERE, "final")  # type: ignore[arg-type]  # as the event
    assert "data-token" in looked[1]


def test_whose_run_is_no_more_on_the_server_is_told(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Info", told.append)
    tab = MicroscopeTab(EN, shelf)
    event: Any = SimpleNamespace(to=1, _data={"to": 1})
    tab.on_token(event, reader("gone"), HERE, "final")
    tab.on_candidate(event, reader("gone"), HERE)
    tab.on_tree(event, reader("gone"), HERE, "final")
    assert told == [EN("microscope.gone")] * 3


# --- what is asked for with the compare tab's boxes


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(
    ("seed", "most", "named"),
    [
        (None, 8, ("map.seed", "-2147483648", "4294967294")),
        (1.5, 8, ("map.seed", "1.5", "-2147483648", "4294967294")),
        (1, None, ("max_tokens", "0", "2147483647")),
        (1, -3, ("max_tokens", "-3", "0", "2147483647")),
    ],
)
def test_a_box_of_the_compare_tab_that_holds_no_number_is_told(
    language: Any, seed: Any, most: Any, named: tuple[str, ...], shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: told.append(text))
    tab = CompareTab(Texts(language), shelf)
    drawn = tab.on_compare(reader(), HERE, "Once", *PLAIN, False, seed, most, "top_k=40\ntop_k=100", None)
    assert shown(drawn) == []
    assert len(told) == 1
    texts = Texts(language)
    assert all((texts(part) if part == "map.seed" else part) in told[0] for part in named), told


def test_a_negative_seed_of_the_compare_tab_is_a_random_one_and_the_same_in_all_lanes(
    shelf: Any, submitted: list[Any]
) -> None:
    tab = CompareTab(EN, shelf)
    seeds = []
    for seed in (-1, -1, -7):
        submitted.clear()
        list(tab.on_compare(reader(), HERE, "Once", *PLAIN, False, seed, 2, "top_k=40\ntop_k=100", None))
        made = {ticket.result().receipt.seed for ticket in submitted if hasattr(ticket.result(), "receipt")}
        assert len(made) == 1
        seeds.append(made.pop())
    assert len(set(seeds)) > 1


# --- Go, pressed again


def test_go_may_be_pressed_again_while_it_works() -> None:
    """Gradio ignores a second press otherwise, and the page looks dead."""
    from tsumami.app import page

    made = laid_out(lambda: page.build(EN, Common(Shelf(HERE)), 2048))
    go = {"compare-go", "map-go", "grid-go"}
    modes = {
        block.elem_id: made.fns[event].trigger_mode
        for event in made.fns
        for target, _ in made.fns[event].targets
        if (block := made.blocks.get(target)) is not None and block.elem_id in go
    }
    assert modes == dict.fromkeys(go, "multiple")
