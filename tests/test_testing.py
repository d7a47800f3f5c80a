"""The public fakes keep what they promise, so that tests which stand on them stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.engine import Feed, Program, Rows, Sequence
from tsumami.errors import EngineError
from tsumami.runs.backend import Backend
from tsumami.testing import ByteTokenizer, ScriptedListener, ScriptedModel, SilentSpeaker, saying


def test_the_scripted_model_fits_the_seam() -> None:
    backend: Backend = ScriptedModel(saying("x"))
    for name in ("engine", "tokenizer", "vocab", "n_ctx", "model_card", "engine_card", "replayer"):
        assert hasattr(backend, name)
    assert backend.engine.n_vocab == backend.tokenizer.n_tokens == 258


@given(st.text(max_size=20), st.lists(st.text(min_size=1, max_size=3) | st.binary(min_size=1, max_size=3), max_size=4))
def test_the_tokenizer_gives_every_text_back(text: str, words: list[str | bytes]) -> None:
    made = ByteTokenizer(words)
    tokens = made.tokenize(text.encode("utf-8", "surrogatepass"))
    assert b"".join(map(made.piece, tokens)).decode("utf-8", "surrogatepass") == text
    assert all(0 <= token < made.n_tokens for token in tokens)


def test_the_tokenizer_takes_the_longest_word_and_reads_marks_when_asked() -> None:
    made = ByteTokenizer(["は", "はい"])
    assert made.tokenize("はいは".encode()) == [259, 258]
    assert made.tokenize(b"<|end|>", parse_special=True) == [made.end]
    assert len(made.tokenize(b"<|end|>")) == 7
    assert made.tokenize(b"a", add_special=True) == [made.begin, 97]
    assert [made.is_eog(t) for t in (made.end, made.begin, 97)] == [True, False, False]
    assert [made.is_control(t) for t in (made.end, made.begin, 97)] == [True, True, False]


@pytest.mark.parametrize("reply", ["はい。", "aab", "abab", ""])
def test_a_reply_is_said_from_its_beginning_to_its_end(reply: str) -> None:
    run = ScriptedModel(saying(reply)).run("何か言って", temperature=0, repeat_penalty=1)
    assert (run.text, run.stop_reason) == (reply, "eog")


def feed(model: ScriptedModel, *feeds: Feed) -> list[Rows]:
    def program() -> Program[list[Rows]]:
        return (yield list(feeds))

    return model.engine.run(program())


def test_the_engine_gives_the_rows_that_a_feed_asks_for() -> None:
    model = ScriptedModel(lambda tokens: np.full(258, len(tokens)), hidden=lambda tokens: [len(tokens), 0])
    sequence = Sequence()
    (rows,) = feed(model, Feed(sequence, (1, 2, 3), rows="all", hidden=True))
    assert rows.logits[:, 0].tolist() == [1, 2, 3]
    assert rows.hidden is not None
    assert rows.hidden[:, 0].tolist() == [1, 2, 3]
    last, none = feed(model, Feed(sequence.fork(), (4,)), Feed(sequence, (9,), rows="none"))
    assert (last.logits.shape, last.hidden, none.logits.shape) == ((1, 258), None, (0, 258))
    assert last.logits.dtype == np.float32
    assert sequence.tokens == (1, 2, 3, 9)
    assert (model.engine.fed, model.engine.open) == (3, 0)


def test_a_closed_sequence_cannot_be_fed() -> None:
    model, sequence = ScriptedModel(saying("x")), Sequence()
    sequence.close()
    with pytest.raises(EngineError, match="closed"):
        feed(model, Feed(sequence, (1,)))


def test_a_script_that_fails_leaves_the_sequence_as_it_was() -> None:
    def script(tokens: tuple[int, ...]) -> list[float]:
        if len(tokens) > 2:
            raise ValueError("no more")
        return [0.0] * 258

    model, sequence = ScriptedModel(script), Sequence()
    feed(model, Feed(sequence, (1, 2)))
    with pytest.raises(ValueError, match="no more"):
        feed(model, Feed(sequence, (3,)))
    assert (sequence.tokens, sequence.under_way) == ((1, 2), False)


def test_silent_speech_comes_along() -> None:
    assert SilentSpeaker().speak("はい").seconds > 0
    assert ScriptedListener(["はい"]).listen(SilentSpeaker().speak("x")).text == "はい"
