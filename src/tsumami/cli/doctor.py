"""`tsumami doctor`: is this machine, build and model fit to be trusted, and how fast is it?

Guarantee: nothing is quoted from memory. The self-check runs afresh and on more tokens than at loading, and the speeds
are measured now, on the model as it would be used.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tsumami.cli.doctor_elsewhere import MOST_CHECKED, report_elsewhere
from tsumami.cli.doctor_there import report_there
from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import bars, console, json_text, note
from tsumami.cli.run_there import generates_by_itself
from tsumami.cli.watched import go_on_in_a_child
from tsumami.cli.words import language, say
from tsumami.machine import cpu_quota, processor, usable_cores
from tsumami.models import is_remote
from tsumami.wording import counted, size_text

if TYPE_CHECKING:
    from rich.text import Text

    from tsumami.engine import Exactness, LoadedModel

_PROMPT: Final = 256
_REPLY: Final = 48


@dataclass(frozen=True, slots=True)
class OptionalPart:
    """Something optional: whether it is here, and what to type if not."""

    name: str
    here: bool
    install: str


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """A warning of llama.cpp: in words, its own line, and whether it says only what tsumami asked it for."""

    code: str
    line: str
    count: int
    ours: bool
    text: str


@dataclass(frozen=True, slots=True)
class UsedAdapter:
    """A LoRA adapter that the model is loaded with: its file's name and sha256, and its scale."""

    name: str
    scale: float
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that the doctor found; speeds in tokens per second."""

    processor: str
    cores: int
    usable_cores: int
    cpu_quota: float | None
    threads: int
    features: tuple[str, ...]
    binding: str
    library: str
    environment: dict[str, str]
    environment_from_user: tuple[str, ...]
    model: str
    source: str
    license: str | None
    fingerprint: str
    adapters: tuple[UsedAdapter, ...]
    architecture: str
    quantization: str | None
    size: int
    n_ctx: int
    n_cells: int
    mode: str
    repacked: bool
    exact: bool
    why: str
    remedy: str
    chat_template: bool
    recommended: dict[str, Any]
    other_templates: tuple[str, ...]
    checked_tokens: int
    prompt_per_second: float
    generation_per_second: float
    notices: tuple[ToldNotice, ...]
    parts: tuple[OptionalPart, ...]


def about() -> str:
    """The help of the command."""
    return say(
        "このマシンとモデルを調べる: CPU、ビルド、正確さ（その理由と対処）、速さ、任意の部品。",
        "Examine machine and model: CPU, build, exact or not, why and the remedy, speed, optional parts.",
    )


def doctor(
    model: ModelOptions,
    out: Annotated[Outputs, Makes("json")],
    length: Annotated[
        int,
        typer.Option(
            "--check-length",
            metavar="<N>",
            min=40,
            max=2000,
            help=say("自己検査で比べるトークン数", "tokens that the self-check compares"),
        ),
    ] = 160,
) -> None:
    """Load, check, measure, print."""
    if is_remote(model.name):
        if generates_by_itself(model):
            report_there(model.name, out)
            return
        report_elsewhere(model, min(length, MOST_CHECKED), out)
        return
    go_on_in_a_child()
    found = examine(model, length)
    if not out.put({"json": lambda: json_text(asdict(found))}):
        _print(found)


def examine(options: ModelOptions, length: int) -> Report:
    """Everything that the doctor looks at."""
    from tsumami import native
    from tsumami.engine import load
    from tsumami.exchange import recommended

    how = options.engine
    with bars(options.name) as shown:
        loaded = load(options.name, how, download_progress=shown.download, load_progress=shown.loading)
    try:
        length = min(length, loaded.n_ctx // 2, loaded.engine.n_cells // 6)
        verdict = _check(loaded, length)
        prompt_speed, generation_speed = _measure(loaded)
        build, file = native.engine_build(), loaded.file
        return Report(
            processor=processor(),
            cores=os.cpu_count() or 1,
            usable_cores=usable_cores(),
            cpu_quota=cpu_quota(),
            threads=loaded.engine.options.threads,
            features=build.features,
            binding=build.binding,
            library=build.library,
            environment={key: os.environ.get(key, "") for key in native.DEFAULT_ENVIRONMENT},
            environment_from_user=tuple(native.USER_ENVIRONMENT),
            model=file.name,
            source=file.source,
            license=file.license,
            fingerprint=loaded.fingerprint,
            adapters=tuple(UsedAdapter(one.name, one.scale, one.fingerprint) for one in loaded.adapters),
            architecture=file.header.architecture or "?",
            quantization=file.header.quantization,
            size=file.size,
            n_ctx=loaded.n_ctx,
            n_cells=loaded.engine.n_cells,
            mode="exact" if how.exact else "fast",
            repacked=loaded.native.repacked,
            exact=verdict.exact,
            why=say(verdict.why_ja, verdict.why_en),
            remedy=say(verdict.remedy_ja, verdict.remedy_en),
            chat_template=loaded.native.chat_template is not None,
            recommended=own.named if (own := recommended(file.header.metadata)) is not None else {},
            other_templates=file.header.templates,
            checked_tokens=length if how.exact else 0,
            prompt_per_second=prompt_speed,
            generation_per_second=generation_speed,
            notices=tuple(
                ToldNotice(one.code, one.line, one.count, one.ours, say(one.ja, one.en)) for one in loaded.notices
            ),
            parts=optional_parts(),
        )
    finally:
        loaded.close()


def _check(loaded: LoadedModel, length: int) -> Exactness:
    """The self-check, afresh; in fast mode there is nothing to check."""
    from tsumami.engine import SOLO, check_exactness

    if not loaded.options.exact:
        return loaded.exactness
    note(say(f"正確さを {length} トークンで確かめています…", f"checking exactness on {counted(length, 'token')} …"))
    verdict = check_exactness(loaded.engine, loaded.file.header, gpu_layers=loaded.options.n_gpu_layers, length=length)
    if not verdict.exact:
        loaded.engine.set_policy(SOLO)  # as loading does, so that the speed is the one that users get
    return verdict


def _measure(loaded: LoadedModel) -> tuple[float, float]:
    """Tokens per second of a prompt and of a reply, measured on a real run."""
    from tsumami.model import Model

    note(say("速さを測っています…", "measuring speed …"))
    model = Model(loaded)
    n_vocab, eos = model.tokenizer.n_tokens, model.tokenizer.eos
    first = min(1000, n_vocab // 2)  # the tokens before are marks and single bytes
    prompt = [first + 37 * i % (n_vocab - first) for i in range(min(_PROMPT, loaded.n_ctx // 2))]
    never_end = {} if eos is None else {eos: -float("inf")}
    timings = model.run(prompt, seed=0, max_tokens=_REPLY, logit_bias=never_end).timings
    return timings.prompt_per_second, timings.generation_per_second


def optional_parts() -> tuple[OptionalPart, ...]:
    """What tsumami can use and need not have."""
    from tsumami.models import catalogue
    from tsumami.speech import extras

    gemma = next(entry for entry in catalogue() if entry.name == "gemma")
    names = {
        "listening": say("音声を聞く（faster-whisper）", "listening (faster-whisper)"),
        "openjtalk": say("日本語を話す（OpenJTalk）", "speaking Japanese (OpenJTalk)"),
        "espeak": say("ほかの言語を話す（eSpeak NG）", "speaking other languages (eSpeak NG)"),
        "kokoro": say("より自然な日本語の声（Kokoro）", "a more natural Japanese voice (Kokoro)"),
    }
    return (
        OptionalPart(say("gemma（日本語のわかる小さなモデル）", "gemma (small model that knows Japanese)"), gemma.here,
             gemma.install or ""),
        *(OptionalPart(names[name], extra.here, extra.install) for name, extra in extras().items()),
    )  # fmt: skip


def _print(found: Report) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", overflow="fold", max_width=20)
    table.add_column(overflow="fold", ratio=1)
    for title, value in _rows(found).items():
        table.add_row(title, value)
    for part in found.parts:
        mark = Text("✓ ", "green") if part.here else Text("✗ ", "yellow")
        missing = "" if part.here else f"\n  {part.install}"
        table.add_row("", mark + Text(part.name + missing))
    console().print(table)


def _recommended(found: Report) -> str:
    """The settings that the model's file names, and how to use them."""
    if not found.recommended:
        return say("このモデルは挙げていない", "this model names none")
    listed = "、" if language() == "ja" else ", "
    knobs = listed.join(f"{name} {value}" for name, value in found.recommended.items())
    return say(
        f"{knobs}（--settings に GGUF ファイルを渡すと使う）",
        f"{knobs} (give the GGUF file to --settings to use them)",
    )


