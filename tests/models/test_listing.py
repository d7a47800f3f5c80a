"""The list of models that can be named. (What the hub's cache adds to it: test_finding.py, which fills one.)"""

from __future__ import annotations

from tsumami.models import catalogue, resolve


def test_the_catalogue_says_what_is_here_in_both_languages() -> None:
    entries = {entry.name: entry for entry in catalogue()}
    assert {"smollm2", "gemma", "gpt2", "elyza"} <= set(entries)
    assert (entries["smollm2"].place, entries["smollm2"].here) == ("installed", True)
    assert entries["smollm2"].size == resolve("smollm2").size
    assert (entries["smollm2"].architecture, entries["smollm2"].quantization) == ("llama", "Q4_1")
    assert (entries["smollm2"].license, entries["smollm2"].languages) == ("Apache-2.0", ("en",)), "as the table says"
    assert entries["gpt2"].languages == ("en",), "also of one that is not here"
    for entry in entries.values():
        assert entry.description_ja
        assert entry.description_en
        assert not entry.description_ja.isascii()
