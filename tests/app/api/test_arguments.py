"""An endpoint's work is begun with what its parameters say, or a caller is told what they need."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from tsumami.app.api.arguments import fill_in, fitting
from tsumami.app.words.texts import PageProblem, Texts


def work(service: object, text: str, settings: dict[str, Any] | None = None, step: int = 0, speed: float = 1.0) -> Any:
    """Do it."""
    return text, settings, step, speed


def stream(text: str, lanes: list[dict[str, Any]], loud: bool = True) -> Iterator[str]:
    """Say it."""
    yield text


@pytest.mark.parametrize(
    "given", [("a",), ("a", None), ("a", {}), ("", {"x": 1}, -3), ("a", None, 2**70, 1), ("a", None, 0, 0.5)]
)
def test_what_fits_is_passed_on(given: tuple[Any, ...]) -> None:
    assert fitting(work)(object(), *given) == work(object(), *given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((None,), "text = None: needs a text."),
        (({},), "text = {}: needs a text."),
        (("a", []), "settings = []: needs an object of names and values."),
        (("a", "{}"), "settings = '{}': needs an object of names and values."),
        (("a", None, 1.5), "step = 1.5: needs a whole number."),
        (("a", None, True), "step = True: needs a whole number."),
        (("a", None, 0, "1"), "speed = '1': needs a number."),
        ((["x" * 200],), f"text = ['{'x' * 78}…: needs a text."),
    ],
)
def test_another_kind_is_refused_by_name(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(PageProblem) as refused:
        fitting(work)(object(), *given)
    assert Texts("en").error(refused.value) == said
    assert given[-1] is None or "必要" in Texts("ja").error(refused.value)


def test_a_stream_is_refused_before_it_begins() -> None:
    assert list(fitting(stream)("a", [])) == ["a"]
    with pytest.raises(PageProblem):
        fitting(stream)("a", {})
    with pytest.raises(PageProblem):
        fitting(stream)("a", [], 1)


def test_the_work_still_looks_as_it_does() -> None:
    assert inspect.signature(fitting(work)) == inspect.signature(work)
    assert inspect.getdoc(fitting(work)) == "Do it."


def test_defaults_are_filled_in_too_few_values_are_refused_in_words_and_other_events_are_gradios() -> None:
    asked: list[Any] = []
    blocks: Any = types.SimpleNamespace(validate_inputs=lambda _, inputs: asked.append(inputs))
    fill_in(blocks, Texts("en"), {"run": inspect.signature(stream).parameters})
    endpoint, other = types.SimpleNamespace(api_name="run"), types.SimpleNamespace(api_name=False)
    given = ["a", []]
    blocks.validate_inputs(endpoint, given)
    assert given == ["a", [], True]
    blocks.validate_inputs(other, [])
    with pytest.raises(gr.Error, match=r"run needs 3 values \(text, lanes, loud\) and got 1") as refused:
        blocks.validate_inputs(endpoint, ["a"])
    assert not refused.value.print_exception
    assert asked == [[]]
