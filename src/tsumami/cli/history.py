"""`tsumami history`: what was made before, found again, shown, marked, taken out and carried elsewhere.

Guarantee: nothing is taken out but by `forget` and `prune`, which say how much it was; a query that does not fit is
shown with the place. What is exported is imported again as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.kept import SHORT
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import console, json_text, note, write, written
from tsumami.cli.words import UsageProblem, say
from tsumami.wording import counted

if TYPE_CHECKING:
    from tsumami.history import Entry, History


def about() -> str:
    """The help of the command."""
    return say(
        "これまでの結果を探す・見る・印をつける・消す・書き出す。最初の語が動詞でなければ検索の言葉として読む。",
        "Find, show, mark, take out and export what was made before. Words that begin with no verb are a search.",
    )


@dataclass(frozen=True, slots=True)
class _Wish:
    """A verb's words and options."""

    words: list[str]
    limit: int
    out: Outputs
    keep: int | None
    runs: int
    model: ModelOptions

    def key(self) -> str:
        """The one id."""
        if len(self.words) != 1:
            raise UsageProblem("one id is needed; tsumami history lists them").in_japanese(
                "id が 1 つ要ります。tsumami history で一覧が出ます"
            )
        return self.words[0]

    @property
    def query(self) -> str:
        return " ".join(self.words)


def history(
    model: ModelOptions,
    out: Annotated[Outputs, Makes("json", "jsonl", "sqlite", by_verb=True)],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VERB] [QUERY|ID…]",
            show_default=False,
            help=say(
                "動詞: find（既定）show open export import tag untag star unstar name forget prune verify backup stats",
                "verbs: find (the default), show, open, export, import, tag, untag, star, unstar, name, forget,"
                " prune, verify, backup, stats",
            ),
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="<N>", help=say("何件まで", "at most so many"))] = 20,
    keep: Annotated[
        int | None,
        typer.Option("--keep-mb", metavar="<N>", help=say("prune: 残す大きさ（MB）", "prune: leave so many megabytes")),
    ] = None,
    runs: Annotated[
        int,
        typer.Option(
            "--runs",
            metavar="<N>",
            min=0,
            help=say("verify: 何件をもう一度実行して比べるか", "verify: run so many again, and compare"),
        ),
    ] = 0,
) -> None:
    """Open the store and do what the first word says."""
    from tsumami.history import History

    first, *rest = words or ["find"]
    act = _VERBS.get(first)
    with History(due=False) as store:
        (act or _find)(store, _Wish(rest if act else [first, *rest], limit, out, keep, runs, model))


# --- verbs ---


def _find(store: History, asked: _Wish) -> None:
    asked.out.check("json")
    found = store.find(asked.query, limit=asked.limit)
    if asked.out.put({"json": lambda: json_text([entry.to_dict() for entry in found])}):
        return
    _table(found)
    count = store.count(asked.query)
    if count > len(found):
        note(say(f"{count} 件のうち新しい {len(found)} 件（--limit）", f"the newest {len(found)} of {count} (--limit)"))
    elif not found:
        note(say("何も見つかりませんでした。", "Nothing was found."))


def _show(store: History, asked: _Wish) -> None:
    asked.out.check("json")
    entry = store.entry(asked.key())
    if asked.out.put({"json": lambda: json_text(entry.to_dict() | {"run": json.loads(_form(store, entry))})}):
        return
    _table([entry])
    for one in store.children(entry.key):
        note(say(f"  → {one.key[:SHORT]} {one.said}", f"  → {one.key[:SHORT]} {one.said}"))
    changed = entry.settings.changed()
    if changed:
        note("  ".join(f"{name}={value}" for name, value in changed.items()))
    if entry.is_run:
        write(store.get(entry.key).text + "\n")


def _export(store: History, asked: _Wish) -> None:
    asked.out.check("jsonl")
    found = store.find(asked.query, limit=None)
    lines = [json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in store.export(found)]
    if not asked.out.files:
        write("".join(lines))
        return
    asked.out.put({"jsonl": lambda: "".join(lines)})
    note(say(f"{len(lines)} 件", counted(len(lines), "result")))


def _import(store: History, asked: _Wish) -> None:
    from tsumami.cli.files import read_text
    from tsumami.errors import HistoryError, japanese

    new = 0
    for path in asked.words:
        for number, line in enumerate(filter(str.strip, read_text(path).splitlines()), 1):
            try:
                new += store.take(json.loads(line))
            except (ValueError, RecursionError, HistoryError) as error:
                raise HistoryError(f"{path} line {number}: {error}").in_japanese(
                    f"{path} の {number} 行目: {japanese(error)}"
                ) from error
    note(say(f"{new} 件を加えました", f"{counted(new, 'result')} added"))


