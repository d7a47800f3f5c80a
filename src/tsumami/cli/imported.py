"""What is said of settings that came from another program."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tsumami.cli.files import read_text
from tsumami.cli.output import note
from tsumami.cli.words import language, say
from tsumami.errors import SettingsError

if TYPE_CHECKING:
    from tsumami.exchange import Imported, Note

__all__ = ["report", "report_losses", "say_source", "settings_text"]

_GGUF: Final = b"GGUF"


def settings_text(path: str) -> str:
    """The text of a file of settings; of a GGUF file the settings that it recommends, as JSON.

    Raises:
        SettingsError: it cannot be read, or recommends none.
    """
    return _recommended(path) if _is_model(path) else read_text(path, SettingsError)


def _is_model(path: str) -> bool:
    """Whether it is a GGUF file; what cannot be read is none, and of a pipe nothing is taken."""
    try:
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            return file.read(len(_GGUF)) == _GGUF
    except (OSError, ValueError):  # ValueError: a null character in the name
        return False


def _recommended(path: str) -> str:
    from tsumami.exchange import recommended_text
    from tsumami.models import read_header

    found = recommended_text(read_header(path).metadata)
    if found is None:
        raise SettingsError(f"{path}: this model recommends no settings").in_japanese(
            f"{path}: このモデルに推奨の設定はありません"
        )
    return found


def say_source(found: Imported) -> None:
    """Which dialect it was, and which it could have been."""
    others = say(f"（{', '.join(found.possible)} かもしれない）", f" (it could also be {', '.join(found.possible)})")
    note(say(f"{found.dialect} から", f"from {found.dialect}") + (others if found.possible else "") + ":")


def report(notes: Iterable[Note]) -> None:
    """The notes, grouped by what became of the settings; of those that say no more than that, the names."""
    from tsumami.exchange import FATES

    listed = list(notes)
    for fate, words in FATES.items():
        told = [one.told(language()) for one in listed if one.fate == fate]
        if fate in ("taken", "elsewhere") and told:
            told = [", ".join(one.foreign for one in listed if one.fate == fate)]
        for line in told:
            note(f"  {words.told(language())}: {line}")


def report_losses(notes: Iterable[Note]) -> None:
    """Those of them that change the text."""
    from tsumami.exchange import LOSSES

    report(one for one in notes if one.fate in LOSSES)