def _weights(found: Report) -> str:
    kind = found.quantization or "?"
    rearranged = say("速い計算のために並べ替えた（--repack）", "rearranged for faster kernels (--repack)")
    return f"{kind}, {rearranged}" if found.repacked else kind


def _templates(found: Report) -> str:
    """Which chat templates there are, and which one is used."""
    names = ", ".join(found.other_templates)
    if not found.other_templates:
        return (
            say("あり（使う）", "one, which is used")
            if found.chat_template
            else say("なし（形式 raw か llama2 を使う）", "none: choose the prompt format raw or llama2")
        )
    if found.chat_template:
        return say(
            f"既定のものを使う。ほかに {names}（使わない）", f"the default one is used; also there, not used: {names}"
        )
    return say(
        f"既定のものがない。ほかの用途のものだけ: {names}（使わない。形式 raw か llama2 を使う）",
        f"no default one, only for other uses: {names} (not used: choose the prompt format raw or llama2)",
    )


def _notices_text(found: tuple[ToldNotice, ...]) -> Text:
    """The warnings one after another: of the model first, then what was asked for, dimmed."""
    from rich.text import Text

    lines = []
    for one in sorted(found, key=lambda one: one.ours):
        asked = say("（tsumami の指定どおり）", " (as tsumami asked)") if one.ours else ""
        lines.append(Text(f"{'·' if one.ours else '⚠'} {one.text}{asked}", "dim" if one.ours else "yellow"))
        lines.append(Text(f"  {one.line}", "dim"))
    return Text("\n").join(lines)


