"""What a value of each kind of knob is, and the message when it is none.

Guarantee: every function returns a plain, hashable, immutable value or raises SettingsError with a message that names
the knob, the value, what is allowed and why. llama.cpp stores numbers as float32 and int32 and reads texts as
null-terminated UTF-8, so what those cannot hold is refused here and never silently changed later.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Iterable, Mapping
from numbers import Integral, Real

from tsumami.errors import GrammarError, SettingsError
from tsumami.quoting import theirs
from tsumami.wording import counted

__all__ = [
    "BIAS_LIMIT",
    "BREAKERS",
    "BREAKER_BYTES",
    "FLOAT32_MAX",
    "INT32_MAX",
    "STOP_CHARACTERS",
    "Bias",
    "TextBias",
    "check_bias",
    "check_bool",
    "check_float",
    "check_grammar",
    "check_int",
    "check_object",
    "check_schema",
    "check_text",
    "check_text_bias",
    "check_texts",
    "check_tokens",
    "shown",
]

INT32_MAX = 2**31 - 1
FLOAT32_MAX = (2 - 2**-23) * 2.0**127
BIAS_LIMIT = 1e9
"""Largest number that may be added to a logit: larger ones can leave float32, and infinity - infinity is NaN."""
BREAKER_BYTES = 40
"""llama.cpp cuts a DRY breaker after this many bytes (`llama_sampler_init_dry`, MAX_CHAR_LEN)."""
BREAKERS = 32
"""Most DRY breakers: llama.cpp looks each up in the whole vocabulary, which takes it up to 200 ms."""
STOP_CHARACTERS = 1 << 16
"""Most characters of all stop strings together: what watches for them takes memory in proportion."""

Bias = tuple[int, float]
"""A token id and the number that is added to its logit."""
TextBias = tuple[str, float]
"""A text and the number that is added to the logits of its tokens."""


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def shown(value: object) -> str:
    """A value as a message shows it: as Python writes it, and of a long one its two ends."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # an integer of thousands of digits
        return f"a number of {type(value).__name__} with thousands of digits"


def _unfit(name: str, value: object, needs: str, needs_ja: str) -> SettingsError:
    """What a kind of value cannot be; the knob whose it is says in Japanese what it allows besides."""
    return SettingsError(f"{name} = {shown(value)}: {needs}", knob=name, value=value).in_japanese(
        f"{name} = {shown(value)}: {needs_ja}"
    )


def check_int(name: str, value: object, allowed: str) -> int:
    """An integer, also written as a float without a fraction; `allowed` goes into the message."""
    if not isinstance(value, bool) and isinstance(value, Integral):
        return int(value)
    if not isinstance(value, bool) and isinstance(value, Real):
        number = float(value)
        if number.is_integer():
            return int(number)
        raise _unfit(name, value, f"needs a whole number, {allowed}", "整数にしてください")
    raise _unfit(name, value, f"needs a whole number, {allowed}, not {_kind(value)}", "整数にしてください")


