"""From our settings to another program's, with a note on what it cannot hold.

Guarantee: every knob that is turned is in the text or in a note. A value that is out of the program's range is limited
to it, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tsumami.exchange.dialect import Dialect, Field, Foreign, Order
from tsumami.exchange.notes import Note, Phrase
from tsumami.exchange.reading import stages_of
from tsumami.knobs import KNOBS, Knob
from tsumami.knobs.orders import STAGES, resolve
from tsumami.knobs.stages import WINDOWS
from tsumami.settings import Settings

__all__ = ["Exported", "export_values"]

_NOT_THERE: Final = Phrase("{program} では表せない: {line}", "{program} cannot express it: {line}")
_LIMITED: Final = Phrase("{program} の範囲に収めた", "limited to what {program} takes")
_FIXED: Final = Phrase(
    "{program} では順序を選べない。あちらの順序: {order}", "{program} has an order of its own: {order}"
)
_PARTLY: Final = Phrase("あちらにないステージを除いた: {names}", "without stages that there are not there: {names}")
_CHANGED: Final = Phrase("あちらで取れる順序: {order}", "the order that it can have there: {order}")
_KEPT: Final = Phrase("順序はそのまま", "the order is kept")


@dataclass(frozen=True, slots=True)
class Exported:
    """A text in a dialect, and what became of each knob."""

    dialect: str
    text: str
    notes: tuple[Note, ...]


def export_values(dialect: Dialect, settings: Settings) -> tuple[Foreign, tuple[Note, ...]]:
    """Names and values of a dialect that say the same, and the notes."""
    writing = _Export(dialect, settings)
    notes = [*writing.fields(), *writing.order(), *writing.apart(), *writing.rest()]
    return writing.foreign, tuple(notes)


class _Export:
    """One export under way: `foreign` fills up."""

    def __init__(self, dialect: Dialect, settings: Settings) -> None:
        self._dialect = dialect
        self._values = settings.to_dict()
        self._settings = settings
        self.foreign: Foreign = {}
        self._told: set[str | None] = set()

    def fields(self) -> Iterator[Note]:
        """The fields of the table, one by one."""
        for one in self._dialect.fields:
            if one.expressible and not one.dead:
                yield from self._written(one)

    def _written(self, one: Field) -> Iterator[Note]:
        ours = self._ours(KNOBS[str(one.knob)])
        value = one.write(ours)
        if value is None:
            return
        limited = one.limited(value)
        self.foreign[one.name] = limited
        if limited != value:
            yield self._note("limited", one.name, limited, one.knob, ours, _LIMITED)
        elif value != ours and one.about.en:
            yield self._note("converted", one.name, value, one.knob, ours, one.about)
        else:
            yield self._note("taken", one.name, value, one.knob, ours, Phrase())

    def _ours(self, knob: Knob) -> Any:
        """A knob's value; that of a stage which our order leaves out is neutral, or it would act there."""
        if self._settings.mode != "sample" or any(one.knob == "samplers" for one in self._dialect.fields):
            return getattr(self._settings, knob.name)
        left_out = knob.stage in STAGES and knob.stage not in resolve(self._settings.samplers)
        return knob.neutral if left_out and knob.neutral is not None else getattr(self._settings, knob.name)

    def order(self) -> Iterator[Note]:
        """The order of the stages."""
        wanted = resolve(self._settings.samplers)
        order = self._dialect.order
        if order is None:
            acting = tuple(stage for stage in self._dialect.acting if stage in wanted and self._acts(stage))
            left_out = [stage for stage in self._dialect.acting if stage not in wanted and self._acts(stage)]
            if left_out or tuple(stage for stage in wanted if stage in acting) != acting:
                words = _FIXED.filled(program="{program}", order=", ".join(self._dialect.acting))
                yield self._note("lost", "", None, "samplers", wanted, words)
            return
        names, missing = _names_of(order, wanted)
        self.foreign[order.name] = order.join(names)
        turned = [stage for stage in missing if self._acts(stage)]
        there = tuple(stage for stage in stages_of(order, names)[0] if self._acts(stage))
        if turned:
            fate, words = "lost", _PARTLY.filled(names=", ".join(turned))
        elif there != tuple(stage for stage in wanted if self._acts(stage)):
            fate, words = "lost", _CHANGED.filled(order=", ".join(there))
        else:
            fate, words = "order", _KEPT
        yield self._note(fate, order.name, self.foreign[order.name], "samplers", wanted, words)

    def _acts(self, stage: str) -> bool:
        """Whether a stage does anything under these settings."""
        knobs = [knob for knob in KNOBS.values() if knob.stage == stage and knob.neutral is not None]
        knobs = [knob for knob in knobs if knob.name not in WINDOWS.values()]
        return any(self._ours(knob) != knob.neutral for knob in knobs)

    def _matters(self, knob: Knob) -> bool:
        """Whether a knob can make a difference: it is a stage's own, or its stage does something."""
        return knob.stage not in STAGES or self._acts(str(knob.stage))

    def apart(self) -> Iterator[Note]:
        """What several fields say only together."""
        for note in self._dialect.apart(dict(self._values), self.foreign) if self._dialect.apart is not None else ():
            self._told.add(note.knob)
            yield note

    def rest(self) -> Iterator[Note]:
        """Knobs that there are not there."""
        there = {one.knob for one in self._dialect.fields if not one.dead} | {"samplers"} | self._told
        for knob in KNOBS.values():
            ours = self._ours(knob)
            off = knob.default if knob.neutral is None or knob.name in WINDOWS.values() else knob.neutral
            if knob.name not in there and ours != off and self._matters(knob):
                words = Phrase(
                    _NOT_THERE.ja.format(program="{program}", line=knob.line_ja),
                    _NOT_THERE.en.format(program="{program}", line=knob.line_en),
                )
                yield self._note("lost", "", None, knob.name, ours, words)

    def _note(self, fate: Any, foreign: str, value: Any, knob: str | None, ours: Any, words: Phrase) -> Note:
        title = self._dialect.title
        return Note(fate, foreign, value, knob, ours, Phrase(*(text.replace("{program}", title) for text in words)))


def _names_of(order: Order, wanted: tuple[str, ...]) -> tuple[list[Any], list[str]]:
    """The program's names in our order, and our stages that it has no name for."""
    name_of: dict[str, Any] = {}
    for name, stages in order.stages.items():
        for stage in stages:
            name_of.setdefault(stage, name)
    names = list(dict.fromkeys(name_of[stage] for stage in wanted if stage in name_of))
    missing = [stage for stage in wanted if stage not in name_of and stage not in (*order.first, *order.last)]
    return names, missing
