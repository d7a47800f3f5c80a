"""`tsumami doctor` of an engine that generates by itself: what it tells, and whether it repeats itself.

Guarantee: everything was found by asking that engine now, with a few short replies; where it is stands in no answer.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from tsumami.cli.forms import Outputs
from tsumami.cli.output import console, json_text, note
from tsumami.cli.run_there import knobs_there, sent_there
from tsumami.cli.words import say
from tsumami.errors import RemoteError
from tsumami.knobs import KNOBS
from tsumami.settings import Settings

if TYPE_CHECKING:
    from tsumami.models import RemoteName
    from tsumami.remote import TextServer, ToldText

_ASKED: Final = [{"role": "user", "content": "Say hello"}]
_TOKENS: Final = 8
_EQUAL: Final = 1e-3  # of a logarithm: servers print a few digits


@dataclass(frozen=True, slots=True)
class TextReport:
    """What was found. others_in_chat, others_in_text: how many tokens of a place are told with their probabilities, in
    a chat and where a text is continued (None: it cannot do that); probabilities: those of the model, whatever the
    temperature is (`raw`), those that it draws from (`processed`), or none; repeats: the same seed gave the same text.
    """

    engine: str
    version: str | None
    model: str
    models: tuple[str, ...]
    others_in_chat: int | None
    others_in_text: int | None
    probabilities: Literal["raw", "processed", "none"]
    repeats: bool
    tokens_per_second: float
    not_there: tuple[str, ...]


def report_there(name: str, out: Outputs) -> None:
    """Ask, and print."""
    from tsumami.models import remote_name
    from tsumami.remote import TextServer

    where = remote_name(name)
    note(say("何を教えてくれるか、尋ねています…", "asking what it tells …"))
    server = TextServer(where)
    try:
        found = examined(where, server)
    finally:
        server.close()
    if not out.put({"json": lambda: json_text(asdict(found) | {"token_ids": False, "rows": False, "ledger": False})}):
        _print(found)


def examined(where: RemoteName, server: TextServer) -> TextReport:
    """What it can do, found by asking."""

    def asked(temperature: float, *, raw: bool = False) -> ToldText:
        settings = Settings(temperature=temperature, seed=1, max_tokens=_TOKENS)
        return server.generate(_ASKED, sent_there(where.kind, settings)[0], raw=raw)

    begin = time.perf_counter()
    warm = asked(1.5)
    seconds = time.perf_counter() - begin
    again, cold = asked(1.5), asked(0.5)
    return TextReport(
        engine=where.title,
        version=server.version(),
        model=warm.model,
        models=server.models(),
        others_in_chat=_others(warm),
        others_in_text=_in_text(asked),
        probabilities=_kind(warm, cold),
        repeats=warm == again,
        tokens_per_second=len(warm.tokens) / max(seconds, 1e-9),
        not_there=_not_there(where.kind),
    )


def _in_text(asked: Any) -> int | None:
    try:
        return _others(asked(1.5, raw=True))
    except RemoteError:
        return None


def _others(told: ToldText) -> int:
    return max((len(one.others) for one in told.tokens), default=0)


def _kind(warm: ToldText, cold: ToldText) -> Literal["raw", "processed", "none"]:
    """Whether a temperature changes what is told of the first place."""
    if not warm.tokens or not cold.tokens or not warm.tokens[0].others:
        return "none"
    a, b = dict(warm.tokens[0].others), dict(cold.tokens[0].others)
    same = all(abs(a[text] - b[text]) < _EQUAL for text in a.keys() & b.keys())
    return "raw" if same else "processed"


def _not_there(kind: str) -> tuple[str, ...]:
    """The knobs that it has no name for."""
    there = knobs_there(kind)
    return tuple(name for name in KNOBS if name not in there)


def _print(found: TextReport) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", overflow="fold", max_width=20)
    table.add_column(overflow="fold", ratio=1)
    for title, value in _rows(found).items():
        table.add_row(title, value)
    console().print(table)


def _rows(found: TextReport) -> dict[str, str]:
    kinds = {
        "raw": say("モデルのもの（温度で変わらない）", "the model's own: the temperature does not change them"),
        "processed": say(
            "設定を通ったあとのもの（温度で変わる）", "those that it draws from: the temperature changes them"
        ),
        "none": say("知らされない", "none are told"),
    }
    return {
        say("エンジン", "engine"): f"{found.engine} {found.version or ''}".strip(),
        say("モデル", "model"): f"{found.model}" + (f"  ({', '.join(found.models)})" if len(found.models) > 1 else ""),
        say("確率", "probabilities"): kinds[found.probabilities],
        say("候補の数（会話）", "others in a chat"): _count(found.others_in_chat),
        say("候補の数（続き）", "others in a text"): _count(found.others_in_text),
        say("トークンの id と行", "token ids, rows"): say(
            "知らされない: 台帳、レシート、verify、地図、グリッドはない。使えるのは run と compare",
            "not told: no ledger, no receipt, no verify, maps or grids; `run` and `compare` work",
        ),
        say("同じシード", "the same seed"): say("同じ文章になった", "gave the same text and probabilities")
        if found.repeats
        else say("別の文章、または別の確率になった", "gave another text, or other probabilities"),
        say("ないつまみ", "knobs not there"): ", ".join(found.not_there),
        say("速さ", "speed"): say(
            f"{found.tokens_per_second:.1f} tok/s（短い返事）", f"{found.tokens_per_second:.1f} tok/s (a short reply)"
        ),
    }


def _count(number: int | None) -> str:
    return say("できない", "it cannot do that") if number is None else str(number)
