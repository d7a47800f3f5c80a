r"""The texts that hold settings: JSON, YAML, INI presets, command lines and Modelfiles, read and written.

Guarantee: a text is recognised by what it is like, and what is none of them is a SettingsError that says what was
expected. Values of INI presets, command lines and Modelfiles stay texts: what they are, the dialect's table knows.
Nothing in a text is run: YAML makes plain values only, a command line is split and not executed.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
from dataclasses import dataclass
from typing import Any, Final

import yaml

from tsumami.errors import SettingsError
from tsumami.quoting import theirs
from tsumami.wording import counted

__all__ = ["Document", "read_document", "write_document"]

_INSTRUCTION: Final = re.compile(
    r"^\s*(FROM|PARAMETER|TEMPLATE|SYSTEM|ADAPTER|LICENSE|MESSAGE|RENDERER|PARSER|REQUIRES|DRAFT)\s+(.*)$",
    re.IGNORECASE | re.DOTALL,
)
_SECTION: Final = re.compile(r"^\s*\[[^\[\]{}\"']+\]\s*$", re.MULTILINE)
_PAIR: Final = re.compile(r"^\s*[\w-]+\s*=\s*\S", re.MULTILINE)
_FLAG: Final = re.compile(r"(?:^|\s)--?[A-Za-z][\w-]*")
_GLOBAL: Final = "*"
_MOST: Final = 4_000_000  # characters; presets have thousands


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was read: what it is (json, yaml, ini, flags, modelfile), and what it holds."""

    form: str
    value: Any


def read_document(text: str, section: str | None = None) -> Document:
    """What a text holds. section: of an INI file with several presets, the one that is meant.

    Raises:
        SettingsError: it is none of these forms, or no such section.
    """
    if len(text) > _MOST:
        raise SettingsError(f"settings of {counted(len(text), 'character')}; at most {_MOST:,} are read").in_japanese(
            f"設定が {len(text):,} 文字あります。読めるのは {_MOST:,} 文字までです"
        )
    stripped = text.lstrip("\ufeff \t\r\n")
    if stripped.startswith(("{", "[{")):
        return Document("json", _json(stripped))
    if any(_INSTRUCTION.match(line) for line in text.splitlines()):
        return Document("modelfile", _modelfile(text))
    if _SECTION.search(text) or (_PAIR.search(text) and ":" not in text.split("=")[0]):
        return Document("ini", _ini(text, section))
    if _FLAG.search(stripped.splitlines()[0] if stripped else ""):
        return Document("flags", _flags(stripped))
    return Document("yaml", _yaml(text))


def write_document(form: str, value: Any) -> str:
    """The text of names and values in a form."""
    match form:
        case "yaml":
            return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False))
        case "ini":
            lines = (f"{name} = {one}" for name, found in value.items() for one in _several(found))
            return "\n".join(("[tsumami]", *lines, ""))
        case "flags":
            return shlex.join(
                part for name, found in value.items() for one in _several(found) for part in _flag(name, one)
            )
        case "modelfile":
            lines = (f"PARAMETER {name} {_quoted(one)}" for name, found in value.items() for one in _several(found))
            return "\n".join(("FROM ./model.gguf", "", *lines, ""))
        case _:
            return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _flag(name: str, value: Any) -> tuple[str, ...]:
    dashes = "-" if len(name) == 1 else "--"
    return (f"{dashes}{name}",) if value is True else (f"{dashes}{name}", str(value))


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _quoted(value: Any) -> str:
    """A parameter of a Modelfile: texts in quotation marks, in three where they hold some or several lines."""
    if not isinstance(value, str):
        return str(value)
    return f'"""{value}"""' if '"' in value or "\n" in value else f'"{value}"'


# --- reading ---


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"these settings begin as JSON and are none: {error}").in_japanese(
            f"JSON として始まっていますが、JSON ではありません: {theirs(error)}"
        ) from error


