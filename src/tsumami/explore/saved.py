"""What an experiment keeps in a file: one form for all of them, one reader and one writer.

Guarantee: what was written is read as an equal value, without a model. A file says what it is (`kind`) and which form
it has (`version`); anything else is refused with a message that names the experiment.
"""

from __future__ import annotations

import json
import os
from abc import abstractmethod
from typing import Any, ClassVar, Self

from tsumami.errors import RunFileError, japanese
from tsumami.runs.files import receipt_from
from tsumami.runs.json_files import read_file, read_form, write_file
from tsumami.runs.values import Receipt

__all__ = ["Saved"]


class Saved:
    """A value with a receipt that has a JSON form; what it consists of, the value itself knows."""

    __slots__ = ()

    receipt: Receipt
    kind: ClassVar[str]
    version: ClassVar[int]

    @abstractmethod
    def _values(self) -> dict[str, Any]:
        """All but the receipt, as plain values in the order of the file."""

    @classmethod
    @abstractmethod
    def _read(cls, form: dict[str, Any], receipt: Receipt) -> Self:
        """The value of what `_values` gave; whatever does not fit is a KeyError, TypeError or ValueError."""

    def to_json(self, *, indent: int | None = None) -> str:
        """The value as JSON."""
        head = {"kind": self.kind, "version": self.version}
        form = {**head, **self._values(), "receipt": self.receipt.to_dict()}
        return json.dumps(form, ensure_ascii=False, indent=indent, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            RunFileError: not JSON, of another kind or version, or a field that does not fit.
        """
        what = cls.kind.replace("_", " ")
        form = read_form(text, what, cls.version, cls.kind)
        try:
            receipt = receipt_from(form.pop("receipt"))
            return cls._read(form, receipt)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunFileError(f"this {what} does not fit: {error}").in_japanese(
                f"この {what} は読めません: {japanese(error)}"
            ) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, in one step.

        Raises:
            RunFileError: it cannot be written.
        """
        write_file(path, self.to_json(indent=1))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read it from a file.

        Raises:
            RunFileError: as `from_json`, or the file cannot be read.
        """
        return cls.from_json(read_file(path))
