"""`tsumami doctor` of an engine elsewhere: what it can do, whether it repeats itself, and how fast rows come.

Guarantee: everything was found by asking that engine now, and where it is stands in no answer.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from tsumami.cli.forms import Outputs
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import console, json_text, note
from tsumami.cli.words import say
from tsumami.wording import counted, size_text

if TYPE_CHECKING:
    from tsumami.engine import Exactness
    from tsumami.model import RemoteModel
    from tsumami.remote import Capabilities

MOST_CHECKED: Final = 256  # tokens
_REPLY: Final = 16


def report_elsewhere(options: ModelOptions, length: int, out: Outputs) -> None:
    """Connect, check, measure, print."""
    from tsumami.model import RemoteModel

    with options.load() as model:
        assert isinstance(model, RemoteModel)
        note(say(f"正確さを {length} トークンで確かめています…", f"checking exactness on {counted(length, 'token')} …"))
        verdict = model.check(length)
        note(say("速さを測っています…", "measuring speed …"))
        alone, absolute = _speed(model, 1.0), _speed(model, 1.1) if model.record.absolute else None
        if not out.put({"json": lambda: json_text(_values(model, verdict, length, alone, absolute))}):
            _print(model, verdict, alone, absolute)


def _speed(model: RemoteModel, penalty: float) -> float:
    """Tokens per second of a short reply."""
    model.engine.forget()
    never_end = {} if model.tokenizer.eos is None else {model.tokenizer.eos: -math.inf}
    run = model.run("The", seed=0, max_tokens=_REPLY, logit_bias=never_end, repeat_penalty=penalty)
    return run.timings.generation_per_second


def _values(
    model: RemoteModel, verdict: Exactness, length: int, alone: float, absolute: float | None
) -> dict[str, Any]:
    card, engine = model.model_card, model.engine_card
    return {
        "engine": engine.binding,
        "build": engine.library,
        "model": card.name,
        "quantization": card.quantization,
        "n_params": card.n_params,
        "size": card.size,
        "told": card.fingerprint,
        "n_ctx": model.n_ctx,
        "capabilities": asdict(model.record),
        "lacks": {name: say(*why) for name, why in model.lacks.items()},
        "chat_template": model.chat_template is not None,
        "exact": verdict.exact,
        "why": say(verdict.why_ja, verdict.why_en),
        "remedy": say(verdict.remedy_ja, verdict.remedy_en),
        "checked_tokens": length,
        "generation_per_second": alone,
        "generation_per_second_with_repeat_penalty": absolute,
    }


def _print(model: RemoteModel, verdict: Exactness, alone: float, absolute: float | None) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", overflow="fold", max_width=20)
    table.add_column(overflow="fold", ratio=1)
    for title, value in _rows(model, verdict, alone, absolute).items():
        table.add_row(title, value)
    console().print(table)


def _told(record: Capabilities) -> str:
    """How many tokens of a row come with which probability."""
    ja, en = f"{record.probabilities}、上位 {record.n_probs}", f"{record.probabilities}, the likeliest {record.n_probs}"
    if record.n_vocab is None:
        return say(ja, en)
    return say(f"{ja}（全 {record.n_vocab} トークン）", f"{en} of {counted(record.n_vocab, 'token')}")


def _rows(model: RemoteModel, verdict: Exactness, alone: float, absolute: float | None) -> dict[str, Any]:
    from rich.text import Text

    card, engine, record = model.model_card, model.engine_card, model.record
    exact = Text("exact", "bold green") if verdict.exact else Text(say("exact ではない", "not exact"), "bold yellow")
    exact.append(f": {say(verdict.why_ja, verdict.why_en)}", "not bold default")
    yes, no = say("はい", "yes"), say("いいえ", "no")
    rows: dict[str, Any] = {
        say("エンジン", "engine"): f"{engine.binding} {engine.library}",
        say("モデル", "model"): f"{card.name} ({card.quantization or '?'}, {size_text(card.size or None)})",
        say("コンテキスト", "context"): say(f"{model.n_ctx} トークン", f"{counted(model.n_ctx, 'token')} a run"),
        say("確率", "probabilities"): _told(record),
        say("ロジットのゼロ", "zero of the logits"): yes if record.absolute else no,
        say("同時の要求", "requests at once"): str(record.slots),
        say("テンプレート", "chat template"): yes if record.template else no,
        say("使えないつまみ", "knobs not there"): "\n".join(
            f"{name}: {say(*why)}" for name, why in model.lacks.items()
        ),
        say("正確さ", "exactness"): exact,
    }
    if verdict.remedy_en:
        rows[say("対処", "remedy")] = say(verdict.remedy_ja, verdict.remedy_en)
    rows[say("速さ", "speed")] = say(f"生成 {alone:.1f} tok/s", f"generation {alone:.1f} tok/s") + (
        ""
        if absolute is None
        else say(
            f"、repeat_penalty を使うと {absolute:.1f} tok/s（要求が 1 トークンに 2 つ要る）",
            f"; with repeat_penalty {absolute:.1f} (two requests a token)",
        )
    )
    return rows
