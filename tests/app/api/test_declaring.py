"""What Gradio is shown of an endpoint is what its function says of itself."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from tsumami.app.api.declaring import looking_like
from tsumami.app.api.endpoints import ENDPOINTS, NAMES, Callers, Endpoint
from tsumami.app.words.texts import Texts
from tsumami.app.work.common import Common
from tsumami.app.work.shelf import Shelf


def work(service: object, text: str, often: int = 1) -> Iterator[dict[str, Any]]:
    """Say it."""
    for _ in range(often):
        yield {"said": text}


def test_a_function_looks_like_its_work_behind_a_request() -> None:
    def call(request: gr.Request, *given: Any) -> Any:
        return given

    function = looking_like(call, work, first=1)
    signature = inspect.signature(function)
    assert list(signature.parameters) == ["request", "text", "often"]
    assert signature.parameters["often"].default == 1
    assert signature.return_annotation == dict[str, Any], "of a stream, the type of what comes"
    assert typing.get_type_hints(function)["request"] is gr.Request
    assert inspect.getdoc(function) == "Say it."
    assert function(None, "a", 2) == ("a", 2)
    assert list(inspect.signature(work).parameters) == ["service", "text", "often"], "the work stays as it is"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=NAMES)
def test_every_endpoint_has_words_for_itself_and_for_what_it_takes(endpoint: Endpoint) -> None:
    assert inspect.getdoc(endpoint.function)
    made = endpoint.way(Callers(Texts("en"), Common(Shelf())), endpoint.function)
    assert list(inspect.signature(made).parameters) == ["request", *endpoint.parameters]
    assert all(endpoint.parameters.values())
