"""The forms in which commands give what they made: a row of the table for each, and one meaning of its flag everywhere.

Guarantee: `--json` (or another form's flag) prints that form on stdout and nothing else; `-o FILE` writes a file in the
form of its ending, beside whatever is printed. What cannot be had is refused before the work, with what can be had
instead, and every file that was written is named on stderr, once.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tsumami.cli.options import option
from tsumami.cli.output import check_writable, save_file, write, write_bytes, write_json_text
from tsumami.cli.words import UsageProblem, say

__all__ = ["FORMS", "Makes", "OutputForm", "Outputs"]


@dataclass(frozen=True, slots=True)
class OutputForm:
    """One form: its name, the endings of its files, and what its flag says (none: it is only written to files).
    picture: bytes that no terminal can show.
    """

    name: str
    endings: tuple[str, ...]
    ja: str = ""
    en: str = ""
    picture: bool = False

    @property
    def flag(self) -> str | None:
        """The option that prints it."""
        return f"--{self.name}" if self.en else None


FORMS: Final[Mapping[str, OutputForm]] = {
    one.name: one
    for one in (
        OutputForm("json", (".json",), "JSON で出す", "print JSON"),
        OutputForm("csv", (".csv",), "CSV で出す", "print CSV"),
        OutputForm("html", (".html", ".htm"), "1 枚の HTML で出す", "print one HTML page"),
        OutputForm("svg", (".svg",), "図を SVG で出す", "print the picture as SVG"),
        OutputForm("png", (".png",), "図を PNG で出す（ターミナルには出さない）",
                   "print the picture as PNG (not to a terminal)", picture=True),
        OutputForm("txt", (".txt", ".md")),
        OutputForm("jsonl", (".jsonl",)),
        OutputForm("sqlite", (".sqlite", ".db")),
    )
}  # fmt: skip

#: What makes each form; it is called only for what was asked for.
Makers = Mapping[str, Callable[[], str | bytes]]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a call asks for: the form to print (None: what the command prints by itself), and the files to write."""

    printed: str | None = None
    files: tuple[Path, ...] = ()

    def check(self, *forms: str) -> Outputs:
        """These, if all of them can be had in these forms and written.

        Raises:
            UsageProblem: a form or an ending that is none of them, or a picture for a terminal.
            RunFileError: a file that cannot be written.
        """
        if self.printed is not None:
            _check_printed(self.printed, forms)
        for path in self.files:
            form_of(path, forms)
            check_writable(path)
        return self

    def put(self, make: Makers, *, quiet: bool = False) -> bool:
        """Print and write what was asked for; whether stdout has it already, so that nothing else may go there.
        quiet: do not name the files.

        Raises:
            UsageProblem: as `check`.
            RunFileError: a file cannot be written.
        """
        made = functools.cache(lambda name: make[name]())
        if self.printed is not None:
            _check_printed(self.printed, tuple(make))
            _print(self.printed, made(self.printed))
        for path in self.files:
            save_file(path, made(form_of(path, tuple(make)).name), quiet=quiet)
        return self.printed is not None


def form_of(path: Path, forms: tuple[str, ...]) -> OutputForm:
    """The form that a file's ending means; without an ending the first of those that there are.

    Raises:
        UsageProblem: none of them has this ending.
    """
    for name in forms:
        if path.suffix.lower() in FORMS[name].endings or not path.suffix:
            return FORMS[name]
    raise UsageProblem(
        f"-o {path}: this can be written as {_endings(forms)}; give a file with such an ending"
    ).in_japanese(f"-o {path}: 書けるのは {_endings(forms)} です。そのどれかで終わる名前にしてください")


def _endings(forms: tuple[str, ...]) -> str:
    return " ".join(ending for name in forms for ending in FORMS[name].endings)


def _check_printed(printed: str, forms: tuple[str, ...]) -> None:
    if printed not in forms:
        flags = [flag for name in forms if (flag := FORMS[name].flag) is not None]
        instead = f"; it has {', '.join(flags)}" if flags else ""
        raise UsageProblem(f"--{printed}: this cannot be printed so{instead}").in_japanese(
            f"--{printed}: その形では出せません" + (f"（出せるのは {'、'.join(flags)}）" if flags else "")
        )
    if FORMS[printed].picture and sys.stdout.isatty():
        raise UsageProblem(
            f"--{printed}: a terminal cannot show it; write a file (-o picture.{printed}) or redirect stdout"
        ).in_japanese(
            f"--{printed}: ターミナルには出せません。ファイルに書く（-o picture.{printed}）か、標準出力を渡してください"
        )


def _print(form: str, made: str | bytes) -> None:
    if isinstance(made, bytes) and not FORMS[form].picture:
        made = made.decode("utf-8")
    if isinstance(made, bytes):
        write_bytes(made)
    elif form == "json":
        write_json_text(made)
    else:
        write(made)


class Makes:
    """The options of a command that can give these forms: it says `out: Annotated[Outputs, Makes("json", "csv")]`.

    by_verb: the command has verbs with forms of their own, which check them (`Outputs.check`); `others` are endings
    that one of these knows besides.
    """

    def __init__(self, *forms: str, by_verb: bool = False, others: tuple[str, ...] = ()) -> None:
        self.forms = forms
        self.by_verb = by_verb
        self.others = others

    def parameters(self) -> list[inspect.Parameter]:
        """A flag for each form that can be printed, and `-o`."""
        flags = [
            option(name, bool, form.flag, default=False, help=say(form.ja, form.en))
            for name in self.forms
            if (form := FORMS[name]).flag is not None
        ]
        return [*flags, option("output", list[Path] | None, "--output", "-o", metavar="<FILE>", help=self._help())]

    def _help(self) -> str:
        endings = " ".join((*(FORMS[name].endings[0] for name in self.forms), *self.others))
        return say(
            f"ファイルに書く。形は拡張子で決まる（{endings}）。何度でも指定できる",
            f"write a file; its ending says the form ({endings}); may be given several times",
        )

    def from_options(self, values: dict[str, Any]) -> Outputs:
        """The group from the values that Typer parsed, checked.

        Raises:
            UsageProblem: two forms for one stdout; or as `Outputs.check`.
            RunFileError: a file that cannot be written.
        """
        wanted = [name for name in self.forms if values.get(name)]
        if len(wanted) > 1:
            flags = " ".join(f"--{name}" for name in wanted)
            raise UsageProblem(f"{flags}: stdout takes one form; write the others to files with -o").in_japanese(
                f"{flags}: 標準出力に出せる形は 1 つです。ほかは -o でファイルに書いてください"
            )
        made = Outputs(wanted[0] if wanted else None, tuple(values["output"] or ()))
        return made if self.by_verb else made.check(*self.forms)
