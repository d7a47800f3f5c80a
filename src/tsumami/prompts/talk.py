"""A conversation as a value: what was said in turn, and for each reply how it came about.

Guarantee: every operation gives a new conversation and leaves the old one as it is, so a message that cannot be
answered is forgotten by not keeping what it would have made. What is known of a reply is its owner's: a run, or what a
browser can keep of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Generic, Self, TypeVar

from tsumami.prompts.messages import Message

__all__ = ["Exchange", "Talk"]

_F = TypeVar("_F")


@dataclass(frozen=True)
class Exchange(Generic[_F]):
    """What the user said and what came back. `reply` may be partial (stopped) or empty; `facts` is how it came about,
    None while it has not ended; `tokens` the ids that the reply was, None where only its text is known; `thought` how
    many characters and tokens at the beginning of the reply are thinking, which no later prompt holds; `own` how many
    characters at its beginning are a reader's own words and no model's; `chosen` which of its tokens, from 1, a reader
    chose, 0 for none.

    `before` and `after` are the other ways in which the conversation goes on from here, in the order in which they were
    made: another reply to the same message, or the message put differently, each followed by what was said after it.
    """

    user: str
    reply: str = ""
    facts: _F | None = None
    tokens: tuple[int, ...] | None = None
    thought: tuple[int, int] = (0, 0)
    before: tuple[tuple[Exchange[_F], ...], ...] = ()
    after: tuple[tuple[Exchange[_F], ...], ...] = ()
    own: int = 0
    chosen: int = 0

    @property
    def alone(self) -> Exchange[_F]:
        """Without the other ways."""
        return replace(self, before=(), after=())

    @property
    def replies(self) -> tuple[Exchange[_F], ...]:
        """What each way begins with, the one that is shown at `len(before)`."""
        return (*(one[0] for one in self.before), self.alone, *(one[0] for one in self.after))

    @property
    def thinking(self) -> str:
        """What the reply thought before it answered, with its marks."""
        return self.reply[: self.thought[0]]

    @property
    def answer(self) -> str:
        """The reply without that."""
        return self.reply[self.thought[0] :]


@dataclass(frozen=True)
class Talk(Generic[_F]):
    """Exchanges in order."""

    exchanges: tuple[Exchange[_F], ...] = field(default=())

    def __len__(self) -> int:
        return len(self.exchanges)

    def ask(self, message: str) -> Self:
        """Append the user's next message."""
        return replace(self, exchanges=(*self.exchanges, Exchange[_F](message)))

    def answered(
        self,
        reply: str,
        facts: _F | None = None,
        tokens: tuple[int, ...] | None = None,
        thought: tuple[int, int] = (0, 0),
    ) -> Self:
        """Put the reply to the last message."""
        last = replace(self.exchanges[-1], reply=reply, facts=facts, tokens=tokens, thought=thought)
        return replace(self, exchanges=(*self.exchanges[:-1], last))

    def reopened(self) -> Self:
        """The last message without its reply, to be answered again; that reply is dropped."""
        if not self.exchanges:
            return self
        *earlier, last = self.exchanges
        return replace(self, exchanges=(*earlier, Exchange[_F](last.user, before=last.before, after=last.after)))

    def beside(self, index: int = -1, message: str | None = None) -> Self:
        """Message number `index` (default: the last), to be answered once more, or put differently; what it was, its
        reply and all that was said after it stay beside that.
        """
        if not self.exchanges:
            return self
        at = index % len(self)
        here, rest = self.exchanges[at], self.exchanges[at + 1 :]
        said = here.user if message is None else message
        if here.reply or rest:
            asked = Exchange[_F](said, before=(*here.before, (here.alone, *rest), *here.after))
        else:  # a question that nobody has answered is no way of its own
            asked = Exchange[_F](said, before=here.before, after=here.after)
        return replace(self, exchanges=(*self.exchanges[:at], asked))

    def rewritten(self, index: int, reply: str) -> Self:
        """With a reader's own words as the reply to message number `index`; the reply that it had, and all that was
        said after it, stay beside that.
        """
        asked = self.beside(index)
        own = replace(asked.exchanges[-1], reply=reply, own=len(reply))
        return replace(self, exchanges=(*asked.exchanges[:-1], own))

    def turned(self, index: int, by: int) -> Self:
        """With another way to go on from exchange number `index`: so many further on in their order. What was said
        after it goes and comes with it.
        """
        here = self.exchanges[index]
        all_ways = (*here.before, (here.alone, *self.exchanges[index + 1 :]), *here.after)
        at = len(here.before) + by
        if not 0 <= at < len(all_ways):
            return self
        first, *rest = all_ways[at]
        shown = replace(first, before=all_ways[:at], after=all_ways[at + 1 :])
        return replace(self, exchanges=(*self.exchanges[:index], shown, *rest))

    def until(self, index: int) -> Self:
        """The conversation up to exchange number `index`, which is its last one."""
        return replace(self, exchanges=self.exchanges[: index + 1])

    def without(self, index: int) -> Self:
        """The conversation without exchange number `index`; what was said after it stays, and so do the other ways from
        there. If nothing was said after it, one of these is shown.
        """
        here, rest = self.exchanges[index], self.exchanges[index + 1 :]
        if rest:
            first, *more = rest
            ways = (*here.before, *first.before), (*first.after, *here.after)
        elif here.before or here.after:
            first, *more = here.before[-1] if here.before else here.after[0]
            ways = (here.before[:-1], here.after) if here.before else ((), here.after[1:])
        else:
            return replace(self, exchanges=self.exchanges[:index])
        joined = replace(first, before=ways[0], after=ways[1])
        return replace(self, exchanges=(*self.exchanges[:index], joined, *more))

    def without_last(self) -> Self:
        """The conversation without its last exchange."""
        return replace(self, exchanges=self.exchanges[:-1])

    def messages(self, system: str | None = None) -> tuple[Message, ...]:
        """As messages for a prompt format: the system prompt (None: the format's own), and all that was said, without
        what was thought before. A last message without a reply is what is to be answered; a last reply is to be
        continued.

        Raises:
            PromptError: a text that no prompt can hold.
        """
        said = [Message("system", system)] if system is not None else []
        for index, exchange in enumerate(self.exchanges):
            said.append(Message("user", exchange.user))
            if index < len(self.exchanges) - 1:
                tokens = self.reply_tokens(exchange)
                said.append(Message("assistant", exchange.answer, tokens and tokens[exchange.thought[1] :]))
            elif exchange.reply:
                said.append(Message("assistant", exchange.reply, self.reply_tokens(exchange)))
        return tuple(said)

    def reply_tokens(self, exchange: Exchange[_F]) -> tuple[int, ...] | None:
        """The ids that a reply was, if they are known."""
        return exchange.tokens
