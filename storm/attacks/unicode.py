"""Texts of all of Unicode: as prompts, as messages, as stop texts, as what is to be spoken.

Must hold: a text is refused in words (a lone surrogate, nothing to go on from) or it is kept as it is: its tokens give
the same text again, and a prompt says in its receipt what was asked. (A vocabulary may lack a byte, as SmolLM2's does
those of control characters and of planes that hold no character; what it cannot spell is not held against us.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from hypothesis import strategies as st

from storm import hostile
from storm.judge import LostError
from storm.models import loaded
from storm.options import Options
from tsumami.runs import Run
from tsumami.speech import Sentences, speakable

TITLE: Final = "texts of all of Unicode as prompts, messages, stop texts and speech"
DOOR: Final = "library"


def inputs() -> st.SearchStrategy[tuple[str, str]]:
    """A text, and another to stop at."""
    joined = st.lists(hostile.texts(surrogates=False, most=6), max_size=6).map("".join)
    return st.tuples(st.one_of(hostile.texts(), joined, joined), hostile.texts(most=6))


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:
    """Tokens and back, a reply, a receipt and back, sentences."""
    with loaded(options) as model:
        pieces = (model.tokenizer.piece(token) for token in range(model.tokenizer.n_tokens))
        spelt = {piece[0] for piece in pieces if len(piece) == 1}

        def go(given: tuple[str, str]) -> None:
            text, stop = given
            tokens = model.tokenize(text, add_special=False, parse_special=False)
            if (back := model.detokenize(tokens)) != text and spelt.issuperset(text.encode()):
                raise LostError(f"{text!r} came back from its tokens as {back!r}")
            _speak(text)
            run = model.chat(text[:400], max_tokens=1, seed=0, stop=[stop] if stop else [])
            if text[:400].strip() not in run.receipt.prompt:
                raise LostError(f"{text!r} does not stand in the prompt {run.receipt.prompt!r}")
            if Run.from_json(run.to_json()) != run:
                raise LostError("the run's file is another run")

        yield go


def _speak(text: str) -> None:
    sentences = Sentences()
    for sentence in (*sentences.feed(text), sentences.flush()):
        speakable(sentence)
