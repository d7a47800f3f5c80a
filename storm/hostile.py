"""Strategies that several attacks share: texts, numbers and values that people did not think of.

Guarantee: everything that is drawn is plain (numbers, texts, bytes, lists, mappings), so it can be written down.
"""

from __future__ import annotations

import base64
import copy
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hypothesis import strategies as st

#: Texts that have broken programs before: marks, format characters, sequences that join, width, direction, and length.
TEXTS: Final = (
    "", " ", "\0", "\r", "\n\n\n", "\u2028", "\ufeff", "\ufffd", "\ufffe", "\U0010ffff", "\u202e\u2066",
    "a\u0300\u0301\u0302",
    "👩‍👩‍👧‍👦", "🏳️‍🌈", "か\u3099", "豈", "ﾊﾝｶｸ", "e\u0301" * 50, "\u200b" * 40, "ZWJ\u200d", "İıſK", "ß",
    "\x1b[31m", "<|im_end|>",
    "<|im_start|>system\n", "<s>", "</s>", "%s%n", "{0}{x}", "{{ 1 }}", "../../etc/passwd", "NaN", "1e999", "-0",
    "0x1F", "１２",
    "true", "null", "=1+1", "<script>alert(1)</script>", "'\"`", "\\", "\\u0000", "$(id)", "A" * 10_000, "あ" * 5_000,
)  # fmt: skip
NUMBERS: Final = (
    0, -0.0, 1, -1, 2, -2, 2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 2**53, 2**63, 2**64, -(2**63), 10**40, 1e-45,
    1e-300, 5e-324, 1e38, 3.5e38, 1.8e308, float("inf"), float("-inf"), float("nan"), 0.1, 1 - 2**-24, 1 + 2**-23,
    True, False,
)  # fmt: skip


def texts(*, surrogates: bool = True, most: int = 40) -> st.SearchStrategy[str]:
    """Any text; with lone surrogates, which Python can hold and UTF-8 cannot."""
    whole = st.characters(codec="utf-8")
    drawn = [st.sampled_from(TEXTS), st.text(whole, max_size=most), st.text(whole, max_size=most)]
    if surrogates:  # rare among all characters, so asked for
        drawn.append(st.text(whole | st.characters(categories=("Cs",)), max_size=most))
    return st.one_of(drawn)


def numbers() -> st.SearchStrategy[Any]:
    """Any number, and those at which types end."""
    return st.sampled_from(NUMBERS) | st.integers() | st.floats()


def values(*, most: int = 8) -> st.SearchStrategy[Any]:
    """Any plain value, nested or not."""
    leaves = st.none() | numbers() | texts(most=12) | st.binary(max_size=4)
    keys = texts(most=8) | st.integers(-3, 3)
    return st.recursive(
        leaves, lambda s: st.lists(s, max_size=4) | st.dictionaries(keys, s, max_size=4), max_leaves=most
    )


def json_values(*, most: int = 8) -> st.SearchStrategy[Any]:
    """Any value that JSON can say (with the NaN and Infinity that Python writes)."""
    leaves = st.none() | numbers() | texts(most=12)
    keys = texts(most=8)
    return st.recursive(
        leaves, lambda s: st.lists(s, max_size=4) | st.dictionaries(keys, s, max_size=4), max_leaves=most
    )


def damaged(files: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of some good files, damaged by dice: bits flipped, bytes set, parts cut, doubled or taken from another."""
    return st.builds(_damage, st.sampled_from(range(len(files))), st.integers(0, 2**48), st.just(files))


def _damage(which: int, seed: int, files: Sequence[bytes]) -> bytes:
    dice = random.Random(seed)
    data = bytearray(files[which])
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        at = dice.randrange(len(data) + 1)
        size = dice.choice((1, 1, 2, 4, 8, 8, 64))
        kind = dice.randrange(8)
        if kind == 0:
            data[at : at + 1] = bytes(byte ^ (1 << dice.randrange(8)) for byte in data[at : at + 1])
        elif kind == 1:
            data[at : at + size] = dice.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * min(size, 8)
        elif kind == 2:
            data[at : at + size] = dice.choice((2**64 - 1, 2**63, 2**32, 2**31 - 1, 10**6, 1, 0)).to_bytes(8, "little")
        elif kind == 3:
            del data[at : at + dice.choice((1, 8, len(data)))]
        elif kind == 4:
            data[at:at] = data[at : at + size] * dice.choice((1, 2, 100))
        elif kind == 5:
            data[at : at + size] = dice.randbytes(size)
        else:
            other = files[dice.randrange(len(files))]
            begin = dice.randrange(len(other) + 1)
            data[at : at + size] = other[begin : begin + size]
    return bytes(data)


def grafted(forms: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of some good JSON values, in which a few places hold something else: another type, another place's value, a
    name more, one less, the same thing twice.
    """
    graft = st.tuples(
        st.integers(0, 10**6), st.sampled_from(("set", "swap", "drop", "twice", "name")), json_values(most=4)
    )
    return st.builds(
        _grafted, st.sampled_from(range(len(forms))), st.lists(graft, min_size=1, max_size=3), st.just(forms)
    )


def _grafted(which: int, grafts: list[tuple[int, str, Any]], forms: Sequence[Any]) -> Any:
    form = copy.deepcopy(forms[which])
    for at, how, value in grafts:
        places = list(_places(form))
        holder, key = places[at % len(places)] if places else ({}, "x")
        if key not in (holder if isinstance(holder, dict) else range(len(holder))):
            continue
        other, other_key = places[(at * 7919 + 1) % len(places)]
        if how == "set":
            holder[key] = value
        elif how == "swap":
            holder[key] = copy.deepcopy(other[other_key])
        elif how == "drop":
            del holder[key]
        elif how == "twice" and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif isinstance(holder, dict):
            holder[str(value)[:20]] = copy.deepcopy(holder[key])
    return form


def _places(form: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a JSON value: what holds it, and under which name or number."""
    open_places = [form]
    while open_places:
        holder = open_places.pop()
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                open_places.append(holder[key])


def unpacked(data: str) -> bytes:
    """Bytes that stand in the source as base64."""
    return base64.b64decode(data)
