"""Exchange: settings from other programs and to them, with a word about what is lost.

Guarantee: nothing is dropped without a note and nothing is guessed: what a file leaves out holds as its program has it.
No engine is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from tsumami.errors import SettingsError
from tsumami.exchange.dialect import Dialect, Foreign
from tsumami.exchange.dialects import DIALECTS
from tsumami.exchange.documents import Document, read_document, write_document
from tsumami.exchange.notes import FATES, LOSSES, Fate, Note, Phrase
from tsumami.exchange.reading import Imported, import_values
from tsumami.exchange.recognising import values_in, which
from tsumami.exchange.writing import Exported, export_values
from tsumami.settings import Settings

__all__ = [
    "DIALECTS",
    "FATES",
    "LOSSES",
    "Dialect",
    "Exported",
    "Fate",
    "Imported",
    "Note",
    "Phrase",
    "dialect_for",
    "foreign_settings",
    "read_settings",
    "recommended",
    "recommended_text",
    "write_settings",
]

_OURS = frozenset({"receipt", "kind", "version", "settings"})
"""Names of our own files with more than settings."""
_MOST = 0.6
"""The part of its names that a dialect must know, where a text may as well be ours with a slip of the pen."""
_BY_ENDING = {".yaml": "text-generation-webui", ".yml": "text-generation-webui", ".ini": "llama-ini"}


def dialect_named(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        SettingsError: there is none; the message lists them.
    """
    if name not in DIALECTS:
        raise SettingsError(f"no dialect is called {name!r}; there are {', '.join(DIALECTS)}").in_japanese(
            f"{name!r} という方言はありません。あるのは {', '.join(DIALECTS)} です"
        )
    return DIALECTS[name]


def dialect_for(path: str) -> str:
    """The dialect that a file of that name is written in, unless somebody says another."""
    name = PurePath(path)
    return "ollama-modelfile" if "modelfile" in name.name.lower() else _BY_ENDING.get(name.suffix.lower(), "tsumami")


def read_settings(text: str, dialect: str | None = None, *, preset: str | None = None) -> Imported:
    """The settings in a text of any dialect.

    Args:
        text: a file's content, a request's body or a command line.
        dialect: its dialect; None: it is recognised.
        preset: of an INI file with several, the one that is meant.

    Raises:
        SettingsError: it is no text of settings, or of another dialect than was said.
    """
    document = read_document(text, preset)
    possible: tuple[str, ...] = ()
    if dialect is None:
        guess = which(document)
        chosen, possible = guess.dialect, guess.possible
    else:
        chosen = dialect_named(dialect)
    values = values_in(chosen, document)
    if values is None:
        raise SettingsError(f"these are no settings of {chosen.title} ({chosen.form} is expected)").in_japanese(
            f"これは {chosen.title} の設定ではありません（{chosen.form} のはずです）"
        )
    return replace(import_values(chosen, values), possible=tuple(name for name in possible if name != chosen.name))


def foreign_settings(text: str) -> Imported | None:
    """The settings in a text, if it is another program's; None for files of ours, and for what nobody knows."""
    try:
        document = read_document(text)
        if isinstance(document.value, dict) and _OURS & document.value.keys():
            return None
        guess = which(document, at_least=_MOST)
    except SettingsError:
        return None
    if "tsumami" in (guess.dialect.name, *guess.possible):
        return None
    values = values_in(guess.dialect, document)
    assert values is not None
    return replace(import_values(guess.dialect, values), possible=guess.possible[1:])


def recommended(metadata: Mapping[str, object]) -> Imported | None:
    """The settings that a model's file recommends (`general.sampling.*` of its metadata); None: it names none."""
    values = _named_in(metadata)
    return None if values is None else import_values(DIALECTS["gguf"], values)


def recommended_text(metadata: Mapping[str, object]) -> str | None:
    """The same as a text of the dialect `gguf`."""
    dialect, values = DIALECTS["gguf"], _named_in(metadata)
    return None if values is None else write_document(dialect.form, dialect.wrap(values))


def _named_in(metadata: Mapping[str, object]) -> Foreign | None:
    dialect = DIALECTS["gguf"]
    return values_in(dialect, Document(dialect.form, dict(metadata)))


def write_settings(settings: Settings, dialect: str) -> Exported:
    """Settings as a text of a dialect.

    Raises:
        SettingsError: no such dialect.
    """
    chosen = dialect_named(dialect)
    values, notes = export_values(chosen, settings)
    return Exported(chosen.name, write_document(chosen.form, chosen.wrap(values)), notes)
