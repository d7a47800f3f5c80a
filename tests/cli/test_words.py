"""Which language is spoken, and that both languages say everything."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from typer.main import get_command

from tsumami.cli import words
from tsumami.cli.front import build
from tsumami.cli.help import wrapped
from tsumami.knobs import GROUPS, KNOBS

JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")
COMMANDS = ("app", "run", "chat", "compare", "explain", "audit", "models", "doctor", "verify")


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": ""}, "ja"),
    ],
)
def test_the_locale_decides(environment: dict[str, str], language: str) -> None:
    assert words.detect(environment) == language


@pytest.mark.parametrize(
    ("arguments", "language", "rest"),
    [
        (["--lang", "ja", "run"], "ja", ["run"]),
        (["run", "--lang=ja", "x"], "ja", ["run", "x"]),
        (["run", "--", "--lang", "ja"], "en", ["run", "--", "--lang", "ja"]),
        (["run"], "en", ["run"]),
    ],
)
def test_lang_may_stand_anywhere(arguments: list[str], language: str, rest: list[str]) -> None:
    assert words.take_language(arguments, {"LANG": "en_US.UTF-8"}) == (language, rest)


@pytest.mark.parametrize("arguments", [["--lang", "fr"], ["--lang"], ["--lang="]])
def test_another_language_is_refused(arguments: list[str]) -> None:
    with pytest.raises(words.UsageProblem, match="needs ja or en"):
        words.take_language(arguments, {})


def helps(language: words.Language) -> dict[str, str]:
    """Every help text by the command and option that it belongs to."""
    front: Any = get_command(build(language))
    found = {}
    for name, command in {"": front, **front.commands}.items():
        found[name] = command.help
        context = typer.Context(command)
        found |= {f"{name} {param.name}": param.help for param in command.get_params(context)}
    return found


def test_every_help_text_is_there_in_both_languages() -> None:
    english, japanese = helps("en"), helps("ja")
    assert english.keys() == japanese.keys()
    assert [key for key, text in english.items() if not text or JAPANESE.search(text.replace("つまみ", ""))] == []
    assert [key for key, text in japanese.items() if not text or not JAPANESE.search(text)] == []


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_help_shows_every_knob_whole_in_a_terminal_of_any_width(
    invoke: Any, monkeypatch: pytest.MonkeyPatch, language: words.Language, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    called = invoke("run", "--help", lang=language)
    assert called.code == 0
    assert "…" not in called.out
    assert max(map(cell_len, called.out.splitlines())) <= width
    if width == 40:
        return  # words break there, so they cannot be found; that nothing is lost is `wrapped`'s own test
    squeezed = re.sub(r"[\s│]", "", called.out)
    for knob in KNOBS.values():
        words_of_help = knob.line_ja if language == "ja" else knob.line_en
        assert width < 80 or f"--{knob.name.replace('_', '-')}" in squeezed
        assert re.sub(r"\s", "", words_of_help)[:6] in squeezed
    for group in GROUPS.values():
        assert re.sub(r"\s", "", group.title_ja if language == "ja" else group.title_en) in squeezed


@given(st.text("aあ、。（ b)ァ-", max_size=60), st.integers(6, 30))
def test_wrapping_loses_nothing_and_keeps_to_the_room(text: str, room: int) -> None:
    lines = wrapped(text, room).split("\n")
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(len(line.split()) == 1 or cell_len(line) <= room for line in lines if line)


def test_no_line_begins_with_a_closing_mark() -> None:
    assert wrapped("あいうえ、おかきくけこ。さ", 8) == "あいう\nえ、おか\nきくけ\nこ。さ"


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_front_door_names_every_command(invoke: Any, language: words.Language) -> None:
    asked = invoke("--help", lang=language)
    assert all(re.search(rf"│ {command} ", asked.out) for command in COMMANDS)


def test_the_version_is_the_packages(invoke: Any) -> None:
    import tsumami

    assert invoke("--version").out == f"tsumami {tsumami.__version__}\n"