def _tag(store: History, asked: _Wish, *, on: bool = True) -> None:
    key, *tags = asked.words or [""]
    if not tags:
        raise UsageProblem("an id and tags are needed: tsumami history tag ID poem").in_japanese(
            "id とタグが要ります: tsumami history tag ID poem"
        )
    store.tag(key, *tags, on=on)


def _star(store: History, asked: _Wish, *, on: bool = True) -> None:
    for key in asked.words:
        store.star(key, on=on)


def _name(store: History, asked: _Wish) -> None:
    key, *title = asked.words or [""]
    store.name(key, " ".join(title))


def _forget(store: History, asked: _Wish) -> None:
    _gone(store.forget(*asked.words))


def _prune(store: History, asked: _Wish) -> None:
    if not asked.words and asked.keep is None:
        raise UsageProblem("what is to go? a query (before:2026-01-01), --keep-mb N, or both").in_japanese(
            "何を消しますか。検索の言葉（before:2026-01-01）か --keep-mb N、またはその両方を指定してください"
        )
    _gone(store.prune(asked.query, keep_bytes=None if asked.keep is None else asked.keep * 2**20))


def _gone(count: int) -> None:
    note(say(f"{count} 件を消しました", f"{counted(count, 'result')} taken out"))


def _verify(store: History, asked: _Wish) -> None:
    count = store.verify()
    write(say(f"{count} 件とも元のままです。\n", f"All as they were: {counted(count, 'result')}.\n"))
    if asked.runs:
        from tsumami.cli.again import run_again

        entries = [entry for entry in store.find(asked.query, limit=None) if entry.is_run and entry.tokens]
        run_again(store, entries[:: max(len(entries) // asked.runs, 1)][: asked.runs], asked.model)


def _open(store: History, asked: _Wish) -> None:
    from tsumami.cli.again import open_page

    entry = store.entry(asked.key())
    open_page(entry, store.get(entry.key), asked.model)


def _backup(store: History, asked: _Wish) -> None:
    if not asked.out.check("sqlite").files:
        raise UsageProblem("-o FILE says where the copy goes").in_japanese("-o FILE で、写しを書く先を指定してください")
    for path in asked.out.files:
        store.backup(path)
        note(written(path))


def _stats(store: History, asked: _Wish) -> None:
    asked.out.check("json")
    found = store.stats()
    if asked.out.put({"json": lambda: json_text(found)}):
        return
    kinds = ", ".join(f"{kind} {count}" for kind, count in found["kinds"].items())
    for name, value in (
        (say("件数", "results"), f"{found['entries']:,} ({kinds})" if kinds else "0"),
        (say("トークン", "tokens"), f"{found['tokens']:,}"),
        (say("星つき", "starred"), f"{found['starred']:,}"),
        (say("ファイル", "file"), f"{store.path} ({found['bytes'] / 2**20:.1f} MB)"),
    ):
        write(f"{name}: {value}\n")


_VERBS: Final[Mapping[str, Callable[[Any, _Wish], None]]] = {
    "find": _find,
    "show": _show,
    "open": _open,
    "export": _export,
    "import": _import,
    "tag": _tag,
    "untag": lambda store, asked: _tag(store, asked, on=False),
    "star": _star,
    "unstar": lambda store, asked: _star(store, asked, on=False),
    "name": _name,
    "forget": _forget,
    "prune": _prune,
    "verify": _verify,
    "backup": _backup,
    "stats": _stats,
}


def _form(store: History, entry: Entry) -> str:
    return store.get(entry.key).to_json() if entry.is_run else store.result(entry.key)


def _table(entries: list[Entry]) -> None:
    """Newest first: id, when, what of which model, tokens, and how prompt and reply begin, a line each."""
    from rich.text import Text

    screen = console()
    for entry in entries:
        marks = ("★" if entry.starred else " ") + (" " if entry.finished else "…")
        line = Text(entry.key[:SHORT], "cyan")
        line.append(
            f"  {entry.when:%Y-%m-%d %H:%M} {marks} {entry.kind:7} {entry.model}  {entry.tokens:>4}  ", "not cyan"
        )
        line.append(
            " ".join([entry.title or entry.asked, "→", entry.said, *(f"#{tag}" for tag in entry.tags)]), "not cyan"
        )
        if screen.is_terminal:
            line.truncate(screen.width, overflow="ellipsis")
        screen.print(line, soft_wrap=True)
