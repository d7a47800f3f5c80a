"""The ledger of each token as a table: what each stage left, and where the roll fell.

Guarantee: the numbers are those of the run, computed again exactly where they were not kept; a few tokens at a time,
since a ledger holds whole vocabularies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tsumami.cli.output import console, piece
from tsumami.cli.words import say
from tsumami.wording import counted, percent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tsumami.model import Model
    from tsumami.runs import Run, Step
    from tsumami.sampling import Ledger
    from tsumami.sampling.ledger import Removed

_MEMORY: Final = 400 * 2**20
_FULL_RECORDS: Final = 5  # stages that usually hold the whole vocabulary
_ENTRY: Final = 8  # bytes of an id and a logit
_TERMS: Final = 8

#: Why a stage did nothing, in ja; the words of the chain are English.
_IDLE_JA: Final = {
    "neutral": "中立",
    "healed": "終わり",
    "no_thinking": "思考の印なし",
    "greedy": "貪欲法では休み",
    "mirostat": "Mirostat では休み",
    "contrastive": "コントラスティブサーチでは休み",
}


def print_ledgers(model: Model, run: Run) -> None:
    """Every token's table, on stderr."""
    screen = console(stderr=True)
    at_once = max(4, _MEMORY // (_FULL_RECORDS * _ENTRY * model.tokenizer.n_tokens))
    for start in range(0, len(run.steps), at_once):
        stop = min(start + at_once, len(run.steps))
        for step, ledger in zip(run.steps[start:stop], run.replay(start, stop), strict=True):
            _print(screen, model, run.settings.mode, step, ledger)


def _print(screen: Console, model: Model, mode: str, step: Step, ledger: Ledger) -> None:
    from rich.text import Text

    title = Text(f"#{ledger.step + 1} ", style="bold").append(piece(step.piece), style="bold cyan")
    raw = say(f"素の確率 {percent(step.p_raw)}", f"raw {percent(step.p_raw)}")
    final = say(f"最終 {percent(step.p_final)}", f"final {percent(step.p_final)}")
    rank = say(f"順位 {step.rank}", f"rank {step.rank}")
    entropy = say(f"エントロピー {step.entropy:.2f} ビット", f"entropy {step.entropy:.2f} bits")
    title.append(f"  id {step.id} · {raw} → {final} · {rank} · {entropy}", style="not bold")
    screen.print(title)
    if step.not_told is not None:
        screen.print(Text(say(*step.not_told), style="yellow" if step.uncertain else "dim"))
    for one in step.taken_back:
        screen.print(Text(say(one.ja, one.en), style="yellow"))
    screen.print(_table(model, ledger))
    if ledger.contrast:
        screen.print(_terms(model, ledger))
    screen.print(Text(_roll(ledger, mode)), "", sep="\n")


def _table(model: Model, ledger: Ledger) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(say("ステージ", "stage"), overflow="fold")
    for title in (
        say("残り", "left"),
        say("通した確率", "mass kept"),
        say("この語", "this token"),
        say("外した数", "removed"),
    ):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column(say("外した中で一番", "best of them"), overflow="fold")
    gone = (None, *ledger.removed())
    for record, kept, removed in zip(ledger.records, (1.0, *ledger.mass_kept()), gone, strict=True):
        probability = record.prob_of(ledger.token)
        idle = "" if record.idle is None else say(_IDLE_JA.get(record.idle, record.idle), record.idle)
        table.add_row(
            record.name + (f" ({idle})" if idle else ""),
            f"{record.n_kept:,}",
            percent(kept),
            "–" if probability is None else percent(probability),
            f"{removed.count:,}" if removed and removed.count else "",
            _best(model, removed),
            style="dim" if idle else "",
        )
    return table


def _best(model: Model, removed: Removed | None) -> str:
    """The likeliest token that a stage took out, with its probability before."""
    if removed is None or removed.best is None or removed.p is None:
        return ""
    return f"{piece(model.tokenizer.piece(removed.best))} {percent(removed.p)}"


def _terms(model: Model, ledger: Ledger) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(say("候補", "candidate"), overflow="fold")
    for title in (say("確率", "likely"), say("似かた", "alike"), say("点", "score")):
        table.add_column(title, justify="right")
    for term in sorted(ledger.contrast, key=lambda term: -term.score)[:_TERMS]:
        chosen = "bold" if term.id == ledger.token else ""
        numbers = (f"{term.confidence:.4f}", f"{term.penalty:.4f}", f"{term.score:.4f}")
        table.add_row(piece(model.tokenizer.piece(term.id)), *numbers, style=chosen)
    return table


def _roll(ledger: Ledger, mode: str) -> str:
    """Where the roll fell: the chosen token's share of the running sum of the last stage's candidates."""
    pick, last = ledger.pick, ledger.records[-1]
    if mode == "contrastive":
        return say("乱数は使わない: 点がいちばん高い候補を選んだ", "nothing rolled: the best score wins")
    if mode == "greedy":
        return say("乱数は使わない: ロジットが最大の候補を選んだ", "nothing rolled: the largest logit wins")
    if pick.u is None:
        return say("候補が 1 つなので乱数は使わない", "nothing rolled: one candidate was left")
    probabilities = last.probs
    below = float(probabilities[: pick.index].sum())
    above = below + float(probabilities[pick.index])
    return say(
        f"乱数 u = {pick.u:.6f} は [{below:.6f}, {above:.6f}) に落ちた（候補 {last.n_kept}）",
        f"roll u = {pick.u:.6f} fell into [{below:.6f}, {above:.6f}) of {counted(last.n_kept, 'candidate')}",
    )
