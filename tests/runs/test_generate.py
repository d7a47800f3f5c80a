"""The loop from a prompt to a run, on a scripted model: why it stops, what it shows, and that it lets go."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from tsumami.errors import EmptyPromptError, EngineClosedError, PromptError, PromptTooLongError, SettingsError
from tsumami.runs import Prompt, Run, Step
from tsumami.runs.values import STOP_REASONS
from tsumami.sampling import rolls
from tsumami.sampling.candidates import softmax
from tsumami.testing import ByteTokenizer, Script, ScriptedModel, saying

POEM = "発光ダイオードよ、夜を照らす。👩\u200d👩\u200d👧も見ている。"
GREEDY = {"temperature": 0.0, "repeat_penalty": 1.0}


def random_rows(size: int = 258) -> Script:
    """Logits that look like a model's: other ones after every history, and always the same ones after the same."""

    def script(tokens: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng(tokens).normal(0, 3, size).astype(np.float32)

    return script


def says(reply: str | bytes | list[int], *, n_ctx: int = 512) -> ScriptedModel:
    return ScriptedModel(saying(reply), n_ctx=n_ctx)


# --- why it stops


def test_an_end_token_ends_and_is_not_shown() -> None:
    run = says(POEM).run("詩を", **GREEDY)
    assert (run.text, run.stop_reason, run.stop_string) == (POEM, "eog", None)
    assert run.tokens == (*POEM.encode(), ByteTokenizer.end)
    assert run.steps[-1].piece == b"<|end|>"


def test_max_tokens_ends() -> None:
    run = says("abcdef").run("x", max_tokens=4, **GREEDY)
    assert (run.text, run.stop_reason) == ("abcd", "length")
    assert run.timings.generated == len(run.steps) == 4


def test_max_tokens_within_a_character_shows_that_it_is_incomplete() -> None:
    run = says("あ").run("x", max_tokens=2, **GREEDY)
    assert (run.text, run.stop_reason) == ("\ufffd", "length")


@pytest.mark.parametrize("max_tokens", [0, 100])
def test_the_context_ends_when_it_is_full(max_tokens: int) -> None:
    run = says("a" * 99, n_ctx=16).run("12345", max_tokens=max_tokens, **GREEDY)
    assert (len(run.steps), run.stop_reason) == (11, "context")


def test_max_tokens_that_just_fit_are_a_length() -> None:
    assert says("a" * 99, n_ctx=16).run("12345", max_tokens=11, **GREEDY).stop_reason == "length"


def test_one_token_fits_after_the_longest_prompt() -> None:
    run = says("ab", n_ctx=16).run("1" * 15, max_tokens=0, **GREEDY)
    assert (run.text, run.stop_reason) == ("a", "context")


def test_an_end_token_at_the_limit_is_the_models_end() -> None:
    assert says("ab").run("x", max_tokens=3, **GREEDY).stop_reason == "eog"


@pytest.mark.parametrize(
    ("stops", "text", "found"),
    [
        (("ダイオード",), "発光", "ダイオード"),
        (("。",), "発光ダイオードよ、夜を照らす", "。"),
        (("オード", "イオードよ"), "発光ダイ", "オード"),
        (("夜", "、夜"), "発光ダイオードよ", "、夜"),
        (("発",), "", "発"),
        (("\u200d👧も",), "発光ダイオードよ、夜を照らす。👩\u200d👩", "\u200d👧も"),
    ],
)
def test_a_stop_string_ends_across_tokens_and_is_not_shown(stops: tuple[str, ...], text: str, found: str) -> None:
    run = says(POEM).run("x", stop=stops, **GREEDY)
    assert (run.text, run.stop_reason, run.stop_string) == (text, "stop", found)
    assert bytes(run.tokens).decode().endswith(found)


def test_a_stop_string_inside_one_token_cuts_the_token() -> None:
    tokenizer = ByteTokenizer(["はい。では"])
    model = ScriptedModel(saying("ええはい。ではまた", tokenizer), tokenizer)
    run = model.run("x", stop=["。"], **GREEDY)
    assert (run.text, run.stop_reason) == ("ええはい", "stop")
    assert run.steps[-1].piece.decode() == "はい。では"


def test_a_stop_string_that_was_only_begun_is_shown_at_the_end() -> None:
    run = says("そうです。で").run("x", stop=["。では"], **GREEDY)
    assert (run.text, run.stop_reason) == ("そうです。で", "eog")


def test_forbidding_every_token_is_a_dead_end_with_what_there_was() -> None:
    good = saying("ab")

    def script(tokens: tuple[int, ...]) -> np.ndarray:
        return np.full(258, -np.inf, np.float32) if tokens[-1:] == (ord("b"),) else np.asarray(good(tokens))

    run = ScriptedModel(script).run("x", ledger=True, stop=["bc"], **GREEDY)
    assert (run.text, run.stop_reason, len(run.ledgers)) == ("ab", "dead_end", 2)


def test_a_bias_against_every_token_is_a_dead_end_without_tokens() -> None:
    run = says("ab").run("x", logit_bias={token: float("-inf") for token in range(258)})
    assert (run.text, run.steps, run.stop_reason) == ("", (), "dead_end")


def test_every_stop_reason_is_explained_in_both_languages() -> None:
    assert set(STOP_REASONS) == {"eog", "stop", "length", "context", "cancelled", "dead_end", "lost"}
    assert all(ja and en for ja, en in STOP_REASONS.values())


# --- what it shows


def test_control_tokens_are_steps_but_no_text() -> None:
    reply = [*b"a", ByteTokenizer.begin, *b"b"]
    run = says(reply).run("x", **GREEDY)
    assert (run.text, run.tokens[:3]) == ("ab", tuple(reply))
    assert [step.text for step in run.steps[:3]] == ["a", "", "b"]


def test_characters_come_whole_with_their_last_byte() -> None:
    texts = [step.text for step in says("aあ👧").stream("x", **GREEDY)]
    assert texts == ["a", "", "", "あ", "", "", "", "👧", ""]


def test_streamed_steps_are_the_runs_steps() -> None:
    stream = ScriptedModel(random_rows()).stream("x", max_tokens=40, seed=3)
    steps = list(stream)
    assert tuple(steps) == stream.run.steps
    assert "".join(step.text for step in steps) == stream.run.text


def test_a_step_says_what_the_row_says() -> None:
    script = random_rows()
    run = ScriptedModel(script).run("はじめ", seed=5, max_tokens=30, repeat_penalty=1.0, top_k=0, top_p=1, min_p=0)
    history = run.receipt.prompt_tokens
    for index, step in enumerate(run.steps):
        row = np.asarray(script(history))
        probs, warm = softmax(row), softmax(row / np.float32(0.8))
        order = np.argsort(-row)
        assert step.p_raw == pytest.approx(probs[step.id])
        assert step.p_final == pytest.approx(warm[step.id], rel=1e-4)
        assert step.entropy == pytest.approx(-(probs * np.log2(probs)).sum(), rel=1e-4)
        assert step.rank == 1 + list(order).index(step.id)
        assert step.u == rolls(5, 30)[index]
        assert step.n_candidates == 258
        assert [other.id for other in step.alternatives] == list(order[:10])
        assert [other.p_raw for other in step.alternatives] == pytest.approx(probs[order[:10]])
        assert [other.p_final for other in step.alternatives] == pytest.approx(warm[order[:10]], rel=1e-4)
        assert all(other.piece == ByteTokenizer().piece(other.id) for other in step.alternatives)
        history = (*history, step.id)


def test_cut_tokens_have_no_final_probability_and_are_not_counted() -> None:
    run = ScriptedModel(random_rows()).run("x", seed=5, max_tokens=20, top_k=3, logit_bias={65: float("-inf")})
    for step in run.steps:
        assert 1 <= step.n_candidates <= 3
        assert sum(other.p_final > 0 for other in step.alternatives) <= 3
        assert step.p_final > 0
    banned = ScriptedModel(random_rows()).run("x", max_tokens=1, temperature=0, logit_bias={65: float("-inf")})
    assert banned.steps[0].n_candidates == 257


def test_a_vocabulary_of_few_tokens_has_few_alternatives() -> None:
    class Coin(ByteTokenizer):
        @property
        def n_tokens(self) -> int:
            return 3

    run = ScriptedModel(lambda tokens: [0.0, 1.0, 2.0], Coin()).run(Prompt("", (0,)), max_tokens=5, seed=1)
    assert [len(step.alternatives) for step in run.steps] == [3] * 5


# --- seeds and receipts


def test_a_random_seed_is_shown_and_gives_the_same_again() -> None:
    model = ScriptedModel(random_rows())
    run = model.run("x", max_tokens=30)
    assert run.settings.seed == -1
    assert run.receipt.seed >= 0
    again = model.run("x", max_tokens=30, seed=run.receipt.seed)
    assert again.steps == run.steps


def test_random_seeds_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([4, 5])
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn))
    model = ScriptedModel(random_rows())
    first, second = (model.run("x", max_tokens=30) for _ in range(2))
    assert (first.receipt.seed, second.receipt.seed) == (4, 5)
    assert first.tokens != second.tokens


