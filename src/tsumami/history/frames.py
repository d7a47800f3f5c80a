"""Frames: what the history finds as a table of pandas, to be counted and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tsumami.errors import MissingDependencyError
from tsumami.history.entries import Entry

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_frame"]

_NAMES: Final = (
    *("parent", "kind", "when", "title", "starred", "tags", "model", "fingerprint", "tokens", "stop", "language"),
    *("asked", "said"),
)


def as_frame(entries: Sequence[Entry]) -> pd.DataFrame:
    """A row each entry, by its id: what it says of itself, then every knob, the seed as it was used.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError("a table of the history needs pandas: pip install 'pandas>=2.2'").in_japanese(
            "履歴の表には pandas が要ります: pip install 'pandas>=2.2'"
        ) from error
    return pd.DataFrame([_row(entry) for entry in entries], index=pd.Index([one.key for one in entries], name="key"))


def _row(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _NAMES} | entry.settings.to_dict()
