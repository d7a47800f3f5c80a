"""`tsumami run` on an engine that generates by itself: its text, and what it tells of it.

Guarantee: nothing is shown that the engine did not tell, and each knob that it does not have is named.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from tsumami.cli.output import console, note, piece, write, write_json
from tsumami.cli.words import language, say
from tsumami.errors import SettingsError
from tsumami.wording import counted, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from tsumami.cli.options import ModelOptions
    from tsumami.remote import ToldText
    from tsumami.settings import Settings

#: Which dialect the settings of a kind of server are written in.
_DIALECTS: Final = {"ollama": "ollama", "openai": "openai", "vllm": "vllm", "sglang": "openai"}
_SHOWN: Final = 5


def generates_by_itself(model: ModelOptions) -> bool:
    """Whether a model's name leads to an engine on which our chain cannot choose."""
    from tsumami.models import is_remote, remote_name

    return is_remote(model.name) and remote_name(model.name).kind in _DIALECTS and model.vocabulary is None


def run_there(
    name: str,
    messages: Sequence[dict[str, str]],
    settings: Settings,
    *,
    template: str,
    tokens: bool = False,
    as_json: bool = False,
    quiet: bool = False,
) -> None:
    """Let it generate, and print what it tells.

    Raises:
        SettingsError: a prompt format that only a model here can have.
        RemoteError: it does not answer, or not as documented.
    """
    from tsumami.models import remote_name
    from tsumami.remote import TextServer

    where = remote_name(name)
    check_format(where.title, template)
    values, lost = sent_there(where.kind, settings)
    server = TextServer(where)
    try:
        found = server.generate(messages, values, raw=template == "raw")
    finally:
        server.close()
    if as_json:
        write_json({"engine": where.title, "sent": values, **asdict(found)})
    else:
        write(found.text + "\n")
    if tokens:
        console(stderr=True).print(_table(found))
    if not quiet:
        for line in lost:
            note(line)
        note(_facts(where.title, found))


def check_format(title: str, template: str) -> None:
    """Refuse a prompt format that only a model here can have."""
    if template not in ("raw", "model"):
        raise SettingsError(f"--template {template}: {title} has its own; needs raw or model").in_japanese(
            f"--template {template}: {title} は自分のテンプレートを使います。raw か model にしてください"
        )


def sent_there(kind: str, settings: Settings) -> tuple[dict[str, Any], list[str]]:
    """The settings as the server takes them, and what it does not take, in words."""
    from tsumami.exchange import DIALECTS
    from tsumami.exchange.writing import export_values

    values, notes = export_values(DIALECTS[_DIALECTS[kind]], settings)
    turned = settings.changed()
    return values, [one.told(language()) for one in notes if one.fate in ("lost", "limited") and one.knob in turned]


def knobs_there(kind: str) -> set[str]:
    """The knobs that the server has a name for."""
    from tsumami.exchange import DIALECTS

    dialect = DIALECTS[_DIALECTS[kind]]
    named = {str(one.knob) for one in dialect.fields if one.knob is not None and not one.dead}
    return named | ({"samplers"} if dialect.order is not None else set())


def _facts(title: str, found: ToldText) -> str:
    count = len(found.tokens)
    parts = [
        f"{title} · {found.model}",
        found.finish,
        *([say(f"{count} トークン", counted(count, "token"))] if count else []),
        say(
            "選んだのはそのエンジン: 台帳も、同じ文章がまた出る約束もない",
            "it chose by itself: no ledger, no promise of repeats",
        ),
    ]
    return " · ".join(parts)


def _table(found: ToldText) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(say("トークン", "token"), overflow="fold")
    table.add_column(say("知らされた確率", "told p"), justify="right")
    table.add_column(say("エントロピー（下限）", "entropy, at least"), justify="right")
    table.add_column(say("ほかの候補", "others"), overflow="fold")
    for one in found.tokens:
        bits = one.least_entropy
        least = "–" if bits is None else say(f"{bits:.2f} ビット", f"{bits:.2f} bits")
        others = [f"{piece(text.encode())} {share(log)}" for text, log in one.others if text != one.text][:_SHOWN]
        own = "–" if one.logprob is None else share(one.logprob)
        table.add_row(piece(one.text.encode()), own, least, "  ".join(others))
    return table


def share(logarithm: float) -> str:
    """A told probability, of its logarithm."""
    return percent(math.exp(logarithm))
