"""Banned texts: watched for while a reply is written, and taken back.

Guarantee: no reply holds a banned text, whatever its letters' case (both sides folded, `str.casefold`), but for what
lies wholly in a beginning that it was given. As soon as one is complete, the choice goes back to the token in which it
begins, and is made again there, with the same roll, without that token; all else (penalties, grammar, mirostat, XTC's
own rolls) is as it was there. Nobody gets a token to see that may still be taken back, so who cancels keeps what would
have come anyway. Where nothing is left to choose, or after a thousand tries in one place, the run ends, as it
does where a grammar forbids everything.

Source of the idea: https://github.com/sam-paech/antislop-sampler; KoboldCpp has it as "anti-slop".

    BannedTexts   where in a text one may be beginning, and which is complete
    Retracting    a decider that looks ahead until its next token is certain
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from tsumami.engine import Breath, Feed, Rows
from tsumami.errors import DeadEndError
from tsumami.runs.backend import Tokenizer
from tsumami.runs.decision import Decision, Reversible
from tsumami.runs.ending import Ending
from tsumami.runs.stops import stop_strings
from tsumami.runs.values import TakenBack
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.chain import Watch

__all__ = ["BannedTexts", "FoundText", "Retracting"]

_MOST_TRIES: Final = 1000  # in one place; what bans single letters would go through the whole vocabulary


class FoundText(NamedTuple):
    """A banned text that is complete, as it was given, and the place of the token in which it begins."""

    text: str
    place: int


class BannedTexts:
    """Reads a reply token by token. A character belongs to the token that holds its first byte."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._meant: Final = {text.casefold(): text for text in texts}
        self._watch: Final = stop_strings(tuple(self._meant))
        self._state = 0
        self._recent: tuple[tuple[str, int], ...] = ()  # the characters that one may begin with, and their tokens
        self._open: int | None = None

    def read(self, place: int, characters: str, *, open_: bool) -> FoundText | None:
        """The characters that became whole with the token at `place`, and whether its bytes end within one; the first
        banned text that is complete.
        """
        found: FoundText | None = None
        owner = place if self._open is None else self._open
        for character in characters:
            for folded in character.casefold():
                complete = self._next(folded, owner)
                found = found or complete
            owner = place
        if not open_:
            self._open = None
        elif characters or self._open is None:
            self._open = place
        return found

    def _next(self, character: str, place: int) -> FoundText | None:
        self._state = self._watch.after(self._state, character)
        recent = (*self._recent, (character, place))
        self._recent = recent[len(recent) - self._watch.begun(self._state) :]
        length = self._watch.complete(self._state)
        if not length:
            return None
        end = recent[-length:]
        return FoundText(self._meant["".join(letter for letter, _ in end)], end[0][1])

    @property
    def begun(self) -> int | None:
        """The first token in which one may be beginning; None if there is none."""
        return self._recent[0][1] if self._recent else self._open

    def copy(self) -> BannedTexts:
        """An independent one in the same place."""
        return copy.copy(self)


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A token that may still be taken back: its choice, what a watch would have seen of it, and what was before it."""

    decision: Decision
    seen: tuple[tuple[str, str | None, Candidates], ...]
    back: Callable[[], None]
    ending: Ending
    banned: BannedTexts


class Retracting:
    """A decider whose tokens are final. It looks ahead until nothing can take its next token back any more.

    Args:
        inner: chooses.
        ending: of this reply, at its beginning: beyond its end nothing is looked at.
        texts: what is banned.
        led: so many tokens are given, and stay.
    """

    def __init__(
        self, inner: Reversible, ending: Ending, tokenizer: Tokenizer, texts: tuple[str, ...], led: int = 0
    ) -> None:
        self._inner, self._tokenizer, self._led = inner, tokenizer, led
        self._ending, self._banned = ending, BannedTexts(texts)
        self._ahead: deque[_Ahead] = deque()
        self._place = 0  # of the token that is chosen next
        self._taken_back: tuple[TakenBack, ...] = ()  # in that place
        self._last: int | None = None  # a token that is chosen, but not fed
        self._over = False
        self._dead: DeadEndError | None = None
        self._breath = Breath()

    def start(self, tokens: tuple[int, ...]) -> Generator[list[Feed], list[Rows], int]:
        return (yield from self._inner.start(tokens))

    def choose(self, watch: Watch | None) -> Generator[list[Feed], list[Rows], Decision]:
        while not self._is_final() and self._dead is None:
            yield from self._look_ahead(watched=watch is not None)
        if not self._ahead:
            assert self._dead is not None
            raise self._dead
        first = self._ahead.popleft()
        if watch is not None:
            for one in first.seen:
                watch(*one)
        return first.decision

    def advance(self, _token: int) -> Generator[list[Feed], list[Rows], None]:
        yield from ()  # it is fed when somebody looks beyond it

    def close(self) -> None:
        self._inner.close()

    def _is_final(self) -> bool:
        """Whether the first token that was looked at can be handed out."""
        first = self._place - len(self._ahead)
        return bool(self._ahead) and (self._over or first < self._led or first < self._open())

    def _open(self) -> int:
        """The first place that may be gone back to: where a banned text may be beginning; or, once that is gone back
        to, where one may have been beginning then.
        """
        place = limit = self._place
        begun = self._banned.begun
        for one in reversed(self._ahead):
            limit = limit if begun is None else min(limit, begun)
            place -= 1
            if place < limit:
                break
            begun = one.banned.begun
        return limit if begun is None else min(limit, begun)

    def _look_ahead(self, *, watched: bool) -> Generator[list[Feed], list[Rows], None]:
        """Choose one token more; if a banned text is complete with it, go back to where that begins."""
        yield from self._breath.give_way()
        if self._last is not None:
            yield from self._inner.advance(self._last)
            self._breath.taken()
        back = self._inner.mark() if self._place >= self._led else _nowhere
        before = self._ending.copy(), self._banned.copy()
        self._inner.remove(one.tokens[0] for one in self._taken_back)
        seen: list[tuple[str, str | None, Candidates]] = []

        def watch(name: str, idle: str | None, candidates: Candidates) -> None:
            seen.append((name, idle, candidates.copy()))

        try:
            decision = yield from self._inner.choose(watch if watched else None)
        except DeadEndError as error:
            self._dead = error
            return
        self._ahead.append(_Ahead(replace(decision, taken_back=self._taken_back), tuple(seen), back, *before))
        self._take(decision.choice.pick.token)

    def _take(self, token: int) -> None:
        taken, place = self._ending.take(token), self._place
        found = self._banned.read(place, taken.read, open_=taken.open)
        self._place, self._last, self._taken_back = place + 1, token, ()
        self._over = taken.reason is not None
        if found is not None and place >= self._led:
            self._go_back(found.text, max(found.place, self._led))

    def _go_back(self, text: str, place: int) -> None:
        gone = [self._ahead.pop() for _ in range(self._place - place)][::-1]
        tokens = tuple(one.decision.choice.pick.token for one in gone)
        first = gone[0]
        first.back()
        self._ending, self._banned = first.ending, first.banned
        piece = b"".join(map(self._tokenizer.piece, tokens))
        self._taken_back = (*first.decision.taken_back, TakenBack(text, tokens, piece))
        self._place, self._last, self._over = place, None, False
        if len(self._taken_back) == _MOST_TRIES:
            self._dead = DeadEndError(f"{_MOST_TRIES} tokens in one place began banned texts").in_japanese(
                f"同じ場所で {_MOST_TRIES} 個のトークンが、禁じた文字列の始まりになりました"
            )


def _nowhere() -> None:
    raise AssertionError("a token that is given is not taken back")
