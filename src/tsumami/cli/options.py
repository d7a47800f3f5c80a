"""Groups of options that several commands share, as one parameter of the command.

A command says `def run(model: ModelOptions, knobs: KnobOptions, …)`; `expand` gives Typer a function with the single
options of each group instead, and the command gets the group made from them. Signatures are read when a command is
registered, so the help texts in them come in the language that is spoken then.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsumami.cli.files import read_prompt
from tsumami.cli.output import bars, note, tell_notices
from tsumami.cli.words import say
from tsumami.errors import EmptyPromptError, PromptError
from tsumami.wording import counted

if TYPE_CHECKING:
    from tsumami.engine import EngineOptions
    from tsumami.history import ChatTurn
    from tsumami.model import Model
    from tsumami.runs import Prompt
    from tsumami.settings import Settings


def option(name: str, kind: Any, *flags: str, default: Any = None, **details: Any) -> inspect.Parameter:
    """A parameter that Typer reads as an option."""
    annotation = Annotated[kind, typer.Option(*flags, show_default=False, **details)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def expand(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every parameter whose type is an option group replaced by the group's options.

    An option group has `parameters()`, its options, and `from_options(values)`, which makes it: the parameter's class,
    or what stands beside it (`Annotated[Outputs, Makes("json")]`).
    """
    signature = inspect.signature(command, eval_str=True)
    groups = {
        name: group for name, one in signature.parameters.items() if (group := _group(one.annotation)) is not None
    }
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


