"""What stands on the charts has both languages."""

from __future__ import annotations

import re
import string

import pytest

from tsumami.charts.words import _WORDS, word


@pytest.mark.parametrize("key", _WORDS)
def test_both_languages_have_the_same_places_to_fill_in(key: str) -> None:
    places = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in _WORDS[key]]
    assert places[0] == places[1]
    filled = dict.fromkeys(places[0], "7")
    ja, en = word("ja", key, **filled), word("en", key, **filled)
    assert ja
    assert en
    assert "{" not in ja + en
    assert not re.search(r"[ぁ-ゖァ-ヺ]", en)
