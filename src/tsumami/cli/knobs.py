r"""Knobs on the command line: one option for every row of the knob table, and how a text becomes a value.

Guarantee: names, help, groups, ranges and defaults come from `tsumami.knobs.KNOBS` alone, and every value goes through
`Knob.validate`, so an option, `/set` in a chat and a settings file accept the same and refuse with the same words.
Precedence: defaults < --preset < --settings < single options.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tsumami.cli.files import json_in, read_text
from tsumami.cli.imported import report_losses, say_source, settings_text
from tsumami.cli.options import option
from tsumami.cli.output import save_file
from tsumami.cli.words import say
from tsumami.errors import SettingsError, japanese
from tsumami.knobs import GROUPS, KNOBS, Knob, default, named
from tsumami.knobs.typed import shown, typed
from tsumami.presets import PRESETS
from tsumami.presets import get as get_preset
from tsumami.settings import Settings, saved_knobs

_METAVARS: Final = {
    "int": "<N>",
    "float": "<NUMBER>",
    "choice": "<N>",
    "word": "<WORD>",
    "texts": "<TEXT>",
    "tokens": "<TEXT>",
    "bias": "<ID=BIAS>",
    "text_bias": "<TEXT=BIAS>",
    "grammar": "<TEXT|@FILE>",
    "schema": "<TEXT|@FILE>",
    "object": "<JSON|@FILE>",
    "regex": "<TEXT|@FILE>",
    "text": "<TEXT>",
    "order": "<ORDER>",
}
_REPEATED: Final = ("texts", "tokens", "bias", "text_bias")
_FROM_FILES: Final = ("grammar", "schema", "object", "regex")
_SHORT: Final = 64  # tokens of each text of a map or a grid


# --- a text as a value ---


def parse(knob: Knob, text: str | list[str]) -> Any:
    """The value that a text (or the texts of a repeated option) stands for, checked; `@FILE` is the file's text where
    a grammar or a schema is expected.

    Raises:
        SettingsError: the knob cannot have it.
    """
    if knob.kind in _FROM_FILES and isinstance(text, str) and text.startswith("@"):
        text = read_text(text[1:], SettingsError)
    return typed(knob, text)


def show(name: str, value: Any) -> str:
    """A value in the form in which it can be typed; several texts apart, each in quotation marks."""
    text = shown(KNOBS[name], value)
    if isinstance(text, list):
        text = " ".join(map(repr, value)) if KNOBS[name].kind in ("texts", "tokens") else ",".join(text)
    return text or say("なし", "none")


# --- the options ---


def flag(name: str) -> str:
    """The option of a knob: `--top-k` for `top_k`."""
    return "--" + name.replace("_", "-")


def _knob_option(knob: Knob) -> inspect.Parameter:
    group = GROUPS[knob.group]
    panel = say(group.title_ja, group.title_en)
    line = say(knob.line_ja, knob.line_en)
    details = {"help": f"{line} {_facts(knob)}", "rich_help_panel": panel}
    if knob.kind == "bool":
        return option(knob.name, bool | None, f"{flag(knob.name)}/--no-{flag(knob.name)[2:]}", **details)
    repeated = knob.kind in _REPEATED
    kind = list[str] | None if repeated else str | None
    return option(knob.name, kind, flag(knob.name), metavar=_METAVARS[knob.kind], **details)


def _facts(knob: Knob) -> str:
    """Range and default, for the help of a number; what else one must know for the others."""
    default = say(f"既定 {show(knob.name, knob.default)}", f"default {show(knob.name, knob.default)}")
    extra = {
        "texts": say(r"何度でも指定可、\n は改行", r"repeatable, \n is a newline"),
        "tokens": say(r"何度でも指定可、\n は改行、<[12]> は ID 12", r"repeatable, \n is a newline, <[12]> the id 12"),
        "bias": say("何度でも指定可", "repeatable"),
        "text_bias": say(r"何度でも指定可、\n は改行", r"repeatable, \n is a newline"),
        "order": say(
            "classic、llama.cpp、または top_k,temperature のような並び",
            "classic, llama.cpp, or a list such as top_k,temperature",
        ),
    }
    if knob.kind in ("int", "float", "choice", "word"):
        return f"({_range(knob)}; {default})"
    return f"({extra[knob.kind]}; {default})" if knob.kind in extra else f"({default})"


def _range(knob: Knob) -> str:
    if knob.choices:
        return "|".join(map(str, knob.choices))
    slider, low, high = knob.slider, knob.low, knob.high
    if high is not None and high <= 1000 and low is not None:
        return f"{low:g}–{high:g}"
    if low is None:
        return say("任意の数", "any number")
    if slider is not None and slider.high is not None and low < 0:
        return say(f"ふつう {slider.low:g}–{slider.high:g}", f"usually {slider.low:g}–{slider.high:g}")
    if knob.low_open or low == knob.smallest:
        return say("0 より大きい数", "above 0")
    return say(f"{low:g} 以上", f"{low:g} or more")


@dataclass(frozen=True, slots=True)
class KnobOptions:
    """What the command line says about settings: a preset, a file, single knobs."""

    preset: str | None = None
    file: str | None = None
    save_to: Path | None = None
    knobs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parameters(cls) -> list[inspect.Parameter]:
        """The options: where to start from, then every knob in the table's order, group by group."""
        panel = {"rich_help_panel": say("設定", "Settings")}
        preset = say("出発点にするプリセット", "preset to start from") + f": {', '.join(PRESETS)}"
        file = say(
            "設定のファイル（ほかのプログラムのものも可）、または保存した実行結果（使われたシードも引き継ぐ）",
            "file of settings, also of another program, or a saved run (its effective seed included)",
        )
        save = say("使う設定をこのファイルに保存する", "save the settings that are used to this file")
        start = [
            option("preset", str | None, "--preset", "-p", help=preset, metavar="<NAME>", **panel),
            option("settings_file", str | None, "--settings", "-s", help=file, metavar="<FILE>", **panel),
            option("save_settings", Path | None, "--save-settings", help=save, metavar="<FILE>", **panel),
        ]
        order = list(GROUPS)
        return start + [_knob_option(knob) for knob in sorted(KNOBS.values(), key=lambda k: order.index(k.group))]

    @classmethod
    def from_options(cls, values: dict[str, Any]) -> KnobOptions:
        """The group from the values that Typer parsed: a knob that was not given is None or empty."""
        given = {name: values[name] for name in KNOBS if values[name] not in (None, [], ())}
        return cls(values["preset"], values["settings_file"], values["save_settings"], given)

    def settings(self, start: Settings | None = None) -> Settings:
        """The settings that hold, saved where that was asked for. start: what holds where nothing is said.

        Raises:
            SettingsError: a value or a file that cannot work, or an unknown preset.
        """
        said = {
            name: value if isinstance(value, bool) else parse(KNOBS[name], value) for name, value in self.knobs.items()
        }
        base = start or Settings() if self.preset is None else get_preset(self.preset).apply()
        from_file = read_settings(self.file) if self.file is not None else {}
        made = Settings.from_mapping(base.to_dict() | from_file | said)
        if self.save_to is not None:
            save_file(self.save_to, json.dumps(made.to_dict(), ensure_ascii=False, indent=1) + "\n")
        return made

    def short(self, settings: Settings) -> Settings:
        """The settings with few tokens where nobody said how many: for commands that generate many texts."""
        said = "max_tokens" in self.knobs or settings.max_tokens != default("max_tokens")
        return settings if said else settings.replace(max_tokens=_SHORT)


def read_settings(path: str) -> dict[str, Any]:
    """The knobs in a file: an object of knobs and values; a saved run, whose effective seed then holds; or another
    program's settings, of which stderr says what they lose.

    Raises:
        SettingsError: it cannot be read, or a knob in it cannot work.
    """
    from tsumami.exchange import foreign_settings

    text = settings_text(path)  # once: a pipe gives it once
    foreign = foreign_settings(text)
    if foreign is not None:
        say_source(foreign)
        report_losses(foreign.notes)
        return foreign.settings.to_dict()
    form = json_in(text, path)
    try:
        found = saved_knobs(form)
        Settings.from_mapping(found)
    except SettingsError as error:
        raise type(error)(f"{path}: {error}").in_japanese(f"{path}: {japanese(error)}") from error
    return named(found)
