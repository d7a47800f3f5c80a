"""An axis: the values of one knob that its stage can tell apart, in order.

Guarantee: between two neighbours on an axis there is no value that llama.cpp could see, because it keeps numbers as
32-bit floats or integers. Every value has an ordinal (`ordinal`, `value`): the number of a float32 among all of them in
order, 0.0 being number 0, or the integer itself. So an interval is a pair of ordinals, and "exactly" has a meaning. An
axis consists of spans: at a span's ends the chain itself changes (a neutral stage is not built at all, a temperature of
0 is another way to choose), within a span only numbers do.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tsumami.errors import SettingsError
from tsumami.knobs import Knob, get
from tsumami.knobs.stages import row_of

__all__ = ["Axis", "Span", "check_mappable"]

_NOT_A_MAP: Final = {
    "seed": (
        "each seed rolls anew, so its neighbours have nothing in common; make it an axis of a grid",
        "シードごとに乱数が変わるので、隣どうしに共通点がありません。グリッドの軸にしてください",
    ),
    "max_tokens": (
        "it only says where the text is cut off; read any map from the top",
        "どこで切るかを言うだけです。どの地図でも、上から読めばわかります",
    ),
    "min_tokens": (
        "it only says where the text may end; make it an axis of a grid",
        "どこから終わってよいかを言うだけです。グリッドの軸にしてください",
    ),
    "mirostat_mode": (
        "it names a way to choose and has no values between; make it an axis of a grid",
        "選び方の名前で、間の値がありません。グリッドの軸にしてください",
    ),
    "penalty_alpha": (
        "contrastive search asks the model about every candidate; make it an axis of a grid",
        "コントラスティブサーチは候補ごとにモデルに尋ねます。グリッドの軸にしてください",
    ),
    "thinking_budget": (
        "it only says where thinking has to end; make it an axis of a grid",
        "どこで考えを終えるかを言うだけです。グリッドの軸にしてください",
    ),
    "guidance_scale": (
        "it moves every logit, each its own way, by a second prompt's; make it an axis of a grid",
        "2 つ目のプロンプトの分だけ、ロジットをそれぞれ別に動かします。グリッドの軸にしてください",
    ),
    "heal_tokens": (
        "it is either on or off; make it an axis of a grid",
        "オンかオフのどちらかです。グリッドの軸にしてください",
    ),
    "ignore_eos": (
        "it is either on or off; make it an axis of a grid",
        "オンかオフのどちらかです。グリッドの軸にしてください",
    ),
    "penalize_prompt": (
        "it is either on or off; make it an axis of a grid",
        "オンかオフのどちらかです。グリッドの軸にしてください",
    ),
}


class Span(NamedTuple):
    """Ordinals first .. last, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def cut(self, parts: int) -> list[Span]:
        """In at most `parts` pieces of about equally many ordinals."""
        edges = dict.fromkeys(self.first + len(self) * part // parts for part in range(parts + 1))
        return [Span(first, after - 1) for first, after in itertools.pairwise(edges)]


def check_mappable(name: str) -> Knob:
    """The knob of that name, if it has values between values.

    Raises:
        UnknownKnobError: no such knob.
        SettingsError: it cannot be mapped; the message says why and what to do instead.
    """
    knob = get(name)
    if knob.kind in ("int", "float") and name not in _NOT_A_MAP:
        return knob
    why, why_ja = _NOT_A_MAP.get(
        name,
        (
            f"its values ({knob.allowed}) have no order; make it an axis of a grid",
            f"値（{knob.allowed_ja}）に順序がありません。グリッドの軸にしてください",
        ),
    )
    raise SettingsError(f"{name} cannot be mapped: {why}").in_japanese(f"{name} の地図は作れません: {why_ja}")


@dataclass(frozen=True, slots=True)
class Axis:
    """The values low .. high of one knob, both included."""

    knob: Knob
    low: float
    high: float

    @classmethod
    def of(cls, name: str, low: float, high: float) -> Axis:
        """The axis of a knob over a range.

        Raises:
            SettingsError: not a knob with an order, an end outside its range, or no value between the ends.
        """
        knob = check_mappable(name)
        if knob.off_below is not None and low < knob.off_below:
            raise SettingsError(
                f"{name} from {low!r} to {high!r}: it is off below {knob.off_below:g}; begin there"
            ).in_japanese(
                f"{name} の範囲 {low!r}〜{high!r}: {knob.off_below:g} より下ではオフです。そこから始めてください"
            )
        ends = [knob.validate(end) for end in (low, high)]
        if ends[0] >= ends[1]:
            what = "is reversed" if ends[0] > ends[1] else "is empty"
            raise SettingsError(
                f"{name} from {low!r} to {high!r} {what}: give the smaller value first, low < high"
            ).in_japanese(
                f"{name} の範囲 {low!r}〜{high!r} は{'逆です' if ends[0] > ends[1] else '空です'}。"
                "小さい値を先にしてください（low < high）"
            )
        axis = cls(knob, *ends)
        return cls(knob, axis.value(axis.ordinal(ends[0])), axis.value(axis.ordinal(ends[1])))

    @classmethod
    def handy(cls, name: str, *also: float) -> Axis:
        """The knob's slider, widened so that it holds `also`."""
        knob = check_mappable(name)
        assert knob.slider is not None
        low, high = knob.slider.low if knob.off_below is None else knob.off_below, knob.slider.high or 2048
        on = [value for value in also if knob.off_below is None or value >= knob.off_below]
        return cls.of(name, min((low, *on)), max((high, *on)))

    @property
    def whole(self) -> bool:
        """Whether its values are integers."""
        return self.knob.kind == "int"

    @property
    def cuts(self) -> bool:
        """Whether its stage cuts: whatever the value, it leaves the candidates' logits as they are."""
        return self.knob.name in row_of(self.knob.stage).cuts_by

    def ordinal(self, value: float) -> int:
        """The ordinal of the value that llama.cpp sees for `value`."""
        if self.whole:
            return int(value)
        bits = int(np.float32(value).view(np.int32))
        return bits if bits >= 0 else -(bits & 0x7FFFFFFF)

    def value(self, ordinal: int) -> float:
        """The value with an ordinal; a 32-bit float with as few digits as name it."""
        if self.whole:
            return ordinal
        return float(str(self.values(np.array([ordinal]))[0].astype(np.float32)))

    def values(self, ordinals: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The values with these ordinals, shape (n,), exactly as llama.cpp sees them."""
        if self.whole:
            return ordinals.astype(np.float64)
        bits = np.where(ordinals >= 0, ordinals, -ordinals | 0x80000000).astype(np.uint32)
        return bits.view(np.float32).astype(np.float64)

    def _ordinals(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The ordinals of values, shape (n,), as `ordinal` has them."""
        if self.whole:
            return values.astype(np.int64)
        bits = values.astype(np.float32).view(np.int32).astype(np.int64)
        return np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))

    def spans(self) -> list[Span]:
        """The parts within which the chain stays the same but for numbers; together they are the whole axis."""
        first, last = self.ordinal(self.low), self.ordinal(self.high)
        name, neutral, stage = self.knob.name, self.knob.neutral, row_of(self.knob.stage)
        alone = {
            self.ordinal(value) for value in (*stage.switches.get(name, ()), *([] if neutral is None else [neutral]))
        }
        starts = {first} | {ordinal for one in alone for ordinal in (one, one + 1)}
        if self.knob.smallest is not None and self.low < self.knob.smallest < self.high:
            starts.add(self.ordinal(self.knob.smallest))
        if name in stage.last_that_acts:
            starts.add(self.ordinal(stage.last_that_acts[name]) + 1)
        inside = sorted(ordinal for ordinal in starts if first <= ordinal <= last)
        spans = [Span(begin, end - 1) for begin, end in zip(inside, [*inside[1:], last + 1], strict=True)]
        return [span for span in spans if self._exists(span)]

    def _exists(self, span: Span) -> bool:
        """Whether the knob accepts the values of a span; between 0 and its smallest working value it does not."""
        smallest = self.knob.smallest
        return smallest is None or not 0 < self.value(span.first) < smallest

    def width(self, span: Span) -> float:
        """How much of the axis a span covers: the distance of its ends, or the number of integers."""
        if self.whole:
            return float(len(span))
        return float(np.diff(self.values(np.array([span.first, span.last + 1])))[0])

    def cut(self, span: Span, parts: int) -> list[Span]:
        """A span in at most `parts` pieces of about equal width."""
        low, high = self.values(np.array([span.first, span.last]))
        ordinals = self._ordinals(low + (high - low) * (np.arange(1, parts) / parts))
        starts = [span.first, *dict.fromkeys(ordinals[(span.first < ordinals) & (ordinals <= span.last)].tolist())]
        if len(starts) == 1 and len(span) > 1:
            starts.append(span.first + len(span) // 2)
        return [Span(begin, end - 1) for begin, end in zip(starts, [*starts[1:], span.last + 1], strict=True)]
