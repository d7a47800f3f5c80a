"""`tsumami settings`: settings of other programs read, written and explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.imported import report, report_losses, say_source, settings_text
from tsumami.cli.knobs import show
from tsumami.cli.output import check_writable, json_text, note, save_file, write
from tsumami.cli.words import say
from tsumami.errors import SettingsError, japanese
from tsumami.knobs import KNOBS

if TYPE_CHECKING:
    from tsumami.exchange import Imported
    from tsumami.settings import Settings

_ACTIONS: Final = ("convert", "explain", "dialects")


def about() -> str:
    """The help of the command."""
    return say(
        "ほかのプログラムの設定を読み書きする（convert）、設定の意味を言葉で説明する（explain）、方言の一覧（dialects）。",
        "Read and write other programs' settings (convert), say in words what settings do (explain), list dialects.",
    )


def settings(
    out: Annotated[Outputs, Makes("json", by_verb=True, others=(".yaml", ".ini", "Modelfile"))],
    action: Annotated[
        str, typer.Argument(metavar="|".join(_ACTIONS), show_default=False, help=say("何をするか", "what to do"))
    ],
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", show_default=False, help=say("設定のファイル", "the file of settings")),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="<DIALECT>", help=say("その方言（既定は自動判別）", "its dialect")),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--to", metavar="<DIALECT>", help=say("書き出す方言", "the dialect to write")),
    ] = None,
    section: Annotated[
        str | None,
        typer.Option("--section", metavar="<NAME>", help=say("INI の中のプリセット", "the preset of an INI file")),
    ] = None,
) -> None:
    """Do one of the three."""
    if action not in _ACTIONS:
        raise SettingsError(f"{action!r} is none of {', '.join(_ACTIONS)}").in_japanese(
            f"{action!r} は {', '.join(_ACTIONS)} のどれでもありません"
        )
    if action == "dialects":
        _list(out.check("json"))
        return
    if file is None:
        raise SettingsError(f"settings {action} needs a file").in_japanese(f"settings {action} にはファイルが要ります")
    found = _read(file, source, section)
    if action == "explain":
        _explain(found, out.check("json"))
    else:
        _convert(found, target, out)


def _read(file: str, source: str | None, section: str | None) -> Imported:
    from tsumami.exchange import read_settings

    text = settings_text(file)
    try:
        return read_settings(text, source, preset=section)
    except SettingsError as error:
        raise type(error)(f"{file}: {error}").in_japanese(f"{file}: {japanese(error)}") from error


def _list(out: Outputs) -> None:
    from tsumami.exchange import DIALECTS

    values = [{"name": one.name, "title": one.title, "form": one.form} for one in DIALECTS.values()]
    if out.put({"json": lambda: json_text(values)}):
        return
    for one in DIALECTS.values():
        write(f"{one.name:24} {one.title} ({one.form})\n")


def _convert(found: Imported, target: str | None, out: Outputs) -> None:
    """Into a file the settings themselves, in the dialect that its name means; --json says what became of them, too."""
    from tsumami.exchange import dialect_for, write_settings

    for path in out.files:
        check_writable(path)
    dialect = target or (dialect_for(out.files[0].name) if out.files else "tsumami")
    made = write_settings(found.settings, dialect)
    say_source(found)
    report(found.notes)
    if dialect != "tsumami":
        note(say(f"{dialect} へ:", f"to {dialect}:"))
        report(made.notes)
    told = {**found.to_dict(), "to": dialect, "text": made.text, "lost": [one.to_dict() for one in made.notes]}
    if not Outputs(out.printed).put({"json": lambda: json_text(told)}) and not out.files:
        write(made.text if made.text.endswith("\n") else made.text + "\n")
    for path in out.files:
        save_file(path, made.text)


def _explain(found: Imported, out: Outputs) -> None:
    """What the settings do, knob by knob, and which do nothing."""
    idle = found.settings.idle_knobs()
    reasons = {name: {"ja": why.ja, "en": why.en} for name, why in idle.items()}
    if out.put({"json": lambda: json_text({**found.to_dict(), "idle": reasons})}):
        return
    say_source(found)
    for name in _turned(found.settings):
        knob, value = KNOBS[name], getattr(found.settings, name)
        reason = idle.get(name)
        line = say(knob.line_ja, knob.line_en) if reason is None else say(reason.ja, reason.en)
        mark = "" if reason is None else say("働かない: ", "does nothing: ")
        write(f"{name} = {show(name, value)}\n    {mark}{line}\n")
    report_losses(found.notes)


def _turned(settings: Settings) -> list[str]:
    """The knobs that are not neutral, in the order of the table."""
    return [
        name
        for name, knob in KNOBS.items()
        if (knob.neutral is None and name in settings.changed())
        or (knob.neutral is not None and getattr(settings, name) != knob.neutral)
    ]