def _group(annotation: Any) -> Any:
    """The option group that an annotation is or holds, if it does."""
    candidates = (annotation, *getattr(annotation, "__metadata__", ()))
    return next((one for one in candidates if hasattr(one, "from_options")), None)


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Which model, and how it is loaded. None: not said, so the default (or what a receipt says) holds."""

    model: str | None = None
    n_ctx: int | None = None
    n_gpu_layers: int | None = None
    threads: int | None = None
    fast: bool | None = None
    n_probs: int | None = None
    vocabulary: str | None = None
    lora: list[str] | None = None
    repack: bool | None = None

    @classmethod
    def parameters(cls) -> list[inspect.Parameter]:
        """The options, in the order of the help."""
        panel = say("モデル", "Model")
        count = {"metavar": "<N>", "rich_help_panel": panel}
        names = say(
            "モデル: smollm2（同梱・既定）、gemma、gpt2、elyza、GGUF ファイルのパス、owner/repo:file.gguf、"
            "またはほかの場所で動くエンジン llama-server+http://host:8080",
            "smollm2 (bundled, the default), gemma, gpt2, elyza, the path of a GGUF file, owner/repo:file.gguf, or an "
            "engine elsewhere, llama-server+http://host:8080",
        )
        context = say(
            "1 回の生成に使えるトークン数（既定: モデルの長さ、最大 4096）",
            "tokens that one run may have (default: the model's own, at most 4096)",
        )
        layers = say("GPU に載せる層の数（既定 0）", "layers to put on a GPU (default 0)")
        threads = say("使うスレッドの上限（既定: すべてのコア）", "most threads to use (default: all cores)")
        exact = say(
            "速さを優先する（ほかの場所で動くエンジンには選ぶのも任せる） / 何度でもビット単位で同じ結果にする（既定）",
            "be faster (an engine elsewhere chooses by itself), or give the same bits every time (the default)",
        )
        probs = say(
            "ほかの場所で動くエンジンに、1 行につき尋ねるトークンの数（既定 1000）",
            "of an engine elsewhere: tokens to ask for in each row (default 1000)",
        )
        vocabulary = say(
            "vLLM か SGLang の、語彙の同じモデル（名前かパス）。これがあれば、選ぶのはこちらのチェーン",
            "of vLLM or SGLang: a model here (name or path) that has the same vocabulary; with it our chain chooses",
        )
        lora = say(
            "LoRA アダプター（GGUF）と効きの強さ（既定 1）。何度でも指定できる",
            "LoRA adapter (GGUF) and how strongly it acts (default 1); may be given several times",
        )
        repack = say(
            "読み込むときに重みを並べ替えて、速い計算を使う / 使わない（既定: ビットが変わらないと確かめたときだけ）",
            "rearrange the weights for faster kernels, or not (default: where the self-check finds that no bit depends "
            "on it)",
        )
        return [
            option("model", str | None, "--model", "-m", help=names, metavar="<NAME>", rich_help_panel=panel),
            option("n_ctx", int | None, "--n-ctx", help=context, **count),
            option("n_gpu_layers", int | None, "--n-gpu-layers", help=layers, **count),
            option("threads", int | None, "--threads", help=threads, **count),
            option("fast", bool | None, "--fast/--exact", help=exact, rich_help_panel=panel),
            option("repack", bool | None, "--repack/--no-repack", help=repack, rich_help_panel=panel),
            option("n_probs", int | None, "--n-probs", help=probs, **count),
            option("vocabulary", str | None, "--vocabulary", metavar="<NAME>", help=vocabulary, rich_help_panel=panel),
            option("lora", list[str] | None, "--lora", metavar="<FILE[:SCALE]>", help=lora, rich_help_panel=panel),
        ]

    @classmethod
    def from_options(cls, values: dict[str, Any]) -> ModelOptions:
        """The group from the values that Typer parsed."""
        return cls(**values)

    def otherwise(self, **values: Any) -> ModelOptions:
        """These options, with `values` where nothing was said."""
        return replace(self, **{name: value for name, value in values.items() if getattr(self, name) is None})

    @property
    def name(self) -> str:
        """Which model."""
        from tsumami.models import DEFAULT_MODEL, printable_name

        return printable_name(self.model) if self.model is not None else DEFAULT_MODEL

    @property
    def shown(self) -> str:
        """What to call it on the screen."""
        from tsumami.models import is_remote, remote_name

        return remote_name(self.name).title if is_remote(self.name) else self.name

    @property
    def engine(self) -> EngineOptions:
        """How it is loaded.

        Raises:
            SettingsError: an option that cannot be.
        """
        from tsumami.engine import EngineOptions, adapters_from

        layers = self.n_gpu_layers or 0
        return EngineOptions(
            n_ctx=self.n_ctx,
            n_gpu_layers=layers,
            threads=self.threads,
            exact=not self.fast,
            n_probs=self.n_probs,
            vocabulary=self.vocabulary,
            lora=adapters_from(self.lora or ()),
            repack=self.repack,
        )

    @contextmanager
    def load(self, *, quiet: bool = False) -> Iterator[Model]:
        """The model that was asked for, loaded with bars and closed at the end; what llama.cpp says of it is told."""
        from tsumami.model import load

        with bars(self.shown) as shown:
            model = load(self.name, self.engine, download_progress=shown.download, load_progress=shown.loading)
        with model:
            if not quiet:
                tell_notices(model.engine_card.notices)
            yield model


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """What to generate from: texts (the argument, or --prompt once or several times) or a file, and their format."""

    argument: str | None = None
    texts: tuple[str, ...] = ()
    file: str | None = None
    template: str = "raw"
    system: str | None = None
    parse_special: bool | None = None

    @classmethod
    def parameters(cls) -> list[inspect.Parameter]:
        """The argument and the options."""
        argument = say("プロンプト（- は標準入力）", "the prompt (- for stdin)")
        prompt = say(
            "プロンプト（引数と同じ）。compare と grid では何度でも書ける",
            "the prompt, as an option; compare and grid take several",
        )
        file = say(
            "プロンプトのファイル（UTF-8、または BOM のある UTF-16。末尾の改行 1 つは除く）",
            "file with the prompt (UTF-8, or UTF-16 with a BOM; one newline at its end is dropped)",
        )
        template = say(
            "raw: そのまま続ける（既定）、model: モデルのチャットテンプレート、llama2: ELYZA の形式",
            "raw: continue the text (default), model: the model's chat template, llama2: ELYZA's format",
        )
        system = say("システムプロンプト", "system prompt")
        special = say(
            "プロンプトの中の <s> などを、その名前の特殊トークンとして読む / 読まない（既定: raw だけ読む）",
            "read <s> and the like in the prompt as the special tokens they name, or do not (default: only in raw)",
        )
        place = Annotated[str | None, typer.Argument(metavar="PROMPT", show_default=False, help=argument)]
        return [
            inspect.Parameter("text", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=place),
            option("prompt", list[str] | None, "--prompt", metavar="<TEXT>", help=prompt),
            option("file", str | None, "--file", "-f", metavar="<FILE>", help=file),
            option("template", str, "--template", "-t", default="raw", metavar="<raw|model|llama2>", help=template),
            option("system", str | None, "--system", metavar="<TEXT>", help=system),
            option("parse_special", bool | None, "--parse-special/--no-parse-special", help=special),
        ]

    @classmethod
    def from_options(cls, values: dict[str, Any]) -> PromptOptions:
        """The group from the values that Typer parsed."""
        texts = tuple(values["prompt"] or ())
        rest = (values[name] for name in ("file", "template", "system", "parse_special"))
        return cls(values["text"], texts, *rest)

    def read(self, *, quiet: bool = False) -> list[str]:
        """The prompts as they were typed, or the file's, or stdin's. quiet: do not say that one is the name of a file.

        Raises:
            PromptError: it was given in two ways, or in none, or cannot be read.
        """
        if self.argument is not None and self.texts:
            raise PromptError("the prompt was given twice, as an argument and with --prompt; give it once").in_japanese(
                "プロンプトが引数と --prompt で 2 回指定されました。1 回にしてください"
            )
        if len(self.texts) > 1:
            if self.file is not None:
                raise PromptError("a prompt and --file were both given; give one of them").in_japanese(
                    "プロンプトと --file の両方が指定されました。どちらか 1 つにしてください"
                )
            found = list(self.texts)
        else:
            found = [read_prompt(self.texts[0] if self.texts else self.argument, self.file)]
        for text in () if quiet else (*self.texts, self.argument or ""):
            _note_file(text)
        return found

    def read_one(self, *, quiet: bool = False) -> str:
        """As `read`, of a command that takes one prompt."""
        found = self.read(quiet=quiet)
        if len(found) > 1:
            raise PromptError(
                f"--prompt was given {counted(len(found), 'time')}, and this command takes one prompt; give it once"
            ).in_japanese(
                f"--prompt が {len(found)} 回指定されましたが、このコマンドのプロンプトは 1 つです。1 回にしてください"
            )
        return found[0]

    def made(self, model: Model, text: str, settings: Settings, *, quiet: bool = False) -> Prompt:
        """A prompt as the model gets it; what llama.cpp says of it is told. settings: what a template is told.

        Raises:
            PromptError: empty, an unknown template, or one that refuses the messages.
        """
        prompt = model.prompt(self.messages(text), settings, template=self.template, parse_special=self.parse_special)
        if not quiet:
            tell_notices(prompt.notices)
        return prompt

    def turn(self, text: str) -> ChatTurn:
        """What a chat needs to go on from the reply to a prompt."""
        from tsumami.history import ChatTurn

        return ChatTurn(text, self.system)

    def messages(self, text: str) -> list[dict[str, str]]:
        """A prompt as messages.

        Raises:
            PromptError: it is empty.
        """
        if not text:
            raise EmptyPromptError
        system = [] if self.system is None else [{"role": "system", "content": self.system}]
        return [*system, {"role": "user", "content": text}]


def _note_file(text: str) -> None:
    """Say of a prompt that is the name of a file here that nobody reads the file."""
    if os.path.isfile(text):  # noqa: PTH113  (it says False where that of Path raises: too long, a null character)
        note(
            say(
                f"{text!r} はここにあるファイルです。プロンプトになったのは名前で、中身ではありません。"
                f"中身を使うには --file {text!r}",
                f"{text!r} is a file here; its name is the prompt, not its content. For that: --file {text!r}",
            )
        )