def test_the_largest_seed_works() -> None:
    assert ScriptedModel(random_rows()).run("x", seed=2**32 - 2, max_tokens=3).receipt.seed == 2**32 - 2


# --- prompts that cannot be used


def test_an_empty_prompt_says_so() -> None:
    with pytest.raises(EmptyPromptError, match="at least one token"):
        says("a").run("")


def test_a_long_prompt_says_how_many_tokens_it_has_and_how_many_fit() -> None:
    model = says("a", n_ctx=16)
    with pytest.raises(PromptTooLongError, match=r"16 tokens; 15 fit into a context of 16"):
        model.run("1" * 16)
    assert model.engine.open == model.engine.fed == 0


@pytest.mark.parametrize("token", [-1, 258, 2**40])
def test_a_token_outside_the_vocabulary_is_named_and_never_fed(token: int) -> None:
    model = says("a")
    with pytest.raises(PromptError, match=rf"token 1 of the prompt has id {token}; this vocabulary has 0\.\.257"):
        model.run(Prompt("x", (1, token)))
    assert model.engine.fed == 0


def test_settings_that_this_model_cannot_follow_are_refused_before_anything_runs() -> None:
    model = says("a")
    with pytest.raises(SettingsError, match="vocabulary"):
        model.run("x", grammar='root ::= "a"')
    with pytest.raises(SettingsError, match="token 300"):
        model.run("x", logit_bias={300: 1.0})
    assert model.engine.fed == 0


