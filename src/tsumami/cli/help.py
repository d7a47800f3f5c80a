"""Help, drawn with Rich: panels of options, grouped as the knob table groups them.

Guarantee: nothing is cut off, also in a narrow terminal and in Japanese, which has no spaces to break a line at.
Typer's own drawing shortens such lines with an ellipsis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from tsumami.cli.output import console
from tsumami.cli.words import say

_WIDE: Final = 100
_NAMES_WIDE: Final = 40
_NAMES_TINY: Final = 20
_FRAME: Final = 8  # borders, paddings and the gap between the columns
_CLOSING: Final = r"[)\];,、。，．：；）」』】？！ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ]*"
#: A run of narrow characters, a space, or one wide character; with the marks after it that may not begin a line.
_UNIT: Final = re.compile(rf"\s|(?:[!-~±−–]+|.){_CLOSING}", re.DOTALL)

_Row = tuple[str, str]


def draw(context: Any) -> str:
    """The help of the command of a context, as wide as the terminal."""
    from rich.padding import Padding
    from rich.text import Text

    command = context.command
    screen = console()
    with screen.capture() as captured:
        usage = Text(say("使い方: ", "Usage: "), "yellow").append(context.command_path, "bold")
        usage.append(" " + " ".join(command.collect_usage_pieces(context)), "default")
        screen.print(Padding(usage, (1, 1)))
        screen.print(Padding(Text(wrapped(command.help or "", screen.width - 2)), (0, 1, 1, 1)))
        panels = {title: rows for title, rows in _panels(command, context).items() if rows}
        names = max(len(name) for rows in panels.values() for name, _ in rows)
        width = min(names, _NAMES_WIDE if screen.width >= _WIDE else max(_NAMES_TINY, screen.width * 3 // 8))
        for title, rows in panels.items():
            screen.print(_panel(title, rows, width, screen.width - width - _FRAME))
    return captured.get()


def wrapped(text: str, room: int) -> str:
    """The text in lines of at most `room` columns. Japanese may break between any two characters, but no line begins
    with a closing mark.
    """
    from rich.cells import cell_len

    lines, width = [""], 0
    for unit in _UNIT.findall(text):
        size = cell_len(unit)
        if width and width + size > room:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
            width = 0
        if unit.isspace() and not width:
            continue
        lines[-1] += unit
        width += size
    return "\n".join(lines)


def _panels(command: Any, context: Any) -> dict[str, list[_Row]]:
    """Rows by the panel's title: arguments, options in their groups, commands."""
    arguments, options = say("引数", "Arguments"), say("オプション", "Options")
    panels: dict[str, list[_Row]] = {arguments: [], options: []}
    for param in command.get_params(context):
        if param.hidden:
            continue
        if param.param_type_name == "argument":
            panels[arguments].append((param.display_name_raw, param.help or ""))
        else:
            panels.setdefault(param.rich_help_panel or options, []).append((_names(param), param.help or ""))
    panels[say("コマンド", "Commands")] = [
        (name, command.get_command(context, name).help or "") for name in getattr(command, "commands", ())
    ]
    return panels


def _names(param: Any) -> str:
    """`-s, --settings <FILE>`, `--fast / --exact`."""
    names = ", ".join(sorted(param.opts, key=len))
    if param.secondary_opts:
        return f"{names} / {', '.join(param.secondary_opts)}"
    return names if param.is_flag or not param.metavar else f"{names} {param.metavar}"


def _panel(title: str, rows: Iterable[_Row], width: int, room: int) -> Any:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=width, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    for name, text in rows:
        table.add_row(_coloured(name), Text(wrapped(text, room)))
    return Panel(table, title=title, title_align="left", border_style="dim")


def _coloured(name: str) -> Any:
    from rich.text import Text

    text = Text(name, "bold cyan", overflow="fold")
    text.highlight_regex(r"<[^>]*>", "not bold yellow")
    text.highlight_regex(r"--no-[\w-]+", "not bold magenta")
    return text
