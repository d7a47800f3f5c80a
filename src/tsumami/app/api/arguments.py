"""What a caller gives, held against what an endpoint takes.

Guarantee: the work of an endpoint is begun only with values of the kinds that its parameters say; a value of another
kind, or too few of them, is an error that names the parameter and the kind that it needs. What is inside a list or an
object is for the work to check.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

import gradio as gr

from tsumami.app.words.texts import PageProblem, Texts, Word

#: What a parameter of a type is called.
_KINDS: Final[dict[object, Word]] = {
    str: Word("api.kind.text"),
    bool: Word("api.kind.bool"),
    int: Word("api.kind.int"),
    float: Word("api.kind.number"),
    list: Word("api.kind.list"),
    dict: Word("api.kind.object"),
}
_SHOWN: Final = 80  # characters of a value


def fitting(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same work, which refuses what does not fit.

    Raises:
        PageProblem: at a call, a value of another kind than its parameter's.
    """
    hints = typing.get_type_hints(work)
    taken = inspect.signature(work)

    @functools.wraps(work)
    def checked(*given: Any) -> Any:
        for name, value in taken.bind(*given).arguments.items():
            if not _fits(value, hints[name]):
                raise _problem(name, value, hints[name])
        return work(*given)

    return checked


#: What an endpoint takes: its parameters in order, each with its default.
Takes = Mapping[str, inspect.Parameter]


def fill_in(blocks: gr.Blocks, texts: Texts, takes: Mapping[str, Takes]) -> None:
    """Let an event that comes with fewer values than its endpoint takes have the defaults of the rest, so that callers
    from before a parameter came are served; where there are none it is refused in words: Gradio would tell the caller,
    and the log, of its own objects.
    """
    behind = blocks.validate_inputs

    def validate(block_fn: Any, inputs: list[Any]) -> None:
        names = takes.get(block_fn.api_name)
        if names is None:
            behind(block_fn, inputs)
            return
        rest = [parameter.default for parameter in list(names.values())[len(inputs) :]]
        if inspect.Parameter.empty not in rest:
            inputs.extend(rest)  # Gradio reads on from this list
        else:
            told = PageProblem(
                "api.too_few", name=block_fn.api_name, needs=len(names), names=", ".join(names), got=len(inputs)
            )
            raise gr.Error(texts.error(told), print_exception=False)

    blocks.validate_inputs = validate  # type: ignore[method-assign]  # Gradio asks the page that was built


def _fits(value: Any, hint: Any) -> bool:
    kind = typing.get_origin(hint) or hint
    if kind in (types.UnionType, typing.Union):
        return any(_fits(value, one) for one in typing.get_args(hint))
    if kind is types.NoneType:
        return value is None
    if kind not in _KINDS:
        return True  # what is ours was made by ourselves, and a file is checked where it is opened
    if kind in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def _problem(name: str, value: Any, hint: Any) -> PageProblem:
    kinds = [one for one in (typing.get_origin(one) or one for one in (hint, *typing.get_args(hint))) if one in _KINDS]
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    return PageProblem("api.not_this_kind", name=name, value=shown, needs=_KINDS[kinds[0]])