# --- streams


class Pause(threading.Event):
    """Set by a test when the model may go on; `reached` by the model when it waits for that."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()


@contextlib.contextmanager
def paused(after: int) -> Iterator[tuple[ScriptedModel, Pause]]:
    """A model that says `aaaa…` and waits for the event after so many tokens."""
    go = Pause()

    def script(tokens: tuple[int, ...]) -> np.ndarray:
        if len(tokens) == 1 + after:
            go.reached.set()
            assert go.wait(10)
        row = np.zeros(258, np.float32)
        row[97] = 20
        return row

    try:
        yield ScriptedModel(script), go
    finally:
        go.set()


def test_a_step_comes_before_the_next_token_is_computed() -> None:
    with paused(after=3) as (model, go), model.stream("x", max_tokens=5, **GREEDY) as stream:
        steps = iter(stream)
        assert [next(steps).text for _ in range(3)] == ["a", "a", "a"]
        go.set()
        assert [step.text for step in steps] == ["a", "a"]


def test_cancelling_keeps_what_there_was_and_frees_the_engine() -> None:
    with paused(after=3) as (model, go):
        stream = model.stream("x", max_tokens=0, ledger=True, **GREEDY)
        steps = iter(stream)
        seen = [next(steps) for _ in range(3)]
        stream.cancel()
        go.set()
        run = stream.run
        # the batch that was under way when it was cancelled still gives its token
        assert (run.stop_reason, run.text, run.steps[:3]) == ("cancelled", "aaaa", tuple(seen))
        assert len(run.ledgers) == 4
        assert list(steps) == [run.steps[3]]
        assert model.engine.open == 0


def test_text_that_was_held_back_is_in_a_cancelled_run() -> None:
    with paused(after=2) as (model, go):
        stream = model.stream("x", max_tokens=0, stop=["aaaa"], **GREEDY)
        steps = iter(stream)
        assert [next(steps).text for _ in range(2)] == ["", ""]
        assert go.reached.wait(10)
        stream.cancel()
        go.set()
        assert (stream.run.text, stream.run.stop_reason) == ("aaa", "cancelled")


def test_breaking_off_an_iteration_cancels() -> None:
    with paused(after=2) as (model, go):
        stream = model.stream("x", max_tokens=0, **GREEDY)
        for step in stream:
            assert step.text == "a"
            break
        go.set()
        assert stream.run.stop_reason == "cancelled"
        assert model.engine.open == 0


def test_leaving_a_with_block_cancels() -> None:
    with paused(after=2) as (model, go):
        with model.stream("x", max_tokens=0, **GREEDY) as stream:
            pass
        go.set()
        assert stream.run.stop_reason == "cancelled"
        assert len(stream.run.steps) <= 3  # at most the token of the batch that was under way


def test_cancelling_after_the_end_changes_nothing() -> None:
    stream = says("ab").stream("x", **GREEDY)
    run = stream.run
    stream.cancel()
    assert stream.run is run
    assert run.stop_reason == "eog"


def test_each_step_comes_once_and_a_second_iteration_ends() -> None:
    stream = says("ab").stream("x", **GREEDY)
    assert len(list(stream)) == 3
    assert list(stream) == []
    assert stream.run.text == "ab"


def test_an_error_of_the_engine_reaches_whoever_iterates_or_waits() -> None:
    def script(tokens: tuple[int, ...]) -> np.ndarray:
        if len(tokens) > 2:
            raise MemoryError("no more")
        return np.asarray(saying("abc")(tokens))

    stream = ScriptedModel(script).stream("x", **GREEDY)
    got: list[Step] = []
    with pytest.raises(MemoryError, match="no more"):
        got.extend(stream)
    with pytest.raises(MemoryError, match="no more"):
        list(stream)
    with pytest.raises(MemoryError, match="no more"):
        _ = stream.run


def test_closing_the_model_ends_what_runs_with_its_own_error() -> None:
    with paused(after=2) as (model, go):
        stream = model.stream("x", max_tokens=0, **GREEDY)
        model.close()
        go.set()
        with pytest.raises(EngineClosedError):
            _ = stream.run
        with pytest.raises(EngineClosedError, match="closed"):
            model.run("x")


# --- ledgers


def test_ledgers_are_kept_when_asked_for_and_computed_when_not() -> None:
    model = ScriptedModel(random_rows())
    kept = model.run("x", seed=1, max_tokens=12, ledger=True)
    fed = model.engine.fed
    assert [kept.ledger(i).token for i in range(-12, 0)] == list(kept.tokens)
    assert model.engine.fed == fed
    bare = model.run("x", seed=1, max_tokens=12)
    assert (bare.ledgers, bare.steps) == ((), kept.steps)
    assert bare.ledger(-1).token == kept.tokens[-1]


def test_an_index_outside_the_run_is_an_index_error() -> None:
    run = says("ab").run("x", **GREEDY)
    for index in (3, -4):
        with pytest.raises(IndexError, match="of a run of 3"):
            run.ledger(index)


def test_many_runs_at_once_are_each_as_if_alone() -> None:
    model = ScriptedModel(random_rows())
    alone = [ScriptedModel(random_rows()).run(f"{i}", seed=i, max_tokens=20) for i in range(8)]
    streams = [model.stream(f"{i}", seed=i, max_tokens=20) for i in range(8)]
    together: list[Run] = [stream.run for stream in streams]
    assert [run.steps for run in together] == [run.steps for run in alone]
