"""The language of messages: decided once, before anything is built, and asked for with `say`.

Guarantee: `--lang` decides, then LC_ALL, LC_MESSAGES, LANG in the order of POSIX; Japanese if it says ja, else English.
Errors come in both languages (`TsumamiError.ja`), and `told` is what is said of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from tsumami.errors import TsumamiError, japanese
from tsumami.wording import LANGUAGES, Language

_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


class UsageProblem(TsumamiError):
    """The command line itself is wrong; the message says how it should be."""


@dataclass(slots=True)
class _ChosenLanguage:
    language: Language = "en"


_CHOSEN: Final = _ChosenLanguage()


def use(language: Language) -> None:
    """Speak this language from now on."""
    _CHOSEN.language = language


def language() -> Language:
    """The language that is spoken."""
    return _CHOSEN.language


def say(ja: str, en: str) -> str:
    """The one of two texts that is in the language that is spoken."""
    return ja if _CHOSEN.language == "ja" else en


def told(error: BaseException) -> str:
    """What an error says, in the language that is spoken."""
    return say(japanese(error), str(error))


def detect(environment: Mapping[str, str]) -> Language:
    """The language of a locale: the first of LC_ALL, LC_MESSAGES and LANG that is set decides."""
    locale = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    return "ja" if locale.lower().startswith("ja") else "en"


def take_language(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[Language, list[str]]:
    """The language of this call, and the arguments without `--lang`, which may stand before or after the command.

    Raises:
        UsageProblem: `--lang` with anything but ja or en.
    """
    chosen: str = detect(environment)
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            rest += [argument, *waiting]
            break
        name, equals, value = argument.partition("=")
        if name != "--lang":
            rest.append(argument)
            continue
        chosen = value if equals else (waiting.pop(0) if waiting else "")
        if chosen not in LANGUAGES:
            raise UsageProblem(f"--lang {chosen!r}: needs ja or en").in_japanese(
                f"--lang {chosen!r}: ja か en にしてください"
            )
    return cast(Language, chosen), rest
