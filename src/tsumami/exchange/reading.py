"""From another program's settings to ours, with a note on each.

Guarantee: every name of the file has its note. What the file leaves out holds as that program has it, and a stage that
the program has not is neutral: so the settings choose as that program would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tsumami.errors import SettingsError, japanese
from tsumami.exchange.dialect import UNSET, Dialect, Field, Foreign, Order
from tsumami.exchange.notes import Note, Phrase
from tsumami.knobs import KNOBS
from tsumami.knobs.orders import STAGES
from tsumami.knobs.stages import WINDOWS
from tsumami.settings import Settings

__all__ = ["Imported", "import_values", "stages_of"]

_TEXTUAL: Final = frozenset({"texts", "grammar", "schema", "object", "regex", "text", "bias", "order"})
_ABSENT: Final = Phrase("{program} にはこのサンプラーがない", "{program} has no such sampler")
_DEFAULT: Final = Phrase("{program} の既定値", "the default of {program}")
_REFUSED: Final = Phrase("{why}", "{why}")
_CLAMPED: Final = Phrase("{program} はこの範囲に収めて使う", "{program} limits it to this")
_DEAD: Final = Phrase("{program} は読むだけで使わない", "{program} reads it and does nothing with it")
_NO_KNOB: Final = Phrase("ここにはこのつまみがない", "there is no such knob here")
_UNKNOWN: Final = Phrase("{program} の設定として知られていない", "not known as a setting of {program}")
_KEPT: Final = Phrase("順序はそのまま", "the order is kept")
_DROPPED: Final = Phrase("ここにないサンプラーを除いた: {names}", "without samplers that there are not here: {names}")
_NO_ORDER: Final = Phrase("順序として読めない", "this cannot be read as an order")


@dataclass(frozen=True, slots=True)
class Imported:
    """Settings that were read: from which dialect, which other ones it could have been, and what became of each."""

    dialect: str
    settings: Settings
    notes: tuple[Note, ...]
    possible: tuple[str, ...] = ()

    @property
    def named(self) -> dict[str, Any]:
        """The knobs that the file itself names, with their values here."""
        own = (one for one in self.notes if one.fate in ("taken", "converted", "limited"))
        return {one.knob: one.ours for one in own if one.knob is not None}

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "dialect": self.dialect,
            "possible": list(self.possible),
            "settings": self.settings.to_dict(),
            "notes": [note.to_dict() for note in self.notes],
        }


def import_values(dialect: Dialect, values: Foreign) -> Imported:
    """What names and values of a dialect mean here."""
    reading = _Import(dialect, values)
    notes = [*reading.fields(), *reading.order(), *reading.together(), *reading.absent(), *reading.rest()]
    settings = Settings.from_mapping(reading.knobs)
    return Imported(dialect.name, settings, tuple(notes))


class _Import:
    """One import under way: `knobs` fills up."""

    def __init__(self, dialect: Dialect, values: Foreign) -> None:
        self._dialect = dialect
        self._values = {name: self._typed(name, value) for name, value in values.items() if value is not None}
        self._said: set[str] = set()
        self.knobs: dict[str, Any] = {}

    def _typed(self, name: str, value: Any) -> Any:
        """A text as the number that it is, unless its knob wants a text."""
        one = self._dialect.field_of(name)
        kind = KNOBS[str(one.knob)].kind if one is not None and one.expressible else None
        return value if kind in _TEXTUAL or self._dialect.form in ("json", "yaml") else _scalar(value)

    def fields(self) -> Iterator[Note]:
        """The fields of the table, one by one."""
        for one in self._dialect.fields:
            name = next((name for name in (one.name, *one.aliases) if name in self._values), None)
            if name is not None:
                self._said.add(name)
                yield from self._given(one, name, self._values[name])
            elif one.default is not UNSET:
                yield from self._left_out(one)

    def _given(self, one: Field, name: str, value: Any) -> Iterator[Note]:
        if one.dead:
            yield self._note("ignored", name, value, None, None, _DEAD)
        elif not one.expressible:
            if value != one.neutral:
                yield self._note("lost", name, value, None, None, one.about if one.about.en else _NO_KNOB)
            else:
                yield self._note("taken", name, value, None, None, Phrase("何もしない値", "does nothing there"))
        else:
            yield from self._converted(one, name, value)

    def _converted(self, one: Field, name: str, value: Any) -> Iterator[Note]:
        limited = one.limited(value)
        try:
            ours = KNOBS[str(one.knob)].validate(one.read(limited))
        except (SettingsError, TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            yield self._refused(one, name, value, error)
            return
        self.knobs[str(one.knob)] = ours
        if limited != value:
            yield self._note("limited", name, value, one.knob, ours, _CLAMPED)
        elif not one.about.en or ours == value:
            yield self._note("taken", name, value, one.knob, ours, Phrase())
        else:
            yield self._note("converted", name, value, one.knob, ours, one.about)

    def _refused(self, one: Field, name: str, value: Any, error: Exception) -> Note:
        why = str(error) if isinstance(error, SettingsError) else f"{type(value).__name__}: {value!r}"
        if one.default is not UNSET:
            self.knobs[str(one.knob)] = KNOBS[str(one.knob)].validate(one.read(one.default))
        return self._note("refused", name, value, one.knob, self.knobs.get(str(one.knob)), _REFUSED.filled(why=why))

    def _left_out(self, one: Field) -> Iterator[Note]:
        """What holds there; said where it differs from what holds here."""
        if not one.expressible or one.dead:
            return
        knob = KNOBS[str(one.knob)]
        self.knobs[knob.name] = ours = knob.validate(one.read(one.default))
        if ours != knob.default:
            yield self._note("assumed", one.name, one.default, knob.name, ours, _DEFAULT)

    def order(self) -> Iterator[Note]:
        """In which order its stages act."""
        order = self._dialect.order
        if order is None:
            if self._dialect.acting:
                yield from self._acting(tuple(stage for stage in self._dialect.acting if stage in STAGES))
            return
        value = self._values.get(order.name, UNSET)
        self._said.add(order.name)
        names = list(order.default) if value is UNSET else _split(order, value)
        if names is None:
            yield self._note("refused", order.name, value, "samplers", None, _NO_ORDER)
            names = list(order.default)
        stages, missing = stages_of(order, names)
        self.knobs["samplers"] = stages
        words = _DROPPED.filled(names=", ".join(map(str, missing))) if missing else _KEPT
        fate = "assumed" if value is UNSET else "order"
        yield self._note(fate, order.name, value if value is not UNSET else None, "samplers", stages, words)

    def _acting(self, stages: tuple[str, ...]) -> Iterator[Note]:
        self.knobs["samplers"] = stages
        words = Phrase("{program} の順序", "the order of {program}")
        yield self._note("assumed", "", None, "samplers", stages, words)

    def together(self) -> Iterator[Note]:
        """What several fields mean only together."""
        if self._dialect.together is not None:
            filled = {one.name: one.default for one in self._dialect.fields if one.default is not UNSET}
            given = {self._own_name(name): value for name, value in self._values.items()}
            try:
                yield from self._dialect.together({**filled, **given}, self.knobs)
            except (TypeError, ValueError, KeyError) as error:
                raise SettingsError(
                    f"these settings of {self._dialect.title} do not fit together: {error}"
                ).in_japanese(f"この {self._dialect.title} の設定は組み合わせられません: {japanese(error)}") from error

    def _own_name(self, name: str) -> str:
        one = self._dialect.field_of(name)
        return name if one is None else one.name

    def absent(self) -> Iterator[Note]:
        """Stages that the program has not do nothing."""
        for knob in KNOBS.values():
            if knob.name in self.knobs or knob.name in WINDOWS.values():
                continue  # a window says nothing where nothing looks through it
            if knob.neutral is not None and knob.default != knob.neutral:
                self.knobs[knob.name] = knob.neutral
                yield self._note("assumed", "", None, knob.name, knob.neutral, _ABSENT)

    def rest(self) -> Iterator[Note]:
        """Names that are no fields."""
        for name, value in self._values.items():
            if name in self._said:
                continue
            words = self._dialect.elsewhere.get(name)
            fate, said = ("unknown", _UNKNOWN) if words is None else ("elsewhere", words)
            yield self._note(fate, name, value, None, None, said)

    def _note(self, fate: Any, foreign: str, value: Any, knob: str | None, ours: Any, words: Phrase) -> Note:
        return Note(fate, foreign, value, knob, ours, _with_program(words, self._dialect.title))


def _with_program(words: Phrase, title: str) -> Phrase:
    return Phrase(*(text.replace("{program}", title) for text in words))


def _scalar(value: Any) -> Any:
    """A number, true or false, or the text itself."""
    if not isinstance(value, str):
        return value
    plain = value.strip()
    if re.fullmatch(r"[+-]?\d{1,30}", plain):
        return int(plain)
    try:
        return float(plain)
    except ValueError:
        return {"true": True, "false": False}.get(plain.lower(), value)


def _split(order: Order, value: Any) -> list[Any] | None:
    try:
        return order.split(value)
    except (TypeError, ValueError):
        return None


def stages_of(order: Order, names: list[Any]) -> tuple[tuple[str, ...], list[Any]]:
    """Our stages in that order, each once, and the names of which there is none here."""
    found = [stage for name in names for stage in order.stages.get(name, ())]
    unnamed = [stage for stage in order.unnamed if stage not in found]
    between = [stage for stage in found if stage not in (*order.first, *order.last)]
    within = [*unnamed, *order.first, *between, *order.last]
    stages = tuple(dict.fromkeys(stage for stage in within if stage in STAGES))
    missing = [name for name in names if not any(stage in STAGES for stage in order.stages.get(name, ()))]
    return stages, missing
