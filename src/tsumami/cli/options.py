"""Groups of options that several commands share, as one parameter of the command.

A command says `def run(model: ModelOptions, knobs: KnobOptions, …)`; `expand` gives Typer a function with the single
options of each group instead, and the command gets the group made from them. Signatures are read when a command is
registered, so the help texts in them come in the language that is spoken then.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsumami.cli.output import bars
from tsumami.cli.words import say

if TYPE_CHECKING:
    from tsumami.model import Model


def option(name: str, kind: Any, *flags: str, default: Any = None, **details: Any) -> inspect.Parameter:
    """A parameter that Typer reads as an option."""
    annotation = Annotated[kind, typer.Option(*flags, show_default=False, **details)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def expand(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every parameter whose type is an option group replaced by the group's options.

    An option group is a class with `parameters()`, its options, and `from_options(values)`, which makes it.
    """
    signature = inspect.signature(command, eval_str=True)
    groups = {name: p.annotation for name, p in signature.parameters.items() if hasattr(p.annotation, "from_options")}
    options = {name: group.parameters() for name, group in groups.items()}

    @functools.wraps(command)
    def expanded(**values: Any) -> None:
        made = {
            name: group.from_options({part.name: values.pop(part.name) for part in options[name]})
            for name, group in groups.items()
        }
        command(**values, **made)

    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        for one in options.get(name, [parameter])
    ]
    expanded.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Which model, and how it is loaded. None: not said, so the default (or what a receipt says) holds."""

    model: str | None = None
    n_ctx: int | None = None
    n_gpu_layers: int | None = None
    threads: int | None = None
    fast: bool | None = None

    @classmethod
    def parameters(cls) -> list[inspect.Parameter]:
        """The options, in the order of the help."""
        panel = say("モデル", "Model")
        count = {"metavar": "<N>", "rich_help_panel": panel}
        names = say(
            "モデル: smollm2（同梱・既定）、gemma、gpt2、elyza、GGUF ファイルのパス、または owner/repo:file.gguf",
            "smollm2 (bundled, the default), gemma, gpt2, elyza, the path of a GGUF file, or owner/repo:file.gguf",
        )
        context = say(
            "1 回の生成に使えるトークン数（既定: モデルの長さ、最大 4096）",
            "tokens that one run may have (default: the model's own, at most 4096)",
        )
        layers = say("GPU に載せる層の数（既定 0）", "layers to put on a GPU (default 0)")
        threads = say("使うスレッドの上限（既定: すべてのコア）", "most threads to use (default: all cores)")
        exact = say(
            "速さを優先する / 何度でもビット単位で同じ結果にする（既定）",
            "be faster, or give the same bits every time (the default)",
        )
        return [
            option("model", str | None, "--model", "-m", help=names, metavar="<NAME>", rich_help_panel=panel),
            option("n_ctx", int | None, "--n-ctx", help=context, **count),
            option("n_gpu_layers", int | None, "--n-gpu-layers", help=layers, **count),
            option("threads", int | None, "--threads", help=threads, **count),
            option("fast", bool | None, "--fast/--exact", help=exact, rich_help_panel=panel),
        ]

    @classmethod
    def from_options(cls, values: dict[str, Any]) -> ModelOptions:
        """The group from the values that Typer parsed."""
        return cls(**values)

    def otherwise(self, **values: Any) -> ModelOptions:
        """These options, with `values` where nothing was said."""
        return replace(self, **{name: value for name, value in values.items() if getattr(self, name) is None})

    @contextmanager
    def load(self) -> Iterator[Model]:
        """The model that was asked for, loaded with bars and closed at the end."""
        from tsumami.engine.catalogue import DEFAULT_MODEL
        from tsumami.model import load

        name = self.model if self.model is not None else DEFAULT_MODEL
        with bars(name) as shown:
            model = load(
                name,
                n_ctx=self.n_ctx,
                n_gpu_layers=self.n_gpu_layers or 0,
                threads=self.threads,
                exact=not self.fast,
                download_progress=shown.download,
                load_progress=shown.loading,
            )
        with model:
            yield model