def check_float(name: str, value: object, allowed: str) -> float:
    """A finite number that float32 can hold; `allowed` goes into the message."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise _unfit(name, value, f"needs a number, {allowed}, not {_kind(value)}", "数にしてください")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        raise SettingsError(f"{name} = nan: not a number; needs {allowed}").in_japanese(
            f"{name} = nan: 数ではありません"
        )
    if abs(number) > FLOAT32_MAX:
        needs = f"needs a finite number, {allowed}; float32 ends at {FLOAT32_MAX:.4g}"
        raise _unfit(name, value, needs, "有限の数にしてください")
    return number + 0.0  # -0.0 becomes 0.0, so that equal settings are written alike


def check_bool(name: str, value: object) -> bool:
    """True or False and nothing else: 0 and 1 are numbers, and "false" is a text."""
    if isinstance(value, bool):
        return value
    raise _unfit(name, value, f"needs true or false, not {_kind(value)}", "true か false にしてください")


def check_texts(
    name: str,
    value: object,
    max_bytes: int | None = None,
    *,
    most: int | None = None,
    most_characters: int | None = None,
) -> tuple[str, ...]:
    """Non-empty texts, each of at most `max_bytes` bytes of UTF-8, at most so many and with at most so many characters
    in all; one text stands for a list of one.
    """
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Iterable) or isinstance(value, (bytes, Mapping, set, frozenset)):
        raise SettingsError(f"{name} = {shown(value)}: needs a list of texts, not {_kind(value)}").in_japanese(
            f"{name} = {shown(value)}: 文字列のリストにしてください"
        )
    texts = tuple(value)
    if most is not None and len(texts) > most:
        raise SettingsError(
            f"{name}: {counted(len(texts), 'text')}; at most {most:,} can be used, so leave some out"
        ).in_japanese(f"{name}: 文字列が {len(texts):,} 個あります。使えるのは {most:,} 個までなので、減らしてください")
    for text in texts:
        _check_text(name, text, max_bytes)
    characters = sum(map(len, texts))
    if most_characters is not None and characters > most_characters:
        raise SettingsError(
            f"{name}: {counted(len(texts), 'text')} with {counted(characters, 'character')} in all; at most "
            f"{most_characters:,} in all "
            "can be used, so leave some out"
        ).in_japanese(
            f"{name}: 文字列が {len(texts):,} 個、合わせて {characters:,} 文字あります。"
            f"使えるのは合わせて {most_characters:,} 文字までなので、減らしてください"
        )
    return texts


def _check_text(name: str, text: object, max_bytes: int | None) -> None:
    if not isinstance(text, str):
        raise SettingsError(f"{name}: {shown(text)} is {_kind(text)}; needs texts").in_japanese(
            f"{name}: {shown(text)} は文字列ではありません"
        )
    if not text:
        raise SettingsError(f"{name}: an empty text would match everywhere; leave it out").in_japanese(
            f"{name}: 空の文字列はどこにでも合ってしまうので、外してください"
        )
    size = len(_utf8(name, text))
    if max_bytes is not None and size > max_bytes:
        raise SettingsError(
            f"{name}: {shown(text)} has {counted(size, 'byte')} of UTF-8; llama.cpp reads at most {max_bytes}"
        ).in_japanese(
            f"{name}: {shown(text)} は UTF-8 で {size} バイトあります。llama.cpp が読むのは {max_bytes} バイトまでです"
        )
    if max_bytes is not None and "\0" in text:
        raise SettingsError(
            f"{name}: {shown(text)} holds a null character, where llama.cpp would stop reading"
        ).in_japanese(f"{name}: {shown(text)} にはヌル文字があり、llama.cpp はそこで読むのをやめます")


def check_tokens(name: str, value: object) -> tuple[str, ...]:
    """Tokens, as texts or ids -> texts; an id 12 is written `<[12]>`, as in a grammar."""
    if isinstance(value, (str, Integral)):
        value = (value,)
    if not isinstance(value, Iterable) or isinstance(value, (bytes, Mapping, set, frozenset)):
        raise SettingsError(
            f"{name} = {shown(value)}: needs a list of texts or token ids, not {_kind(value)}"
        ).in_japanese(f"{name} = {shown(value)}: 文字列かトークン ID のリストにしてください")
    texts = [f"<[{_token_id(name, one)}]>" if isinstance(one, Integral) else one for one in value]
    return check_texts(name, texts)


def check_text_bias(name: str, value: object) -> tuple[TextBias, ...]:
    """A mapping {text: bias} or pairs -> pairs in the order given; "-inf" (JSON has no infinity) bans, as in a bias by
    id.
    """
    if isinstance(value, Mapping):
        pairs: Iterable[object] = value.items()
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        pairs = value
    else:
        raise SettingsError(
            f"{name} = {shown(value)}: needs a list of pairs of a text and a bias, not {_kind(value)}"
        ).in_japanese(f"{name} = {shown(value)}: 文字列とバイアスの組のリストにしてください")
    checked: dict[str, float] = {}
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise SettingsError(f"{name}: {shown(pair)} is not a pair of a text and a bias").in_japanese(
                f"{name}: {shown(pair)} は文字列とバイアスの組ではありません"
            )
        if not isinstance(pair[0], str):
            raise SettingsError(
                f"{name}: {shown(pair[0])} is {_kind(pair[0])}; needs a text (by id: logit_bias)"
            ).in_japanese(f"{name}: {shown(pair[0])} は文字列ではありません（ID なら logit_bias）")
        (text,) = check_texts(name, pair[0])
        if text in checked:
            raise SettingsError(f"{name}: {shown(text)} is named twice; give it one bias").in_japanese(
                f"{name}: {shown(text)} が 2 回あります。バイアスを 1 つにしてください"
            )
        checked[text] = _bias(f"{name}[{shown(text)}]", pair[1])
    return tuple(checked.items())


def check_grammar(name: str, value: object, allowed: str) -> str | None:
    """A grammar's or an expression's text, or None, also for a blank text (an empty field on a page). What it says is
    checked by `tsumami.constraints`.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise SettingsError(f"{name} = {shown(value)}: needs {allowed}, not {_kind(value)}").in_japanese(
            f"{name} = {shown(value)}: 文章で指定してください"
        )
    _utf8(name, value)
    if "\0" in value:
        raise GrammarError(f"{name}: holds a null character at {value.index(chr(0))}; remove it").in_japanese(
            f"{name}: {value.index(chr(0))} 文字目にヌル文字があります。取り除いてください"
        )
    return value if value.strip() else None


