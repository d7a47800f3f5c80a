"""Values that several dialects write alike, and what they are here.

Guarantee: each function takes the other side's value and gives ours, or the other way round; what it cannot read is a
ValueError or TypeError, which the report tells.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, Final

from tsumami.exchange.dialect import ALL, Foreign
from tsumami.exchange.notes import Note, Phrase
from tsumami.knobs import KNOBS

__all__ = [
    "ALL_WORDS",
    "BEAMS",
    "GENERATED_ONLY",
    "GREEDY",
    "LENGTH_WORDS",
    "MINUS_WORDS",
    "NO_END",
    "QUOTED",
    "UNITS_WORDS",
    "bias_from",
    "bias_to_pairs",
    "breakers_from",
    "breakers_to_text",
    "by_template",
    "from_units",
    "greedy",
    "length_from",
    "length_to_minus",
    "off_to_minus",
    "one_of_it",
    "positive",
    "quoted_from",
    "quoted_to",
    "schema_from",
    "schema_to",
    "texts_from",
    "think_from",
    "think_to",
    "to_template",
    "to_units",
    "whole_window",
    "window_to_minus",
]

BEAMS: Final = Phrase("ビームサーチ。ここでは 1 つずつ選ぶ", "beam search; here tokens are chosen one by one")
NO_END: Final = Phrase("終わりのトークンを禁じる", "forbids the end tokens")
LENGTH_WORDS: Final = Phrase(
    "負の数は「文脈がいっぱいになるまで」。ここでは 0", "below 0 means until the context is full, which is 0 here"
)
ALL_WORDS: Final = Phrase("テキスト全体を数える", "counts the whole text")
MINUS_WORDS: Final = Phrase("-1 は「使わない」。ここでは 0", "-1 means off, which is 0 here")
UNITS_WORDS: Final = Phrase("あちらの単位は 1/10000", "its unit there is 1/10000")
QUOTED: Final = Phrase(
    "1 行に 1 つで、引用符で囲んだものは文字列。囲まないものはトークンの禁止で、ここでは logit_bias か text_bias",
    "one a line; in quotation marks it is a text, without them it bans tokens, which is logit_bias or text_bias here",
)
GENERATED_ONLY: Final = Phrase(
    "あちらでは生成したトークンだけを、窓なしで数える", "there it counts generated tokens only, without a window"
)
GREEDY: Final = Phrase(
    "do_sample が真でないので、いつも最も確率の高いトークンを選ぶ。temperature などの値は効かない",
    "do_sample is not true, so the likeliest token is always taken, whatever temperature and the others say",
)


_TOLD: Final = "chat_template_kwargs"


def positive(value: Any) -> Any:
    """A number of which every one below 0 means off."""
    return max(value, 0)


def off_to_minus(value: Any) -> Any:
    """0 as -1, where that means off."""
    return -1 if value == 0 else value


def length_from(value: Any) -> int:
    """How many tokens to write; below 0 is until the context is full."""
    return max(int(value), 0)


def length_to_minus(value: Any) -> int:
    """The same back."""
    return -1 if value == 0 else int(value)


def whole_window(value: Any) -> int:
    """How far to look back; below 0 is the whole context."""
    return ALL if value < 0 else int(value)


def window_to_minus(value: Any) -> int:
    """The same back."""
    return -1 if value >= ALL else int(value)


def from_units(value: Any) -> float:
    """A share that is given in 1/10000."""
    return float(value) / 10_000


def to_units(value: Any) -> float:
    """The same back."""
    return float(value) * 10_000


def texts_from(value: Any) -> tuple[str, ...]:
    """One text or several; empty ones stop nothing anywhere."""
    texts = (value,) if isinstance(value, str) else tuple(value)
    return tuple(text for text in texts if text != "")


def breakers_from(value: Any) -> tuple[str, ...]:
    """DRY's breakers: a list, or a JSON list as a text, with or without its brackets."""
    if isinstance(value, str):
        text = value.strip()
        value = json.loads(text if text.startswith("[") else f"[{text}]")
    return texts_from(value)


def breakers_to_text(value: Any) -> str:
    """The same back, with brackets."""
    return json.dumps(list(value), ensure_ascii=False)


def quoted_from(value: Any) -> tuple[str, ...]:
    """Banned texts, one a line and in quotation marks."""
    lines = [line for line in str(value).split("\n") if line.strip()]
    if any(len(line) < 2 or (line[0], line[-1]) != ('"', '"') for line in lines):
        raise ValueError("a line without quotation marks bans tokens")
    return texts_from([line[1:-1] for line in lines])


def quoted_to(value: Any) -> str | None:
    """The same back; a text of several lines cannot be written there. None if there is none."""
    return "\n".join(f'"{text}"' for text in value if "\n" not in text) or None


def bias_from(value: Any) -> dict[int, float]:
    """A mapping from token ids, or pairs [id, bias], where false forbids the token."""
    pairs = value.items() if isinstance(value, dict) else [tuple(pair) for pair in value]
    return {int(token): -math.inf if bias is False else float(bias) for token, bias in pairs}


def bias_to_pairs(value: Any) -> list[list[Any]] | None:
    """Pairs [id, bias]; None if there is none."""
    return [[token, bias] for token, bias in value] or None


def schema_from(value: Any) -> Any:
    """A JSON schema as an object or a text; an empty one is none."""
    return value if value and value not in ("{}", {}) else None


def schema_to(value: Any) -> Any:
    """The same back, as an object."""
    return None if value is None else json.loads(value)


def one_of_it(value: Any) -> Any:
    """A text that may be empty."""
    return value or None


def think_from(value: Any) -> str:
    """Whether to think: true, false, or nothing said; a level of effort is more than that."""
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return "auto" if value is None else "on" if value else "off"


def think_to(value: Any) -> bool | None:
    """The same back."""
    return {"on": True, "off": False}.get(value)


def by_template(values: Foreign, knobs: dict[str, Any]) -> Iterable[Note]:
    """What a chat template is told stands in one object there; `enable_thinking` in it is a knob here."""
    given = values.get(_TOLD)
    told = json.loads(KNOBS[_TOLD].validate(given) or "{}")
    if isinstance(told.get("enable_thinking"), bool):
        knobs["thinking"] = think_from(told.pop("enable_thinking"))
        knobs[_TOLD] = KNOBS[_TOLD].validate(told)
        yield Note("converted", _TOLD, given, _TOLD, knobs[_TOLD], Phrase())
        yield Note(
            "converted",
            f"{_TOLD}.enable_thinking",
            think_to(knobs["thinking"]),
            "thinking",
            knobs["thinking"],
            Phrase(),
        )


def to_template(knobs: dict[str, Any], foreign: Foreign) -> Iterable[Note]:
    """The same back."""
    on = think_to(knobs["thinking"])
    if on is not None:
        foreign[_TOLD] = {"enable_thinking": on, **(foreign.get(_TOLD) or {})}
        yield Note("converted", f"{_TOLD}.enable_thinking", on, "thinking", knobs["thinking"], Phrase())


def greedy(values: dict[str, Any], knobs: dict[str, Any]) -> Note | None:
    """transformers chooses greedily unless `do_sample` is true."""
    if values.get("do_sample") is True or knobs.get("penalty_alpha", 0) > 0:
        return None
    knobs["temperature"] = 0.0
    return Note("converted", "do_sample", values.get("do_sample"), "temperature", 0.0, GREEDY)
