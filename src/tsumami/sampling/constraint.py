"""The constraint stage: of the candidates, those with which the reply can still become what it has to be.

Guarantee: the allowed tokens are exactly those after which some ending makes the reply match, and an end token is one
of them where the reply matches as it stands. A control token never counts as the text of its name. Each token costs
some tens of microseconds, whatever the grammar; what would cost more than llguidance's limits is an error of its run.

The words `grammar`, `json_schema` and `regex` are three ways to write one stage, `grammar`. Source: llguidance's
`LLMatcher` (an Earley parser over a lexer of derivatives of regular expressions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from tsumami import constraints, native
from tsumami.constraints.llg import deep
from tsumami.errors import GrammarError
from tsumami.knobs import CONSTRAINTS
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.per_vocabulary import PerVocabulary
from tsumami.settings import Settings

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

__all__ = ["ConstraintStage", "constraint_of", "constraint_stage"]

#: Earley items of one mask. About 20,000 take a millisecond; a class of characters that allows a whole vocabulary, with
#: something behind it, takes some hundred thousand.
_MOST_ITEMS: Final = 150_000
#: Characters of llguidance's own form from which on a grammar has so many rules that each item takes longer; then fewer
#: make up the tenth of a second that a mask may take at most.
_LARGE: Final = 40_000


class ConstraintStage:
    """Takes out every candidate with which the reply cannot match any more.

    A candidate that goes gets -inf and is taken out, so that what stands behind it never sees a probability of 0.
    """

    name = "grammar"

    def __init__(self, matcher: LLMatcher, n_vocab: int, allowed: npt.NDArray[np.bool_] | None = None) -> None:
        self.idle: str | None = None
        self._matcher, self._n_vocab = matcher, n_vocab
        self._allowed = allowed

    def apply(self, candidates: Candidates) -> None:
        self.change(candidates)

    def change(self, candidates: Candidates) -> None:
        """Of these candidates, whichever of the vocabulary they are, take out those that may not come."""
        data = candidates.data
        stays = self.allowed.take(data["id"])
        stays &= data["logit"] > -np.inf
        if stays.all():
            return
        if stays.any():
            candidates.keep(stays, is_sorted=candidates.sorted)
        else:
            data["logit"] = -np.inf

    def accept(self, token: int) -> None:
        self._allowed = None
        if not self._matcher.is_stopped() and not self._matcher.consume_token(token):
            self._allowed = np.zeros(self._n_vocab, np.bool_)  # it did not fit, so nothing can follow

    def clone(self) -> ConstraintStage:
        return ConstraintStage(self._matcher.deep_copy(), self._n_vocab, self._allowed)

    @property
    def complete(self) -> bool:
        """Whether the reply matches as it stands."""
        return bool(self._matcher.is_accepting())

    @property
    def allowed(self) -> npt.NDArray[np.bool_]:
        """Which tokens may come, shape (n_vocab,)."""
        if self._allowed is None:
            bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
            self._allowed = np.unpackbits(bits, count=self._n_vocab, bitorder="little").view(np.bool_)
            if self._matcher.is_error():
                if not self._matcher.get_error().startswith("NoExtension"):  # which is: nothing can come
                    raise GrammarError(
                        f"the grammar is too much to follow: {_first_line(self._matcher.get_error())}"
                    ).in_japanese(f"文法が複雑すぎてたどれません: {_first_line(self._matcher.get_error())}")
                self._allowed = np.zeros(self._n_vocab, np.bool_)
        return self._allowed


def constraint_of(settings: Settings) -> tuple[str, str] | None:
    """The knob that constrains the reply, and its text."""
    found = [(name, text) for name in CONSTRAINTS if (text := getattr(settings, name))]
    return found[0] if found else None


def constraint_stage(vocab: native.Vocab, knob: str, text: str) -> ConstraintStage:
    """The stage of a constraint, at the beginning of a reply.

    Raises:
        GrammarError: it cannot be used with this vocabulary.
    """
    found = _MATCHERS.get(vocab, (knob, text), lambda: _matcher(vocab, knob, text))
    return ConstraintStage(found, vocab.n_tokens)


def _matcher(vocab: native.Vocab, knob: str, text: str) -> LLMatcher:
    from llguidance import LLMatcher, LLParserLimits

    lark = constraints.to_lark(knob, text, lambda name: _token(vocab, name))
    tokenizer = _TOKENIZERS.get(vocab, None, lambda: native.constraint_tokenizer(vocab))
    most = _MOST_ITEMS if knob != "grammar" else max(5_000, int(_MOST_ITEMS * min(1, _LARGE / len(lark)) ** 2))
    limits = LLParserLimits(verbose_errors=False, step_max_items=most)
    matcher = deep(lambda: LLMatcher(tokenizer, lark, log_level=0, limits=limits))
    if matcher.is_error():
        raise GrammarError(f"the grammar cannot be used: {_first_line(matcher.get_error())}").in_japanese(
            f"文法が使えません: {_first_line(matcher.get_error())}"
        )
    return matcher


def _token(vocab: native.Vocab, text: str) -> int:
    ids = vocab.tokenize(text.encode(), add_special=False, parse_special=True)
    if len(ids) != 1:
        raise GrammarError(
            f"{text[:80]} is not one token of this model but {len(ids)}; name one by <[id]>"
        ).in_japanese(
            f"{text[:80]} は、このモデルでは 1 トークンではなく {len(ids)} トークンです。<[id]> で指定してください"
        )
    return int(ids[0])


def _copied(matcher: LLMatcher) -> LLMatcher:
    return matcher.deep_copy()


def _shared(tokenizer: LLTokenizer) -> LLTokenizer:
    return tokenizer


_TOKENIZERS: Final[PerVocabulary[LLTokenizer]] = PerVocabulary(_shared, room=1)
_MATCHERS: Final[PerVocabulary[LLMatcher]] = PerVocabulary(_copied)


def _first_line(said: str) -> str:
    return " ".join(said.split("\n", 1)[0].split())[:200]
