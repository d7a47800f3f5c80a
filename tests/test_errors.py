"""Every error that we raise says what is wrong in Japanese, too: all of our code is read for it."""

from __future__ import annotations

import ast
import importlib
import pickle
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tsumami
from tsumami import errors
from tsumami.errors import EmptyPromptError, QueryError, SettingsError, TsumamiError, japanese
from tsumami.knobs import KNOBS, Knob

SOURCE = Path(tsumami.__file__).parent
JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")

#: Errors that bring their Japanese words with them: the class says them, or (PageProblem) the page's table of words.
OWN_WORDS = {"EmptyPromptError", "QueryError", "PageProblem"}
#: Names that hold a class of errors where it is raised.
CLASSES = {"kind", "problem"}


def names_of_errors() -> set[str]:
    """The names of `TsumamiError` and of all that are one, wherever they are defined."""
    for module in pkgutil.walk_packages([str(SOURCE)], "tsumami."):
        if "class" in (text := source_of(module.name)) and "Error)" in text:
            importlib.import_module(module.name)
    found = {TsumamiError}
    while more := {sub for one in found for sub in one.__subclasses__()} - found:
        found |= more
    return {one.__name__ for one in found if one.__module__.startswith("tsumami.")}


def source_of(module: str) -> str:
    path = SOURCE.parent / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text("utf-8")


def made(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    """The calls that make an error: of a class of that name, or, where it is raised, of what holds or gives a class."""
    raises = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc is not None]
    raised = {id(part) for exc in raises for part in ast.walk(exc)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        maker = node.func
        if isinstance(maker, ast.Name):
            if maker.id in names or (maker.id in CLASSES and id(node) in raised):
                yield node
        elif isinstance(maker, ast.Call) and id(node) in raised and getattr(maker.func, "id", "") == "type":
            yield node


def without_japanese(tree: ast.AST, names: set[str]) -> list[int]:
    """The lines where an error is made and `in_japanese` is not called on it at once."""
    said = {
        id(node.func.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "in_japanese"
    }
    return [call.lineno for call in made(tree, names) if id(call) not in said]


@pytest.fixture(scope="module")
def names() -> set[str]:
    return names_of_errors() - OWN_WORDS


def test_every_error_is_found(names: set[str]) -> None:
    assert names > {name for name in errors.__all__ if name.endswith("Error")} - OWN_WORDS
    assert {"UsageProblem"} <= names


def test_every_error_that_is_made_says_it_in_japanese(names: set[str]) -> None:
    silent = {
        f"{path.relative_to(SOURCE)}:{line}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line in without_japanese(ast.parse(path.read_text("utf-8")), names)
    }
    assert silent == set()


def test_a_silent_error_would_be_found(names: set[str]) -> None:
    for line in (
        "raise SettingsError('x')",
        "raise kind('x')",
        "raise type(error)('x') from error",
        "e = HubError('x')",
    ):
        assert without_japanese(ast.parse(line), names) == [1]
    for line in ("raise HubError('x').in_japanese('あ')", "raise EmptyPromptError", "kind('x')"):
        assert without_japanese(ast.parse(line), names) == []


def test_what_is_said_in_japanese_is_japanese(names: set[str]) -> None:
    """A text without a Japanese letter is made of what others say; of these none is a sentence in English."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "in_japanese":
                text = "".join(
                    part.value
                    for part in ast.walk(node.args[0])
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )
                plain = re.sub(r"[\W\d_]|json_schema|thinking_settings|regex|vary", "", text)
                assert JAPANESE.search(text) or not plain, f"{path.relative_to(SOURCE)}:{node.lineno}: {text}"


@pytest.mark.parametrize("knob", KNOBS.values(), ids=lambda knob: knob.name)
def test_every_value_that_a_knob_refuses_is_refused_in_japanese(knob: Knob) -> None:
    refused = []
    for value in (object(), float("nan"), "\ud800", [None], {"a": object()}, -(10**30)):
        try:
            knob.validate(value)
        except SettingsError as error:
            refused.append(error.ja)
    assert refused
    assert all(JAPANESE.search(said) for said in refused)


def test_those_that_bring_their_words_have_them() -> None:
    assert JAPANESE.search(EmptyPromptError().ja)
    found = QueryError("a value is missing", "top_k=", 6, why_ja="値が足りません")
    assert found.ja == "値が足りません（ここ: top_k=▸）"


def test_what_an_error_says_survives_the_way_to_another_process() -> None:
    error = SettingsError("wrong", knob="top_k").in_japanese("違います")
    assert japanese(pickle.loads(pickle.dumps(error))) == "違います"  # noqa: S301  (our own)
    assert japanese(ValueError("x")) == "x"
    assert japanese(TsumamiError("a user's own")) == "a user's own"