def _yaml(text: str) -> Any:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SettingsError(f"these settings are not YAML: {error}").in_japanese(
            f"YAML ではありません: {theirs(error)}"
        ) from error
    if not isinstance(found, dict):
        raise SettingsError(
            "these are no settings: JSON, YAML, an INI preset, flags or a Modelfile is expected"
        ).in_japanese(
            "設定ではありません。JSON、YAML、INI のプリセット、オプションの列、Modelfile のどれかにしてください"
        )
    return found


def _ini(text: str, wanted: str | None) -> dict[str, Any]:
    """The values of a section over those of the section for all."""
    parser = configparser.ConfigParser(
        interpolation=None, strict=False, default_section="\0", delimiters=("=",), comment_prefixes=("#", ";")
    )
    try:
        parser.read_string(f"[{_GLOBAL}]\n{text}" if not _first_is_section(text) else text)
    except configparser.Error as error:
        raise SettingsError(f"this preset cannot be read: {error.message.splitlines()[0]}").in_japanese(
            f"このプリセットは読めません: {theirs(error.message.splitlines()[0])}"
        ) from error
    names = [name for name in parser.sections() if name != _GLOBAL]
    if wanted is None and len(names) > 1:
        raise SettingsError(f"this file has several presets: name one of {', '.join(names)}").in_japanese(
            f"このファイルには複数のプリセットがあります。{', '.join(names)} から 1 つ選んでください"
        )
    if wanted is not None and wanted not in names:
        raise SettingsError(f"this file has no preset {wanted!r}; it has {', '.join(names) or 'none'}").in_japanese(
            f"このファイルに {wanted!r} というプリセットはありません。あるのは {', '.join(names) or 'なし'} です"
        )
    chosen = [name for name in (_GLOBAL, wanted or (names[0] if names else _GLOBAL)) if parser.has_section(name)]
    return {_plain_name(key): value for name in chosen for key, value in parser.items(name)}


def _first_is_section(text: str) -> bool:
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and line[0] not in "#;"), "").startswith("[")


def _plain_name(name: str) -> str:
    return name.strip().lstrip("-").replace("_", "-")


def _flags(text: str) -> dict[str, Any]:
    """The options of a command line; what is given several times becomes a list."""
    try:
        words = shlex.split(text.replace("\\\n", " "))
    except ValueError as error:
        raise SettingsError(f"this command line cannot be split: {error}").in_japanese(
            f"このコマンドラインは分けられません: {theirs(error)}"
        ) from error
    found: dict[str, Any] = {}
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if not _FLAG.fullmatch(word.partition("=")[0]):
            continue
        name, joined, value = word.lstrip("-").partition("=")
        if not joined and place < len(words) and not _FLAG.fullmatch(words[place]):
            joined, value = "=", words[place]
            place += 1
        _add(found, name.replace("_", "-"), value if joined else True)
    return found


def _modelfile(text: str) -> dict[str, Any]:
    """The instructions of a Modelfile, each with its value; parameters under their own names."""
    found: dict[str, Any] = {}
    for name, value in _instructions(text):
        if name != "PARAMETER":
            found[name] = value
            continue
        parameter, _, given = value.partition(" ")
        _add(found, parameter.lower(), _unquoted(given.strip()))
    return found


def _instructions(text: str) -> list[tuple[str, str]]:
    """Names in capitals and values; a value in three quotation marks may have several lines."""
    made = []
    lines = iter(text.split("\n"))
    for line in lines:
        match = _INSTRUCTION.match(line)
        if match is None or line.lstrip().startswith("#"):
            continue
        value = match[2]
        while value.count('"""') == 1:
            following = next(lines, None)
            if following is None:
                raise SettingsError('this Modelfile has a text that begins with """ and does not end').in_japanese(
                    'この Modelfile には、""" で始まって終わらない文章があります'
                )
            value += f"\n{following}"
        made.append((match[1].upper(), value.strip()))
    return made


def _unquoted(text: str) -> str:
    for mark in ('"""', '"'):
        if len(text) >= 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            return text[len(mark) : -len(mark)]
    return text


def _add(found: dict[str, Any], name: str, value: Any) -> None:
    """Keep a value; of what comes several times, all."""
    if name in found:
        before = found[name]
        found[name] = [*before, value] if isinstance(before, list) else [before, value]
    else:
        found[name] = value
