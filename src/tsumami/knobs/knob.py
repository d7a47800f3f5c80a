"""What a knob is: its numbers, its words, and the check that every value goes through.

Guarantee: three ranges that others mix up are kept apart. `low`..`high` is what mathematics and llama.cpp accept,
`slider` only what is handy, and `neutral` is the value at which the knob does nothing (None: it has none).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from tsumami.errors import SettingsError
from tsumami.knobs import values
from tsumami.knobs.orders import check_order

__all__ = ["Kind", "Knob", "Slider", "longest_reply"]

Kind = Literal[
    "int", "float", "bool", "choice", "word", "texts", "tokens", "bias", "text_bias", "grammar", "schema", "object",
    "regex", "text", "order",
]  # fmt: skip
"""How a value is written. `choice`: one of a few integers; `word`: one of a few words; `object`: a JSON object;
`tokens`: texts, or ids as `<[12]>`; `bias`: token id -> number; `text_bias`: text -> number; `order`: stages of the
chain."""

_FOR_THE_PROMPT: Final = 256


class Slider(NamedTuple):
    """The handy part of a range. `high` is None where it depends on the model: see `Knob.slider_for`."""

    low: float
    high: float | None
    step: float


def longest_reply(n_ctx: int) -> int:
    """The most tokens that the page offers for a reply in a context of `n_ctx`: some cells stay for the prompt."""
    return max(n_ctx - _FOR_THE_PROMPT, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One knob: its numbers, its words, and what a valid value is."""

    name: str
    kind: Kind
    default: Any
    group: str
    stage: str | None
    """The stage that reads it: one of the chain, `mirostat`, `contrastive`, `logit_bias`, `grammar`, `draw`, `order`,
    the `loop` around them, or `prompt`: what makes it of a conversation; None where several do."""
    neutral: Any = None
    classic: bool = False
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    smallest: float | None = None
    """Smallest positive value that works where 0 means something else (or nothing): below it float32 overflows."""
    off_below: float | None = None
    """Every value below is the neutral one: the knob is off."""
    reason: str = ""
    """Why the range ends where it ends, for the message of an error."""
    choices: tuple[int, ...] | tuple[str, ...] = ()
    max_bytes: int | None = None
    most: int | None = None
    """Of a list of texts: how many there may be."""
    most_characters: int | None = None
    """Of a list of texts: how many characters they may have in all."""
    slider: Slider | None = None
    formula: str = ""
    paper: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    label_ja: str
    label_en: str
    line_ja: str
    line_en: str
    paragraph_ja: str
    paragraph_en: str

    @property
    def allowed(self) -> str:
        """The valid range in words, for messages, help and the reference table."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        return _ALLOWED.get(self.kind) or self._range()

    @property
    def allowed_ja(self) -> str:
        """The same in Japanese."""
        if self.choices:
            return f"{', '.join(map(str, self.choices))} のどれか"
        return _ALLOWED_JA.get(self.kind) or self._range_ja()

    def slider_for(self, n_ctx: int) -> Slider | None:
        """The slider's range on a model with `n_ctx` cells of context."""
        if self.slider is None or self.slider.high is not None:
            return self.slider
        return self.slider._replace(high=longest_reply(n_ctx))

    def validate(self, value: object) -> Any:
        """The value in the form in which Settings keeps it (plain, hashable); SettingsError says why it cannot work."""
        try:
            return self._checked(value)
        except SettingsError as error:
            if error.knob == self.name:  # a value of the wrong kind: only the knob knows what else it allows
                error.in_japanese(self._refused_ja(error.value))
            raise

    def _checked(self, value: object) -> Any:
        match self.kind:
            case "int":
                return int(self._within(values.check_int(self.name, value, self.allowed)))
            case "float":
                return self._on(self._within(values.check_float(self.name, value, self.allowed)))
            case "choice":
                return self._chosen(values.check_int(self.name, value, self.allowed))
            case "word":
                return self._chosen(value)
            case "bool":
                return values.check_bool(self.name, value)
            case "texts":
                return values.check_texts(
                    self.name, value, self.max_bytes, most=self.most, most_characters=self.most_characters
                )
            case "tokens":
                return values.check_tokens(self.name, value)
            case "text_bias":
                return values.check_text_bias(self.name, value)
            case "bias":
                return values.check_bias(self.name, value)
            case "grammar" | "regex":
                return values.check_grammar(self.name, value, self.allowed)
            case "text":
                return values.check_text(self.name, value)
            case "schema":
                return values.check_schema(self.name, value)
            case "object":
                return values.check_object(self.name, value)
            case "order":
                return check_order(self.name, value)

    def _on(self, value: float) -> float:
        return self.neutral if self.off_below is not None and value < self.off_below else value

    def _chosen(self, value: object) -> object:
        if value not in self.choices:
            raise SettingsError(
                f"{self.name} = {values.shown(value)}: needs {self.allowed}", knob=self.name, value=value
            ).in_japanese(self._refused_ja(value))
        return value

    def _refused_ja(self, value: object) -> str:
        return f"{self.name} は {values.shown(value)} ですが、使えるのは {self.allowed_ja}です。"

    def _within(self, value: float) -> float:
        below = self.low is not None and (value <= self.low if self.low_open else value < self.low)
        above = self.high is not None and (value >= self.high if self.high_open else value > self.high)
        if below or above or (self.smallest is not None and 0 < value < self.smallest):
            why = f"; {self.reason}" if self.reason else ""
            raise SettingsError(
                f"{self.name} = {values.shown(value)}: needs {self.allowed}{why}", knob=self.name, value=value
            ).in_japanese(self._refused_ja(value))
        return value

    def _range(self) -> str:
        low, high = (_number(bound) for bound in (self.low, self.high))
        if self.off_below is not None:
            return f"{_number(self.off_below)} to {high}, or {_number(self.neutral)}"
        if self.smallest is not None:
            return f"{self.smallest:g} or more" if self.low_open else f"{low}, or {self.smallest:g} or more"
        if low and high:
            return f"{low} to {high}"
        return f"{low} or more" if low else "any finite number"

    def _range_ja(self) -> str:
        low, high = (_number(bound) for bound in (self.low, self.high))
        if self.off_below is not None:
            return f"{_number(self.off_below)} 以上 {high} 以下、または {_number(self.neutral)}"
        if self.smallest is not None:
            return f"{self.smallest:g} 以上" if self.low_open else f"{low}、または {self.smallest:g} 以上"
        if low and high:
            return f"{low} 以上 {high} 以下"
        return f"{low} 以上" if low else "有限の数"


_ALLOWED: Mapping[str, str] = {
    "bool": "true or false",
    "texts": "a list of non-empty texts",
    "tokens": "a list of texts or token ids",
    "bias": "a mapping from token id to bias",
    "text_bias": "a mapping from text to bias",
    "grammar": "the text of a GBNF grammar",
    "schema": "a JSON schema (an object)",
    "object": "a JSON object",
    "regex": "a regular expression",
    "text": "a text",
    "order": "'classic', 'llama.cpp', or a list of stage names",
}


_ALLOWED_JA: Mapping[str, str] = {
    "bool": "true または false",
    "texts": "空でない文字列のリスト",
    "tokens": "文字列かトークン ID のリスト",
    "bias": "トークン ID とバイアスの対応表",
    "text_bias": "文字列とバイアスの対応表",
    "grammar": "GBNF で書いた文法",
    "schema": "JSON スキーマ(オブジェクト)",
    "object": "JSON のオブジェクト",
    "regex": "正規表現",
    "text": "文章",
    "order": "classic、llama.cpp、またはステージ名のリスト",
}


def _number(bound: float | None) -> str:
    if bound is None:
        return ""
    return str(int(bound)) if math.isclose(bound, int(bound)) and abs(bound) < 2**53 else f"{bound:g}"
