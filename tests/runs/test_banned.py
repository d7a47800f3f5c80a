"""Banned texts: none is ever part of a reply, nobody sees what is taken back, and the run is exact all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.strategies import settings_strategy
from tests.support.worlds import FIXED, N_VOCAB, PROMPT, world

from tsumami.errors import RunFileError
from tsumami.explain import audit, divergence, why_not
from tsumami.runs import Prompt, Run, TakenBack, verify
from tsumami.runs.banned import BannedTexts
from tsumami.runs.going_on import go_on
from tsumami.runs.restore import restore
from tsumami.sampling import Chain, DeadEndError
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

LETTERS = "abAB "
GREEDY = {"temperature": 0.0, "repeat_penalty": 1.0, "top_k": 0}


def letters(tokens: tuple[int, ...], *, end: float = 0.0) -> np.ndarray:
    """A model that writes a few letters, which depend on the last two tokens."""
    row = np.full(N_VOCAB, -np.inf, np.float32)
    rng = np.random.default_rng([0, *tokens[-2:]])
    row[[ord(letter) for letter in LETTERS]] = rng.gumbel(0, 1, len(LETTERS))
    row[ByteTokenizer.end] = end
    return row


MODEL = ScriptedModel(letters)
BANNED = st.lists(st.text(LETTERS + "ß", min_size=1, max_size=4), max_size=3).map(tuple)


def holds_none(run: Run) -> bool:
    return not any(text.casefold() in run.text.casefold() for text in run.settings.banned_texts)


# --- no text has one


def plain(made: Settings, script: object = letters) -> tuple[list[int], list[frozenset[int]], bool]:
    """The same by definition: the whole text anew after every token, the whole chain anew in every place."""
    tokens: list[int] = []
    removed: list[frozenset[int]] = [frozenset()]
    prompt = tuple(PROMPT.encode())
    while len(tokens) < made.max_tokens:
        chain = Chain.from_settings(made, seed=made.seed, n_vocab=N_VOCAB, texts=MODEL.tokenizer)
        chain.accept_prompt(prompt)
        for place, token in enumerate(tokens):
            chain.remove(removed[place])
            chain.choose(letters((*prompt, *tokens[:place])))
            chain.accept(token)
        chain.remove(removed[-1])
        try:
            token = chain.choose(letters((*prompt, *tokens))).pick.token
        except DeadEndError:
            return tokens, removed, True
        tokens.append(token)
        removed.append(frozenset())
        if token == ByteTokenizer.end:
            break
        begins = [begin for text in made.banned_texts for begin in _begin(bytes(tokens).decode(), text)]
        if begins:
            place = min(begins)
            gone = tokens[place]
            del tokens[place:], removed[place + 1 :]
            removed[place] |= {gone}
    return tokens, removed, False


def _begin(text: str, banned: str) -> Iterator[int]:
    """Where in a text of one-byte letters a banned text begins."""
    if text.casefold().endswith(banned.casefold()):
        yield len(text) - len(banned.casefold())


@settings(max_examples=25, deadline=None)
@given(BANNED, settings_strategy(**FIXED, banned_texts=(), guidance_scale=1.0), st.integers(0, 99))
def test_it_is_what_going_back_by_hand_gives(banned: tuple[str, ...], made: Settings, seed: int) -> None:
    made = made.replace(banned_texts=banned, seed=seed, max_tokens=8)
    run = MODEL.run(PROMPT, made)
    tokens, removed, dead = plain(made)
    assert list(run.tokens) == tokens
    assert [step.removed for step in run.steps] == removed[: len(tokens)]
    assert (run.stop_reason == "dead_end") == dead


WAYS = [
    {"temperature": 1.2},
    {"temperature": 0},
    {"mirostat_mode": 2},
    {"adaptive_target": 0.4},
    {"xtc_probability": 0.6, "xtc_threshold": 0.05},
    {"no_repeat_ngram_size": 2, "repeat_penalty": 1.5},
    {"dry_multiplier": 1, "top_k": 2, "stop": ["b ", "aab"]},
]


@settings(max_examples=200, deadline=None)
@given(BANNED, st.sampled_from(WAYS), st.integers(0, 99))
def test_no_text_has_one_and_steps_are_verified(banned: tuple[str, ...], way: dict[str, object], seed: int) -> None:
    run = MODEL.run(PROMPT, banned_texts=banned, seed=seed, max_tokens=16, **way)
    assert holds_none(run)
    again = verify(MODEL, run)
    assert again.same
    assert [step.taken_back for step in again.again.steps[: len(run.steps)]] == [s.taken_back for s in run.steps]
    for step in run.steps:
        assert step.id not in step.removed
        for gone in step.taken_back:
            assert gone.banned.casefold() in gone.piece.decode().casefold()
            assert gone.piece == b"".join(map(MODEL.tokenizer.piece, gone.tokens))


@settings(max_examples=15, deadline=None)
@given(settings_strategy(**FIXED), st.integers(0, 9))
def test_an_empty_list_changes_no_bit(made: Settings, seed: int) -> None:
    free = made.replace(banned_texts=(), seed=seed)
    model = world()
    run = model.run(PROMPT, free)
    unheard = model.run(PROMPT, free.replace(banned_texts=("a text that no eight bytes can be",)))
    assert run.steps == unheard.steps
    assert "taken_back" not in run.to_json()
    assert all(stage.name != "banned_texts" for stage in model.replayer.chain(run).stages)


def test_the_roll_is_the_same_and_only_the_token_is_gone() -> None:
    free = MODEL.run(PROMPT, seed=1, max_tokens=9, ignore_eos=True, **{**GREEDY, "temperature": 1})
    banned = free.text[3:6]
    run = MODEL.run(PROMPT, free.settings, banned_texts=[banned])
    first = min(index for index, step in enumerate(run.steps) if step.taken_back)
    assert run.tokens[:first] == free.tokens[:first]
    assert run.steps[first].u == free.steps[first].u
    assert run.steps[first].n_candidates == free.steps[first].n_candidates - len(run.steps[first].removed)
    assert holds_none(run)


# --- texts that begin and end anywhere


def test_a_text_that_begins_inside_a_token_takes_that_token_back() -> None:
    tokenizer = ByteTokenizer(["とても美しい", "しい", "ものです", "花"])
    model = ScriptedModel(saying("これはとても美しいものです", tokenizer), tokenizer)
    run = model.run("x", banned_texts=["美しいもの"], max_tokens=60, **GREEDY)
    taken = [gone for step in run.steps for gone in step.taken_back]
    assert taken[0].piece.decode() == "とても美しいものです"
    assert taken[0].banned == "美しいもの"
    assert "美しいもの" not in run.text


def test_a_character_that_is_split_belongs_to_the_token_of_its_first_byte() -> None:
    word = "も".encode()
    tokenizer = ByteTokenizer([word[:2], word[2:] + "の".encode()])
    model = ScriptedModel(saying("xもの", tokenizer), tokenizer)
    steps = list(model.stream("p", banned_texts=["もの"], max_tokens=20, **GREEDY))
    place = next(index for index, step in enumerate(steps) if step.taken_back)
    assert steps[place].taken_back[0].piece == "もの".encode()
    assert place == 1
    assert "もの" not in "".join(step.text for step in steps)


@given(st.lists(st.text("aAßİ あ", max_size=3), max_size=6), BANNED)
def test_what_is_found_is_what_folding_the_whole_finds(parts: list[str], banned: tuple[str, ...]) -> None:
    reader, text = BannedTexts(banned), ""
    for place, part in enumerate(parts):
        found = reader.read(place, part, open_=False)
        for at in range(1, len(part) + 1):
            before = (text + part[:at]).casefold()
            ended = [one for one in banned if one.casefold() in before]
            if ended:
                break
        else:
            ended = []
        text += part
        assert (found is not None) == bool(ended)
        if found is not None:
            assert found.place <= place
            assert found.text in banned
            return


def test_upper_and_lower_case_are_alike() -> None:
    run = ScriptedModel(saying("A TESTAMENT to")).run("x", banned_texts=["a testament"], max_tokens=30, **GREEDY)
    assert "a testament" not in run.text.casefold()
    assert run.steps[0].taken_back[0].piece == b"A TESTAMENT"


# --- how it ends


def test_where_nothing_is_left_it_is_a_dead_end() -> None:
    only = np.full(N_VOCAB, -np.inf, np.float32)
    only[ord("a")] = 0
    run = ScriptedModel(lambda _: only).run("x", banned_texts=["aa"], max_tokens=9, **GREEDY)
    assert (run.text, run.stop_reason) == ("", "dead_end")
    run = ScriptedModel(lambda t: only if t[-1:] != (ord("x"),) else letters(t)).run(
        "x", banned_texts=["aaa"], max_tokens=9, logit_bias={ord("b"): 50}, **GREEDY
    )
    assert holds_none(run)
    assert verify(MODEL.__class__(lambda t: only if t[-1:] != (ord("x"),) else letters(t)), run).same


def test_an_end_makes_what_was_only_begun_final() -> None:
    run = ScriptedModel(saying("so a test")).run("x", banned_texts=["a testament"], max_tokens=50, **GREEDY)
    assert (run.text, run.stop_reason) == ("so a test", "eog")
    run = ScriptedModel(saying("so a testament")).run("x", banned_texts=["a testament"], max_tokens=9, **GREEDY)
    assert (run.text, run.stop_reason) == ("so a test", "length")


@pytest.mark.parametrize(("stop", "text"), [("b", "a"), ("ab", ""), ("bc", None), ("c", None)])
def test_of_a_stop_string_and_a_banned_text_the_first_that_is_complete_counts(stop: str, text: str | None) -> None:
    run = ScriptedModel(saying("abc")).run("x", banned_texts=["ab"], stop=[stop], max_tokens=5, **GREEDY)
    assert any(step.taken_back for step in run.steps) == (text is None)
    if text is not None:
        assert (run.text, run.stop_reason) == (text, "stop")


# --- streams, cancelling, going on


@settings(max_examples=40, deadline=None)
@given(BANNED, st.integers(0, 99))
def test_streams_never_show_what_is_taken_back(banned: tuple[str, ...], seed: int) -> None:
    stream = MODEL.stream(PROMPT, banned_texts=banned, seed=seed, max_tokens=30)
    shown = list(stream)
    assert tuple(shown) == stream.run.steps


def test_what_a_cancelled_run_has_is_the_beginning_of_the_whole() -> None:
    made = Settings(banned_texts=("ab", "ba a"), seed=3, max_tokens=40)
    whole = MODEL.run(PROMPT, made)
    for count in (1, 5, 11):
        part = restore(MODEL, whole.receipt, whole.tokens[:count])
        assert part.steps == whole.steps[:count]
        assert verify(MODEL, part).same
        assert MODEL.run(part.receipt.to_prompt(), made).steps == whole.steps


def test_a_beginning_that_is_given_stays() -> None:
    given_ = Prompt(PROMPT, tuple(PROMPT.encode()), begun=tuple(b"ab a"))
    run = MODEL.run(given_, banned_texts=["ab", " ab"], seed=0, max_tokens=30)
    assert run.text.startswith("ab a")
    assert all(not step.taken_back for step in run.steps[:4])
    assert "ab" not in run.text[3:].casefold()
    assert verify(MODEL, run).same


def test_going_on_takes_nothing_back_that_was_there() -> None:
    part = ScriptedModel(saying("so a testament")).run("x", banned_texts=["a testament"], max_tokens=9, **GREEDY)
    model = ScriptedModel(saying("so a testament"))
    whole = go_on(model, part, max_tokens=20).run
    assert whole.text.startswith("so a test")
    assert holds_none(whole)


# --- ledgers, why not, audit, divergence


@settings(max_examples=12, deadline=None)
@given(
    BANNED.filter(bool),
    settings_strategy(**FIXED, banned_texts=(), guidance_scale=1.0),
    st.integers(0, 9),
)
def test_ledgers_are_computed_again_and_show_what_was_removed(
    banned: tuple[str, ...], made: Settings, seed: int
) -> None:
    run = MODEL.run(PROMPT, made.replace(banned_texts=banned, seed=seed, max_tokens=10), ledger=True)
    again = replace(run, ledgers=()).replay()
    for kept, found, step in zip(run.ledgers, again, run.steps, strict=True):
        assert [one.name for one in kept.records] == [one.name for one in found.records]
        for one, other in zip(kept.records, found.records, strict=True):
            np.testing.assert_array_equal(one.ids, other.ids)
            np.testing.assert_array_equal(one.logits, other.logits)
        for token in step.removed:
            assert kept.cut_at(token) == "banned_texts"
    for name in {one.knob for one in audit(run).knobs}:
        assert name in made.changed() or name in ("banned_texts", *Settings().to_dict())


def taken_back_run() -> Run:
    model = ScriptedModel(saying("so a testament to"))
    return model.run("x", banned_texts=["a testament"], max_tokens=30, **GREEDY)


def test_why_not_says_which_text_it_began() -> None:
    run = taken_back_run()
    found = why_not(run, 3, ord("a"))
    assert (found.fate, found.stage) == ("cut", "banned_texts")
    assert found.taken_back == TakenBack("a testament", tuple(b"a testament"), b"a testament")
    assert found.without is not None
    assert found.without.chosen
    assert "禁止する文章「a testament」" in found.ja
    assert "The banned text “a testament” began with it: 11 tokens" in found.en


def test_an_audit_counts_where_it_decided() -> None:
    run = taken_back_run()
    (found,) = [one for one in audit(run).knobs if one.knob == "banned_texts"]
    places = [index for index, step in enumerate(run.steps) if step.taken_back]
    assert (found.changed, found.decided, found.first_decided) == (len(places), len(places), places[0])
    assert found.instead == ord("a")


def test_runs_part_where_one_took_something_back() -> None:
    run = taken_back_run()
    model = ScriptedModel(saying("so a testament to"))
    free = model.run("x", run.settings.replace(banned_texts=()))
    found = divergence(free, run)
    assert (found.step, found.stage, [one.name for one in found.changes]) == (3, "banned_texts", ["banned_texts"])
    assert "took it back" in found.en
    back = divergence(run, free)
    assert [one.name for one in back.changes] == ["banned_texts"]


@settings(max_examples=30, deadline=None)
@given(BANNED.filter(bool), st.sampled_from([0.5, 1.0, 1.5]), st.sampled_from([0.7, 1.2]), st.integers(0, 30))
def test_every_parting_of_such_runs_has_a_cause(banned: tuple[str, ...], one: float, other: float, seed: int) -> None:
    base = {"banned_texts": banned, "seed": seed, "max_tokens": 12}
    a, b = (MODEL.run(PROMPT, temperature=value, **base) for value in (one, other))
    found = divergence(a, b)
    if found.kind == "parted":
        assert found.changes
        assert found.back is not None
        assert found.back.token == a.tokens[found.step or 0]


# --- files


def test_a_file_keeps_what_was_taken_back() -> None:
    run = taken_back_run()
    assert any(step.taken_back for step in run.steps)
    assert Run.from_json(run.to_json()) == run
    with pytest.raises(RunFileError):
        Run.from_json(run.to_json().replace('"taken_back": [{', '"taken_back": [{"x": 1, '))


def test_marks_are_no_text() -> None:
    reply: Sequence[int] = [*b"a", ByteTokenizer.begin, *b"b"]
    run = ScriptedModel(saying(reply)).run("x", banned_texts=["ab"], max_tokens=3, **GREEDY)
    assert "ab" not in run.text
    assert run.steps[0].taken_back[0].tokens == tuple(reply)
    assert all(before.id or after.id for before, after in pairwise(run.steps))


def test_a_thousand_tries_in_one_place_are_enough() -> None:
    tokenizer = ByteTokenizer([f"a{number}" for number in range(1200)])
    model = ScriptedModel(lambda _: np.arange(tokenizer.n_tokens, dtype=np.float32), tokenizer)
    run = model.run("x", banned_texts=["a"], max_tokens=3, **GREEDY)
    assert (run.text, run.stop_reason) == ("", "dead_end")
