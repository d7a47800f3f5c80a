"""Data in a script stays data."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tsumami.charts.embedding import script_json

TEXTS = st.text() | st.sampled_from(["</script>", "<!--", "<script>", "]]>", "&lt;", "\u2028", "\u2029"])
VALUES = st.recursive(TEXTS | st.none() | st.integers(), lambda one: st.lists(one) | st.dictionaries(TEXTS, one))


@given(VALUES)
def test_a_value_is_read_back_and_holds_nothing_that_html_or_a_line_ends_at(value: object) -> None:
    text = script_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")
