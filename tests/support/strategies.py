"""Hypothesis strategies that several tests share: random valid Settings.

Every value is drawn from the knob's own table row, so a new knob or a moved range needs no change here.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tsumami.knobs import KNOBS, ORDERS, STAGES, Knob
from tsumami.knobs.values import BIAS_LIMIT, BREAKER_BYTES, FLOAT32_MAX
from tsumami.settings import CONSTRAINTS, Settings

__all__ = ["knob_values", "orders", "settings_strategy"]

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=BREAKER_BYTES // 4)
_SCHEMAS = st.sampled_from(
    ['{"type":"object"}', '{"type":"array","items":{"type":"integer"}}', '{"enum":["はい","いいえ"]}']
)
_EXPRESSIONS = st.sampled_from([r"\d{3}", "yes|no", "[a-z]+!?"])
_GRAMMARS = st.sampled_from(['root ::= "yes" | "no"', "root ::= [0-9]+"])


def orders() -> st.SearchStrategy[str | tuple[str, ...]]:
    """A named order, or any stages in any order."""
    lists = st.lists(st.sampled_from(STAGES), unique=True).map(tuple)
    return st.one_of(st.sampled_from(tuple(ORDERS)), st.permutations(STAGES).map(tuple), lists)


def knob_values(name: str, *, handy: bool = True) -> st.SearchStrategy[Any]:
    """Valid values of a knob: its default, its neutral value, and others; `handy`: within the slider's range."""
    knob = KNOBS[name]
    known = [knob.default] if knob.neutral is None else [knob.default, knob.neutral]
    if name == "banned_texts":  # such as appear
        return st.lists(_TEXTS | st.text("abeEt ", min_size=1, max_size=2), max_size=3).map(tuple)
    return st.one_of(st.sampled_from(known), _others(knob, handy=handy))


def _others(knob: Knob, *, handy: bool) -> st.SearchStrategy[Any]:
    match knob.kind:
        case "bool":
            return st.booleans()
        case "choice" | "word":
            return st.sampled_from(knob.choices)
        case "texts":
            return st.lists(_TEXTS, max_size=4).map(tuple)
        case "tokens":
            return st.lists(_TEXTS | st.integers(0, 257) | st.sampled_from(["a", "b", "\n"]), max_size=4).map(tuple)
        case "text_bias":
            weights = st.floats(-100, 100, width=32) | st.just(float("-inf"))
            return st.dictionaries(_TEXTS | st.sampled_from(["a", "abc"]), weights, max_size=3)
        case "bias":
            biases = st.floats(-BIAS_LIMIT, BIAS_LIMIT) if not handy else st.floats(-100, 100, width=32)
            return st.dictionaries(st.integers(0, 999), biases | st.just(float("-inf")), max_size=5)
        case "grammar":
            return _GRAMMARS
        case "schema":
            return _SCHEMAS
        case "object" if knob.name == "thinking_settings":
            return st.fixed_dictionaries({}, optional={name: knob_values(name) for name in ("top_p", "min_p", "top_a")})
        case "object":
            return st.dictionaries(st.sampled_from(["enable_thinking", "effort"]), st.booleans() | _TEXTS, max_size=2)
        case "regex":
            return _EXPRESSIONS
        case "text":
            return _TEXTS
        case "order":
            return orders()
        case _:
            return _numbers(knob, handy=handy)


def _numbers(knob: Knob, *, handy: bool) -> st.SearchStrategy[Any]:
    low, high = knob.low, knob.high
    if handy and knob.slider is not None:
        low, high = knob.slider.low, knob.slider.high or 1000
    low = -FLOAT32_MAX if low is None else low
    high = FLOAT32_MAX if high is None else high
    if knob.kind == "int":
        return st.integers(int(low), int(high))
    low = knob.smallest if knob.low_open and not handy else low
    return st.floats(low, high, exclude_min=False).filter(lambda v: not 0 < v < (knob.smallest or 0))


def settings_strategy(
    *, handy: bool = True, grammar: bool = False, contrastive: bool = False, **fixed: Any
) -> st.SearchStrategy[Settings]:
    """Random valid Settings, orders included; about half of the knobs stay at their defaults.

    `handy`: numbers within the sliders' ranges, else anything valid. `grammar`, `contrastive`: may be drawn, too (a
    grammar or a schema; contrastive search). `fixed`: knobs that every drawn Settings has at this value.
    """
    left_out = {"penalty_alpha", *CONSTRAINTS} | set(fixed)
    optional = {name: knob_values(name, handy=handy) for name in KNOBS if name not in left_out}
    drawn = st.fixed_dictionaries({}, optional=optional)
    if grammar:
        extra = st.one_of(
            st.just({}),
            st.fixed_dictionaries({"grammar": _GRAMMARS}),
            st.fixed_dictionaries({"json_schema": _SCHEMAS}),
            st.fixed_dictionaries({"regex": _EXPRESSIONS}),
        )
        drawn = st.builds(_merged, drawn, extra)
    if contrastive:
        search = st.fixed_dictionaries(
            {"penalty_alpha": st.floats(0.01, 1), "top_k": st.integers(2, 6), "mirostat_mode": st.just(0)}
        )
        drawn = st.builds(_merged, drawn, st.just({}) | search)
    return drawn.map(lambda values: Settings.from_mapping({**values, **fixed}))


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {**first, **second}
