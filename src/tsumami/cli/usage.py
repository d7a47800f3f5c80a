"""What Typer says of a wrong call, in our words and both languages.

Guarantee: every sentence that Typer has for the options and arguments of our commands is known here (a test provokes
each); what is not comes as Typer says it, so nothing is lost.
"""

from __future__ import annotations

import re
from typing import Any, Final

from tsumami.cli.words import say

__all__ = ["usage_text"]

#: What Typer says, and the same in Japanese and English with the parts of it that matter.
_SAID: Final = tuple(
    (re.compile(pattern, re.DOTALL), ja, en)
    for pattern, ja, en in (
        (
            r"No such option: (\S+)(?: \(Possible options: (.*)\))?",
            "{0} というオプションはありません{1}",
            "there is no option {0}{1}",
        ),
        (
            r"No such command '(.*?)'\.(?: Did you mean (.*)\?)?",
            "{0} というコマンドはありません{1}",
            "there is no command {0}{1}",
        ),
        (r"Missing command\.", "コマンドがありません", "a command is missing"),
        (r"Missing \w+ (.+?)\.(?: .*)?", "{0} が足りません", "{0} is missing"),
        (r"Got unexpected extra argument\(s\) \((.*)\)", "余分な引数です: {0}", "nothing more is expected: {0}"),
        (r"Option (.+) does not take a value\.", "{0} に値は付けられません", "{0} takes no value"),
        (r"Option (.+) requires .*", "{0} には値が要ります", "{0} needs a value"),
        (
            r"Invalid value for (.+?): Input should be a valid integer.*",
            "{0} には整数が要ります",
            "{0} needs a whole number",
        ),
        (r"Invalid value for (.+?): Input should be a valid number.*", "{0} には数が要ります", "{0} needs a number"),
        (
            r"Invalid value for (.+?): Input should be greater than or equal to (.*)",
            "{0} は {1} 以上にしてください",
            "{0} needs {1} or more",
        ),
        (
            r"Invalid value for (.+?): Input should be less than or equal to (.*)",
            "{0} は {1} 以下にしてください",
            "{0} needs {1} or less",
        ),
    )
)


def usage_text(error: Any) -> str:
    """What is wrong with a call, by an exception of Typer's."""
    said = str(error.format_message())
    for pattern, ja, en in _SAID:
        found = pattern.fullmatch(said)
        if found is not None:
            return say(_filled(ja, found, "（近いもの: {}）"), _filled(en, found, " (nearest: {})"))
    return said


def _filled(text: str, found: re.Match[str], near: str) -> str:
    first, *rest = (part or "" for part in (*found.groups(), "", ""))
    if found.re.pattern.startswith("No such") and rest[0]:
        rest[0] = near.format(rest[0])
    return text.format(first, *rest)
