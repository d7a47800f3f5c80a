"""The way of a temperature, from the slider to the draw: few hands, and in each it has its name.

The browser sends the knobs by name among other values in a row. tabs/chat/tab hands them to tabs/chat/form, which gives
every one its name (parts/form). parts/knob_panel and work/knob_values read what is shown as what it means, and settings
builds the `Settings`, which knobs checks: once. From there on it travels inside them (work/replying, model,
runs/generate, sampling), until sampling/stages hands `settings.temperature` to native.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, Final

import pytest

import tsumami
from tsumami.app.parts import knob_panel
from tsumami.app.parts.form import unpacked
from tsumami.app.tabs.chat.form import Form
from tsumami.app.tabs.chat.tab import ChatTab
from tsumami.app.words.texts import Texts
from tsumami.app.work.common import Common
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine.loading import EngineOptions
from tsumami.settings import Settings

ROOT: Final = Path(tsumami.__file__).parent
HERE: Final = ModelChoice("smollm2", EngineOptions(threads=1))
VALUE: Final = 0.7314159
MOST_FILES: Final = 9
READER: Final[Any] = SimpleNamespace(session_hash="a")


class Watched:
    """Where the value itself was held, by which names, and how many settings were built of it."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = {}
        self.built = 0

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event != "call" or ROOT not in file.parents:
            return
        held = dict(frame.f_locals)
        for name, value in held.items():
            if (isinstance(value, float) and value == VALUE) or (isinstance(value, tuple) and VALUE in value):
                self.names.setdefault(str(file.relative_to(ROOT)), set()).add(name)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, dict) and VALUE in one.values():
                    self.names.setdefault(str(file.relative_to(ROOT)), set()).add(f"{name}[temperature]")
                    assert one.get("temperature") == VALUE, f"{file.name}: {name}"
        if frame.f_code.co_name == "__post_init__" and isinstance(held.get("self"), Settings):
            self.built += 1


@contextmanager
def watching() -> Iterator[Watched]:
    watched = Watched()
    threading.setprofile(watched)
    sys.setprofile(watched)
    try:
        yield watched
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.fixture(scope="module")
def tab() -> Iterator[ChatTab]:
    shelf = Shelf(HERE)
    with shelf.lend():
        yield ChatTab(Texts("en"), Common(shelf), 2048)


def how() -> list[Any]:
    """What the browser sends besides the message: the model bar, the knobs, the voice row."""
    contents = {**knob_panel.contents(Settings()), "temperature": VALUE, "max_tokens": 3}
    return [HERE, "auto", "", -1, True, contents, False, "auto", 1.0]


def test_the_form_gives_every_value_its_name() -> None:
    form = Form.of(how())
    assert (form.talk.choice, form.talk.memory, form.voice.speed) == (HERE, -1, 1.0)
    assert form.settings().temperature == VALUE
    assert form.settings(seed=5) == Settings(temperature=VALUE, max_tokens=3, seed=5)
    with pytest.raises(AssertionError, match="names"):
        unpacked([1, 2, 3], ("a", "b"))
    with pytest.raises(AssertionError, match="names"):
        unpacked([1], ("a", "b"))


def test_from_the_slider_to_the_draw_it_is_in_few_hands_and_settings_are_built_once(tab: ChatTab) -> None:
    sent = how()
    with watching() as watched:
        *_, last = tab.on_send(READER, "Hello", None, *sent)
    assert Conversation.from_json(last.store).exchanges[-1].facts
    assert next(iter(watched.names)) == "app/tabs/chat/tab.py"
    assert list(watched.names)[-1] == "native.py"
    assert len(watched.names) <= MOST_FILES, list(watched.names)
    assert watched.built == 1


@pytest.mark.parametrize("press", ["on_again", "on_new_seed"])
def test_another_seed_builds_no_second_settings(tab: ChatTab, press: str) -> None:
    sent = how()
    *_, said = tab.on_send(READER, "Hello", None, *sent)
    with watching() as watched:
        *_, last = getattr(tab, press)(READER, said.store, *sent)
    before, after = (Conversation.from_json(one.store).exchanges[-1].facts for one in (said, last))
    assert before is not None
    assert after is not None
    assert (before.seed == after.seed) is (press == "on_again")
    assert watched.built == 1
