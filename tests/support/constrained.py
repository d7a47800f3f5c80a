"""Constraints of any kind: what texts and expressions are drawn from, and their stages.

Properties of them are held against somebody else's reading: Python's `json` and `re`, or `jsonschema`.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tsumami.errors import GrammarError
from tsumami.model import Model
from tsumami.native import Vocab
from tsumami.sampling.constraint import ConstraintStage, constraint_stage
from tsumami.settings import Settings

#: Characters that any of the languages around a constraint means something by, that JSON escapes, or that UTF-16 and
#: UTF-8 write in several parts.
CHARACTERS: Final = st.sampled_from(
    "\\\"/'`$%~*{}[]()<>|^.?+-_#@:,;=!& aAぁ東é\u2028\u3000\ufeff😀𠮷\n\t\r\b\f\x00\x1f\x7f"
)
TEXTS: Final = st.text(CHARACTERS | st.characters(codec="utf-8"), max_size=8)
#: What Python reads as we do.
PARTS: Final = st.sampled_from(
    ["a", "b", "-", "/", '"', r"\"", "'", r"\\", r"\n", r"\t", r"\r", "0", "あ", "😀", ".", r"\d", r"\w", r"\D", r"\W",
     "[ab]", "[^a]", r"[^\"\\]", "[a-c0-9]", r"[\d-]", r"[\w.]", r"[^\n]", r"\.", r"\$", r"\/", r"\^", r"\-", "[あ-ん]",
     r"\x61", r"\u3042", "[^あ]", "(?i:a)", "(a)", "[]a]", "[^]b]"]
)  # fmt: skip
SAID: Final = st.text("ab-/\"'\\\n\t\r0cあ😀んx.$^ A_", max_size=5)


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?", "{2,3}?"])
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.builds("(?:{}){}".format, inner, repeats),
    )


EXPRESSIONS: Final = st.recursive(PARTS, larger, max_leaves=6)


def examples(most: int) -> settings:
    """So many, however they are found."""
    return settings(max_examples=most, suppress_health_check=list(HealthCheck))


def made(vocab: Vocab, knob: str, wish: Any) -> ConstraintStage:
    """The stage of a constraint that settings have taken."""
    settings = Settings.from_mapping({knob: wish})
    return constraint_stage(vocab, knob, getattr(settings, knob))


def has_tokens(vocab: Vocab, text: str) -> bool:
    """Whether the vocabulary can say it: some bytes have no token in it."""
    tokens = vocab.tokenize(text.encode(), add_special=False, parse_special=False)
    return b"".join(map(vocab.piece, tokens)) == text.encode()


def refusal(knob: str, wish: Any) -> str:
    """Why a constraint is refused; nothing if it is not."""
    try:
        Settings.from_mapping({knob: wish})
    except GrammarError as error:
        return str(error)
    return ""


def said(model: Model, knob: str, text: str) -> str:
    """What a short run with it says, or why there is none."""
    try:
        return model.run("x", Settings.from_mapping({knob: text, "max_tokens": 2, "seed": 0})).text
    except GrammarError as error:
        return str(error)
