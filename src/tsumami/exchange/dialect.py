"""A dialect: how one program writes the settings of text generation, as one table.

Guarantee: a table says what each of its names means here and back again, what holds where it is left out, and what the
program itself does with it. Nothing that a file holds is dropped without a note, and nothing is guessed: what it leaves
out gets that program's default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tsumami.exchange.notes import Note, Phrase
from tsumami.knobs import KNOBS

__all__ = ["ALL", "UNSET", "Dialect", "Field", "Foreign", "Order", "at_least", "named", "same"]

Foreign = dict[str, Any]
"""Names and values as a program writes them."""


class _Unset:
    """The mark of what is not there."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset()
ALL: Final = int(KNOBS["repeat_last_n"].high or 0)
"""The window that is longer than any text."""


_UNSAID: Final = Phrase()


def named(names: str, words: Phrase) -> dict[str, Phrase]:
    """What these names, with blanks between, are."""
    return dict.fromkeys(names.split(), words)


def same(value: Any) -> Any:
    """A value that means the same on both sides."""
    return value


def at_least(least: float) -> Callable[[Any], Any]:
    """A number that is this much at least."""

    def raised(value: Any) -> Any:
        return max(value, least)

    return raised


@dataclass(frozen=True, slots=True)
class Field:
    """One name of a dialect.

    Attributes:
        name: there.
        knob: here; None, or one that there is not (yet): it cannot be expressed.
        default: what holds there where it is left out; UNSET: nothing.
        read, write: from its value to ours and back.
        low, high: the range there; what is written is limited to it, what is read was limited there.
        neutral: the value there with which it does nothing, so that nothing is lost without it.
        about: how it is converted, or what is lost with it.
        aliases: other names for it there.
        dead: the program reads it and does nothing with it.
    """

    name: str
    knob: str | None = None
    default: Any = UNSET
    read: Callable[[Any], Any] = same
    write: Callable[[Any], Any] = same
    low: float | None = None
    high: float | None = None
    neutral: Any = UNSET
    about: Phrase = _UNSAID
    aliases: tuple[str, ...] = ()
    dead: bool = False

    @property
    def expressible(self) -> bool:
        """Whether there is a knob for it here."""
        return self.knob in KNOBS

    def limited(self, value: Any) -> Any:
        """What the program makes of a value that is out of its range."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return value
        if self.low is not None and value < self.low:
            return self.low
        return self.high if self.high is not None and value > self.high else value


@dataclass(frozen=True, slots=True)
class Order:
    """How a dialect says in which order its samplers act.

    Attributes:
        name: the field that holds it.
        stages: its name of each sampler -> our stages, in their order; () for those that there are not here.
        default: its own names in the order that holds where the field is left out.
        first, last: our stages that stand before and behind, whatever the field says.
        unnamed: our stages that act first of all where the field does not name them.
        split: from the field's value to names; None if that cannot be.
        join: from names to the field's value.
    """

    name: str
    stages: Mapping[Any, tuple[str, ...]]
    default: tuple[Any, ...]
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    split: Callable[[Any], list[Any] | None] = same
    join: Callable[[list[Any]], Any] = same


@dataclass(frozen=True, slots=True)
class Dialect:
    """A program's way to write settings.

    Attributes:
        name, title: what it is called in commands and to people.
        form: what its texts are: json, yaml, ini, flags or modelfile.
        fields: its table.
        acting: our stages in the order in which the program applies them, where no `order` says another.
        order: how an order is written; None: it cannot be.
        elsewhere: names that are no sampling settings, and what they are.
        marks: names that hardly any other dialect has.
        unwrap, wrap: from a text's object to names and values, and back.
        together: what several fields mean only together: gets all values (defaults filled in), may change the knobs.
        apart: the same on the way back: gets the knobs' values, may change the foreign ones.
    """

    name: str
    title: str
    form: str
    fields: tuple[Field, ...]
    acting: tuple[str, ...] = ()
    order: Order | None = None
    elsewhere: Mapping[str, Phrase] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()
    unwrap: Callable[[Any], Foreign | None] = same
    wrap: Callable[[Foreign], Any] = same
    together: Callable[[Foreign, dict[str, Any]], Iterable[Note]] | None = None
    apart: Callable[[dict[str, Any], Foreign], Iterable[Note]] | None = None

    def field_of(self, name: str) -> Field | None:
        """The field of a name, its aliases included."""
        return next((one for one in self.fields if name == one.name or name in one.aliases), None)

    def knows(self, name: str) -> bool:
        """Whether it has this name, for whatever."""
        own_order = self.order is not None and name == self.order.name
        return own_order or name in self.elsewhere or self.field_of(name) is not None
