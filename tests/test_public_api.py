"""The public API: what it is, that each name explains itself, and that importing it costs nothing."""

from __future__ import annotations

import functools
import importlib
import inspect
import subprocess
import sys
import types

import pytest

import tsumami

#: The API as it was agreed on. A change here is a change for users: it belongs into the release notes.
GOLDEN = [
    "KNOBS",
    "PRESETS",
    "Candidates",
    "History",
    "Ledger",
    "Memory",
    "Message",
    "Model",
    "Prompt",
    "Receipt",
    "Run",
    "Settings",
    "Step",
    "Stream",
    "Verification",
    "__version__",
    "history",
    "load",
]
#: Public methods and properties of what users hold in their hands.
MEMBERS = {
    "Model": [
        "as_prompt",
        "asks_thinking",
        "chat",
        "chat_template",
        "chooses_there",
        "close",
        "compare",
        "comparing",
        "detokenize",
        "engine",
        "engine_card",
        "exactness",
        "format",
        "go_on",
        "grid",
        "gridding",
        "idle_knobs",
        "intervals",
        "knob_map",
        "lacks",
        "mapping",
        "model_card",
        "n_ctx",
        "name",
        "options",
        "prompt",
        "recommended",
        "replayer",
        "run",
        "shape",
        "stream",
        "templates",
        "thinking",
        "tokenize",
        "tokenizer",
        "usage",
        "verify",
        "vocab",
    ],
    "Run": [
        "answer",
        "attach",
        "completeness",
        "from_json",
        "ledger",
        "ledgers",
        "load",
        "message",
        "part",
        "receipt",
        "replay",
        "replayer",
        "reply",
        "save",
        "settings",
        "steps",
        "stop_reason",
        "stop_string",
        "text",
        "thinking",
        "thought",
        "timings",
        "to_json",
        "tokens",
        "trouble",
    ],
    "Stream": ["cancel", "receipt", "run"],
}
ROOMS = [
    "engine",
    "errors",
    "explain",
    "history",
    "knobs",
    "models",
    "presets",
    "prompts",
    "runs",
    "sampling",
    "settings",
    "storage",
    "testing",
]


def test_the_names_are_the_agreed_ones() -> None:
    assert tsumami.__all__ == GOLDEN
    assert dir(tsumami) == sorted(GOLDEN)


@pytest.mark.parametrize(("name", "members"), MEMBERS.items(), ids=MEMBERS)
def test_the_members_are_the_agreed_ones(name: str, members: list[str]) -> None:
    assert [member for member in dir(getattr(tsumami, name)) if not member.startswith("_")] == members


@pytest.mark.parametrize("name", [name for name in GOLDEN if name[0].isalpha()])
def test_every_name_and_member_explains_itself(name: str) -> None:
    thing = getattr(tsumami, name)
    if name.isupper():
        assert len(thing) > 0
        return
    assert thing.__doc__
    assert not thing.__doc__.startswith(f"{name}("), "that is the text that dataclass makes up"
    if isinstance(thing, type):
        own = {name: value for name, value in vars(thing).items() if not name.startswith("_")}
        kinds = property | classmethod | types.FunctionType | functools.cached_property
        assert [name for name, value in own.items() if isinstance(value, kinds) and not value.__doc__] == []


def test_a_name_is_the_same_object_as_in_its_room() -> None:
    from tsumami.runs import Run
    from tsumami.settings import Settings

    assert tsumami.Run is Run
    assert tsumami.Settings is Settings


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'tsumami' has no attribute 'lod'"):
        _ = tsumami.lod
    with pytest.raises(ImportError):
        exec("from tsumami import Modell")  # noqa: S102  (the import statement is what is tested)


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_lists_is_there_and_explained(room: str) -> None:
    made = importlib.import_module(f"tsumami.{room}")
    assert made.__doc__
    for name in made.__all__:
        thing = getattr(made, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):  # an alias of a type has no docstring of its own
            assert thing.__doc__, name


@pytest.mark.parametrize("room", ["engine", "models"])
def test_a_face_lists_what_it_has_and_nothing_else(room: str) -> None:
    made = importlib.import_module(f"tsumami.{room}")
    assert dir(made) == sorted(made.__all__)
    assert sorted(made._HOMES) == sorted(made.__all__)
    with pytest.raises(AttributeError, match=f"'tsumami.{room}' has no attribute 'lod'"):
        _ = made.lod


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, timeout=60)
    return set(done.stdout.split())


HEAVY = {"llama_cpp", "gradio", "marimo", "altair", "pandas", "numpy", "pydantic", "jinja2", "faster_whisper"}


def test_importing_tsumami_loads_nothing_heavy() -> None:
    assert loaded_by("import tsumami; dir(tsumami); tsumami.__version__") & HEAVY == set()


@pytest.mark.parametrize("name", ["Settings", "KNOBS", "PRESETS"])
def test_settings_and_knobs_need_no_engine(name: str) -> None:
    assert loaded_by(f"import tsumami; tsumami.{name}") & HEAVY == set()


def test_models_are_listed_and_found_without_llama_cpp() -> None:
    found = "from tsumami.models import catalogue, resolve; catalogue(); resolve()"
    assert loaded_by(found) & (HEAVY - {"pydantic"}) == set(), "huggingface_hub may load pydantic"
    assert loaded_by("import tsumami.engine; tsumami.engine.__doc__") & HEAVY == set()


def test_a_model_needs_no_page() -> None:
    loaded = loaded_by("import tsumami; tsumami.load")
    assert "llama_cpp" in loaded
    assert loaded & {"gradio", "marimo", "altair", "pandas", "faster_whisper"} == set()


def test_reading_a_run_needs_no_weights() -> None:
    assert loaded_by("from tsumami import Run") & {"gradio", "marimo", "altair", "pandas", "pydantic"} == set()