def check_text(name: str, value: object) -> str | None:
    """A text, or None, also for an empty one (an empty field on a page)."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _unfit(name, value, f"needs a text, not {_kind(value)}", "文章にしてください")
    _utf8(name, value)
    return value


def check_schema(name: str, value: object) -> str | None:
    """A JSON schema as a mapping or as JSON text -> compact JSON text, or None.

    The order of keys is kept: llama.cpp writes an object's properties in the schema's order.
    """
    return _json_object(name, value, '{"type": "object"}', GrammarError)


def check_object(name: str, value: object) -> str | None:
    """A mapping or JSON text of an object -> compact JSON text; None for an empty one. The order of keys is kept."""
    text = _json_object(name, value, '{"key": "value"}', SettingsError)
    return None if text == "{}" else text


def _json_object(name: str, value: object, example: str, problem: type[SettingsError]) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        _utf8(name, value)
        try:
            value = json.loads(value, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise problem(f"{name}: not JSON: {error}").in_japanese(
                f"{name}: JSON ではありません: {theirs(error)}"
            ) from None
    if not isinstance(value, Mapping):
        raise problem(
            f"{name} = {shown(value)}: needs a JSON object such as {example}, not {_kind(value)}"
        ).in_japanese(f"{name} = {shown(value)}: {example} のような JSON のオブジェクトにしてください")
    try:
        text = json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise problem(f"{name}: cannot be written as JSON: {error}").in_japanese(
            f"{name}: JSON として書けません: {theirs(error)}"
        ) from None
    _utf8(name, text)
    return text


def check_bias(name: str, value: object) -> tuple[Bias, ...]:
    """A mapping {token id: bias} or pairs -> pairs sorted by id.

    From JSON an id may be a text of digits, and "-inf" (JSON has no infinity) or -inf bans the token.
    """
    if isinstance(value, Mapping):
        pairs: Iterable[object] = value.items()
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        pairs = value
    else:
        raise SettingsError(
            f"{name} = {shown(value)}: needs a mapping from token id to bias, not {_kind(value)}"
        ).in_japanese(f"{name} = {shown(value)}: トークン ID とバイアスの対応表にしてください")
    checked: dict[int, float] = {}
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise SettingsError(f"{name}: {shown(pair)} is not a pair of a token id and a bias").in_japanese(
                f"{name}: {shown(pair)} はトークン ID とバイアスの組ではありません"
            )
        token = _token_id(name, pair[0])
        if token in checked:
            raise SettingsError(f"{name}: token {token} is named twice; give it one bias").in_japanese(
                f"{name}: トークン {token} が 2 回あります。バイアスを 1 つにしてください"
            )
        checked[token] = _bias(f"{name}[{token}]", pair[1])
    return tuple(sorted(checked.items()))


def _token_id(name: str, value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value) if len(value) <= 10 else INT32_MAX + 1
    token = check_int(f"{name}: token id", value, f"0 to {INT32_MAX}")
    if not 0 <= token <= INT32_MAX:
        raise SettingsError(f"{name}: token id {shown(token)}: needs 0 to {INT32_MAX}").in_japanese(
            f"{name}: トークン ID {shown(token)}: 使えるのは 0〜{INT32_MAX} です"
        )
    return token


def _bias(name: str, value: object) -> float:
    if value == "-inf" or (isinstance(value, Real) and value == -math.inf):
        return -math.inf
    allowed = f"-{BIAS_LIMIT:g} to {BIAS_LIMIT:g}, or -inf to ban the token"
    number = check_float(name, value, allowed)
    if abs(number) > BIAS_LIMIT:
        raise SettingsError(
            f"{name} = {shown(value)}: needs {allowed}; 100 already outweighs every other token"
        ).in_japanese(
            f"{name} = {shown(value)}: 使えるのは -{BIAS_LIMIT:g}〜{BIAS_LIMIT:g}、"
            "または禁じる -inf です。100 でもう、ほかのすべてのトークンに勝ちます"
        )
    return number


def _utf8(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise SettingsError(
            f"{name}: {shown(text)} is not valid Unicode at {error.start}; remove the lone half"
        ).in_japanese(
            f"{name}: {shown(text)} は {error.start} 文字目が正しい Unicode ではありません。"
            "片割れの文字を取り除いてください"
        ) from None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{_kind(value)} has no JSON form")


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
