"""Stop ends what computes in its middle: nothing more is begun in the engine, and the page looks as it did before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import gradio as gr
import pytest
from tests.support.slow_shelf import SlowShelf

from tsumami.app.parts import model_bar
from tsumami.app.tabs.chat.tab import ChatTab
from tsumami.app.tabs.compare.tab import CompareTab
from tsumami.app.tabs.learn.tab import LearnTab
from tsumami.app.tabs.microscope.tab import MicroscopeTab
from tsumami.app.tabs.next_token.tab import NextTokenTab
from tsumami.app.words.texts import Texts
from tsumami.app.work.common import Common
from tsumami.app.work.conversation import Conversation, ReplyFacts
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import loading as engine_loading
from tsumami.model import Model
from tsumami.prompts import Exchange
from tsumami.settings import Settings

EN: Final = Texts("en")
HERE: Final = ModelChoice("smollm2")
PLAIN: Final = ("raw", "auto", "", True)
READER: Final[Any] = SimpleNamespace(session_hash="a")


def event(**data: Any) -> Any:
    return SimpleNamespace(_data=data, **data)


@dataclass
class Case:
    """What is asked for, how it is stopped, and the answer that leaves the page as it was."""

    ask: Callable[[], Any]
    stop: Callable[[str], object]
    before: Callable[[Any], bool]


def skipped(answer: Any) -> bool:
    return bool(answer == gr.skip())


def why_not(shelf: Any, model: Model) -> Case:
    tab = MicroscopeTab(EN, shelf)
    tab.open(READER, model.run("Once", seed=1, max_tokens=4), 2)
    return Case(lambda: tab.on_why(READER, HERE, "#500"), tab.stop, skipped)


def a_candidate(shelf: Any, model: Model) -> Case:
    tab = MicroscopeTab(EN, shelf)
    tab.open(READER, model.run("Once", seed=1, max_tokens=4), 2)
    return Case(lambda: tab.on_candidate(event(to=500), READER, HERE), tab.stop, skipped)


def what_each_knob_did(shelf: Any, model: Model) -> Case:
    tab = MicroscopeTab(EN, shelf)
    tab.open(READER, model.run("Once", seed=1, max_tokens=4), 2)
    return Case(lambda: tab.on_audit(READER, HERE, "all"), tab.stop, skipped)


def opening(shelf: Any, model: Model) -> Case:
    tab = MicroscopeTab(EN, shelf)
    stored = talk(model, 1).to_json()
    return Case(lambda: tab.on_last(READER, HERE, stored, "final"), tab.stop, skipped)


def a_pair(shelf: Any, _: Model) -> Case:
    tab = CompareTab(EN, shelf)
    lanes = "temperature=3\ntemperature=0\nseed=3"
    list(tab.on_compare(READER, HERE, "Once", *PLAIN, False, 1, 6, lanes, None))
    return Case(lambda: tab.on_reference(event(to="1"), READER, HERE), tab.stop, unexplained)


def unexplained(answer: Any) -> bool:
    return EN("compare.unexplained") in answer and 'aria-pressed="true"' not in answer


def rolls(shelf: Any, _: Model) -> Case:
    tab = NextTokenTab(EN, shelf, 2048)
    return Case(lambda: tab.on_roll(READER, HERE, "Once upon", *PLAIN, None), tab.stop, skipped)


def next_token(shelf: Any, _: Model) -> Case:
    tab = NextTokenTab(EN, shelf, 2048)
    return Case(lambda: tab.on_turn(READER, HERE, "Once upon", *PLAIN, None, 0), tab.stop, skipped)


def talk(model: Model, count: int) -> Conversation:
    """A message with so many replies."""
    runs = [model.run("Once", seed=1, max_tokens=4, temperature=1.0 + at) for at in range(count)]
    first, *more = (Exchange("Once", run.text, ReplyFacts.of(run)) for run in runs)
    conversation = Conversation((first,))
    for one in more:
        conversation = conversation.beside().answered(one.reply, one.facts)
    return conversation


def two_replies(shelf: Any, model: Model) -> Case:
    tab, stored = ChatTab(EN, Common(shelf), 2048), talk(model, 2).to_json()
    ask = event(exchange=0)
    return Case(lambda: tab.on_look(ask, READER, HERE, stored), tab.stop, lambda shown: shown["why"]["picture"] == "")


def tokens_of_a_reply(shelf: Any, model: Model) -> Case:
    tab, stored = ChatTab(EN, Common(shelf), 2048), talk(model, 1).to_json()
    ask = event(exchange=0, tokens=True)
    return Case(lambda: tab.on_look(ask, READER, HERE, stored), tab.stop, lambda shown: not shown["tokens"]["tokens"])


def three_beginnings(shelf: Any, _: Model) -> Case:
    tab = LearnTab(EN, shelf)
    return Case(lambda: tab.on_variants(READER, HERE, "Once"), tab.stop, lambda shown: shown == "")


EVERYTHING: Final = (
    why_not, a_candidate, what_each_knob_did, opening, a_pair, rolls, next_token, two_replies, tokens_of_a_reply,
    three_beginnings,
)  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    shelf = Shelf(ModelChoice("smollm2"))
    with shelf.lend() as lent:
        yield lent
    shelf.close()


@pytest.mark.parametrize("case", EVERYTHING)
def test_a_stop_in_the_middle_ends_it_before_anything_more_is_begun(
    case: Any, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: told.append(text))
    asked, begun, submit = case(SlowShelf(model), model), [], model.engine.submit

    def noted(program: Any) -> Any:
        begun.append(submit(program))
        asked.stop("a")
        return begun[-1]

    monkeypatch.setattr(model.engine, "submit", noted)
    answer = asked.ask()
    assert asked.before(answer), answer
    assert len(begun) == 1
    assert told == []


@pytest.mark.parametrize("case", EVERYTHING)
def test_another_reader_s_stop_ends_nothing(case: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, submit = case(SlowShelf(model), model), model.engine.submit

    def noted(program: Any) -> Any:
        asked.stop("another")
        return submit(program)

    monkeypatch.setattr(model.engine, "submit", noted)
    assert not asked.before(asked.ask())


def test_lanes_that_were_stopped_are_shown_unexplained_and_one_press_explains_them(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = CompareTab(EN, SlowShelf(model))
    made = tab.on_compare(READER, HERE, "Once", *PLAIN, False, 1, 400, "temperature=3\ntemperature=0", None)
    next(shown for shown in made if '<p translate="no"></p>' not in shown.lanes)  # each has a token by now
    computed: list[Any] = []
    submit = model.engine.submit
    monkeypatch.setattr(model.engine, "submit", lambda program: (computed.append(program), submit(program))[1])
    tab.stop("a")
    last = list(made)[-1]
    assert computed == []
    assert unexplained(last.why)
    assert last.measured
    assert EN("compare.why") in tab.on_reference(event(to="0"), READER, HERE)


# --- loading a model

STAGES: Final = ("resolve", "prepared", "try_first", "NativeModel", "remembered_check")
"""What loading does, one after the other (engine/loading.py); between the second and the third it reads the file."""


@pytest.mark.parametrize("stage", STAGES)
def test_a_model_that_is_being_loaded_is_stopped_wherever_it_is(
    stage: str, little_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path))  # where nothing is known of the file yet
    shelf = Shelf(HERE)
    loading = model_bar.ModelLoading(EN, shelf)
    really, begun = getattr(engine_loading, stage), []

    def stopped_here(*given: Any, **named: Any) -> Any:
        begun.append(stage)
        loading.stop("a")
        return really(*given, **named)

    monkeypatch.setattr(engine_loading, stage, stopped_here)
    monkeypatch.setattr(model_bar, "naming", lambda *_: contextlib.nullcontext())
    request: Any = SimpleNamespace(session_hash="a", request=None)
    monkeypatch.setattr(model_bar, "at_home", lambda _: True)
    progress: Any = lambda *_, **__: None  # noqa: E731  (as Gradio's)
    *_, news = loading.on_load_model(str(little_file), 512, False, request, progress)
    assert begun == [stage]
    assert EN("model.stopped") in news.line
    assert news.choice == gr.skip()
    assert not shelf.has(ModelChoice(str(little_file), engine_loading.EngineOptions(n_ctx=512)))
    shelf.close()


def test_a_model_loads_again_after_it_was_stopped(little_file: Path) -> None:
    shelf, asked = Shelf(HERE), iter((True, False))
    choice = ModelChoice(str(little_file), engine_loading.EngineOptions(n_ctx=512))
    from tsumami.errors import CancelledError

    with pytest.raises(CancelledError), shelf.lend(choice, wanted=lambda: next(asked, False)):
        pass
    with shelf.lend(choice) as model:
        assert model.run("Once", Settings(max_tokens=1)).steps
    shelf.close()
