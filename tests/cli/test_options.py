"""Option groups without a command: what a prompt says when it is the name of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsumami.cli.options import PromptOptions


@pytest.fixture
def poem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a file that is here."""
    monkeypatch.chdir(tmp_path)
    Path("詩 poem.txt").write_text("a poem", "utf-8")
    return "詩 poem.txt"


@pytest.mark.parametrize("how", ["argument", "option", "options"])
def test_the_name_of_a_file_is_the_prompt_and_a_word_is_said(
    poem: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"argument": PromptOptions(poem), "option": PromptOptions(texts=(poem,))}
    asked = options.get(how, PromptOptions(texts=(poem, "x"))).read()
    assert asked[0] == poem
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"'{poem}' is a file here; its name is the prompt, not its content. For that: --file '{poem}'\n"


@pytest.mark.parametrize("text", ["詩", "a\0b", "long " * 1000, "."])
def test_nothing_is_said_of_any_other_prompt(poem: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert PromptOptions(text).read_one() == text
    assert PromptOptions(poem).read_one(quiet=True) == poem
    assert PromptOptions(file=poem).read_one() == "a poem"
    assert capsys.readouterr().err == ""