def _threads(found: Report) -> str:
    if found.cpu_quota is None:
        return say(
            f"{found.threads}（使えるコア {found.usable_cores}、全 {found.cores}）",
            f"{found.threads} (usable cores {found.usable_cores} of {found.cores})",
        )
    return say(
        f"{found.threads}（使えるコア {found.usable_cores}、全 {found.cores}。"
        f"コンテナの上限は {found.cpu_quota:.3g} コア分）",
        f"{found.threads} (usable cores {found.usable_cores} of {found.cores}; the container may use"
        f" {found.cpu_quota:.3g})",
    )


def _rows(found: Report) -> dict[str, Any]:
    from rich.text import Text

    by = {
        name: say("ユーザーの指定", "set by you")
        if name in found.environment_from_user
        else say("tsumami が設定", "set by tsumami")
        for name in found.environment
    }
    settings = [f"{name}={value} ({by[name]})" for name, value in found.environment.items() if value]
    verdict = Text("exact", "bold green") if found.exact else Text(say("exact ではない", "not exact"), "bold yellow")
    verdict.append(f": {found.why}", "not bold default")
    rows: dict[str, Any] = {
        say("プロセッサー", "processor"): found.processor,
        say("スレッド", "threads"): _threads(found),
        say("CPU 機能", "CPU features"): " ".join(found.features),
        say("エンジン", "engine"): f"llama-cpp-python {found.binding}, llama.cpp {found.library}",
        say("環境変数", "environment"): "\n".join(settings),
        say("モデル", "model"): f"{found.model} ({found.source}, {size_text(found.size)}, {found.license or '?'})",
        say("重み", "weights"): f"{found.architecture} {_weights(found)}\nsha256 {found.fingerprint}",
        say("テンプレート", "chat template"): _templates(found),
        say("推奨の設定", "recommended settings"): _recommended(found),
        say("コンテキスト", "context"): say(
            f"{found.n_ctx} トークン（キャッシュ {found.n_cells} セル）",
            f"{counted(found.n_ctx, 'token')} a run (cache: {counted(found.n_cells, 'cell')})",
        ),
        say("正確さ", "exactness"): verdict,
    }
    if found.adapters:
        lines = [f"{one.name} x {one.scale:g}\nsha256 {one.fingerprint}" for one in found.adapters]
        rows[say("LoRA アダプター", "LoRA adapters")] = "\n".join(lines)
    if found.notices:
        rows[say("llama.cpp から", "llama.cpp says")] = _notices_text(found.notices)
    if found.remedy:
        rows[say("対処", "remedy")] = found.remedy
    rows[say("速さ", "speed")] = say(
        f"プロンプト {found.prompt_per_second:.0f} tok/s、生成 {found.generation_per_second:.1f} tok/s",
        f"prompt {found.prompt_per_second:.0f} tok/s, generation {found.generation_per_second:.1f} tok/s",
    )
    rows[say("任意の部品", "optional parts")] = ""
    return rows
