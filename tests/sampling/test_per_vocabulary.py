"""What is dear to make for a vocabulary is made once, and nobody waits for what another needs."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from tsumami.sampling.per_vocabulary import PerVocabulary


class Words:
    """Stands for a vocabulary."""


def test_it_is_made_once_for_each_vocabulary_and_key_and_everybody_gets_a_copy() -> None:
    made: list[list[int]] = []
    kept: PerVocabulary[list[int]] = PerVocabulary(list.copy)

    def make() -> list[int]:
        made.append([len(made)])
        return made[-1]

    first, second = (Words(), Words())
    vocabularies: list[Any] = [first, first, second]
    got = [kept.get(vocab, "a", make) for vocab in vocabularies]
    assert got == [[0], [0], [1]]
    assert got[0] is not got[1]
    assert kept.get(vocabularies[0], "b", make) == [2]


def test_what_was_left_alone_for_the_longest_time_goes_and_a_vocabulary_takes_all_along() -> None:
    kept: PerVocabulary[str] = PerVocabulary(str, room=2)
    vocab: Any = Words()
    for key in "abac":
        kept.get(vocab, key, lambda key=key: key)  # type: ignore[misc]  # the key of this turn
    made: list[str] = []
    for key in "abc":
        kept.get(vocab, key, lambda key=key: made.append(key) or key)  # type: ignore[misc,func-returns-value]
    assert made[0] == "b"
    del vocab
    gc.collect()
    assert not kept._kept


def test_what_cannot_be_made_is_not_kept() -> None:
    kept: PerVocabulary[str] = PerVocabulary(str)
    vocab: Any = Words()

    def fail() -> str:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            kept.get(vocab, "a", fail)
    assert kept.get(vocab, "a", lambda: "yes") == "yes"


def test_who_waits_for_one_thing_waits_for_nothing_else() -> None:
    kept: PerVocabulary[str] = PerVocabulary(str)
    vocab: Any = Words()
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> str:
        begun.set()
        assert go_on.wait(30)
        return "slow"

    waiting = [threading.Thread(target=kept.get, args=(vocab, "slow", slowly)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert begun.wait(30)
    assert kept.get(vocab, "quick", lambda: "quick") == "quick"
    go_on.set()
    for thread in waiting:
        thread.join(30)
    assert kept.get(vocab, "slow", lambda: "made again") == "slow"
