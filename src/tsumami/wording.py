"""What every room that speaks to people shares: the two languages, and how a share is written.

Guarantee: none of our rooms is imported, so everybody may stand on it; the same number reads the same on the page, in
the terminal and in a sentence, and one of a thing is never called several.
"""

from __future__ import annotations

import string
from typing import Final, Literal, Self

__all__ = ["LANGUAGES", "InBoth", "Language", "asked_in", "counted", "filled", "percent", "preferred", "size_text"]

Language = Literal["ja", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")

_LEAST: Final = 1e-6  # below it three digits would need an exponent
_NEARLY_ALL: Final = 0.9995  # from here on three digits would round to 100


def percent(share: float | None) -> str:
    """A share in 0..1 with three significant digits; what is nearly nothing or nearly all does not read as that.

    None is the share of what is not there: nothing.
    """
    if not share or share < 0:
        return "0%"
    if share < _LEAST:
        return f"<{100 * _LEAST:.4f}%"
    if share >= _NEARLY_ALL:
        return "100%" if share >= 0.99995 else "99.9%"
    return f"{100 * share:.3g}%"


def size_text(size: int | None) -> str:
    """Bytes for people: `98 MB`, `7.2 GB`; `?` where nobody knows how many."""
    if size is None:
        return "?"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def counted(number: int, one: str, many: str | None = None) -> str:
    """So many of a thing in English: `1 token`, `1,234 tokens`. many: what several are called (`one` and an s)."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


class _FilledIn(string.Formatter):
    """`str.format`, and `{count:token|tokens}`: the first word where `count` is one, else the second."""

    def format_field(self, value: object, format_spec: str) -> str:
        one, either, many = format_spec.partition("|")
        if not either:
            return str(super().format_field(value, format_spec))
        return one if str(value) == "1" else many


_PLACES: Final = _FilledIn()


def filled(text: str, /, **values: object) -> str:
    """A text with its {places} filled in; `{count:token|tokens}` is the word that fits a number (or its digits)."""
    return _PLACES.vformat(text, (), values)


class InBoth(str):
    """A text in English that has its Japanese with it: `ja`."""

    __slots__ = ("ja",)
    ja: str

    def __new__(cls, en: str, ja: str) -> Self:
        made = super().__new__(cls, en)
        made.ja = ja
        return made

    def within(self, en: str, ja: str) -> InBoth:
        """A text in which this one stands where `{said}` does."""
        return InBoth(en.replace("{said}", self), ja.replace("{said}", self.ja))

    def told(self, language: Language) -> str:
        """In one of the languages."""
        return self.ja if language == "ja" else str(self)


def preferred(accept_language: str) -> Language:
    """The language of a browser's Accept-Language header: the first of ours in its order, English if there is none.
    A weight of 0 means "not this one" (RFC 9110, 12.4.2).
    """
    wishes = []
    for place, part in enumerate(accept_language.split(",")):
        tag, _, weight = part.replace(" ", "").partition(";q=")
        try:
            wishes.append((-float(weight or 1), place, tag.lower()))
        except ValueError:
            continue
    for wish, _, tag in sorted(wishes):
        if not wish < 0:
            continue
        for language in LANGUAGES:
            if tag == language or tag.startswith(f"{language}-"):
                return language
    return "en"


def asked_in(path: str, accept_language: str) -> Language:
    """The language in which a request is answered: its page's (`/ja/…`), or the one that its headers prefer."""
    of_page = next((one for one in LANGUAGES if f"/{one}/" in f"{path}/"), None)
    return of_page or preferred(accept_language)
