"""Declaring endpoints to Gradio: where the API leans on what Gradio does not promise, so that an upgrade has one place
to look.

Guarantee: Gradio's documentation page shows each endpoint's words, its parameters with theirs, and its answer; a file
that a caller names has been checked to be an upload, if it says that it is one.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
import pydantic
from gradio.data_classes import FileData
from gradio.events import api as declare_api

from tsumami.errors import SpeechError


def looking_like(function: Callable[..., Any], work: Callable[..., Any], *, first: int) -> Callable[..., Any]:
    """Give a function that takes a request, and passes the rest on to `work`, the look of `work`: Gradio goes by the
    parameters, of which the `first` are not the caller's, by their types, and by the type of what is answered, which of
    a stream is the type of what comes.
    """
    hints = typing.get_type_hints(work)
    returned = hints["return"]
    if typing.get_origin(returned) in (Generator, Iterator):
        returned, *_ = typing.get_args(returned)
    passed = list(inspect.signature(work).parameters.values())[first:]
    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
    made: Any = function
    made.__name__, made.__doc__ = work.__name__, work.__doc__
    made.__annotations__ = {"request": gr.Request, **{one.name: hints[one.name] for one in passed}, "return": returned}
    made.__signature__ = inspect.Signature([request, *passed], return_annotation=returned)
    return function


def declare(
    blocks: gr.Blocks, name: str, function: Callable[..., Any], parameters: Mapping[str, str], *, quick: bool
) -> None:
    """Declare an endpoint, quick or one that takes its turn, and say for Gradio's documentation page what it does,
    takes and gives.
    """
    about, _, answer = " ".join((inspect.getdoc(function) or "").split()).partition(" Returns: ")
    declared = declare_api(
        function,
        api_name=name,
        api_description=f"{about} Returns {answer}." if answer else about,
        concurrency_limit=None,
        concurrency_id="quick" if quick else "api",  # serving/queueing.py: who takes turns
    )
    noted: Any = blocks.fns[declared["id"]]
    for (parameter, words), part in zip(parameters.items(), noted.inputs, strict=True):
        part.label = parameter
        part.api_info()["additional_description"] = f"{words}."
    (part,) = noted.outputs
    part.label = "answer"
    part.api_info()["description"] = answer


def uploaded(audio: FileData) -> Path:
    """Where an upload lies. Gradio has checked that it is one, if it says that it is."""
    try:
        return Path(FileData.model_validate(audio, context={"validate_meta": True}).path)
    except pydantic.ValidationError as error:
        raise SpeechError("audio is not an uploaded file; in Python give handle_file(path)").in_japanese(
            "audio は送られたファイルではありません。Python では handle_file(path) を渡してください"
        ) from error
