"""The page's conversation: what was said, and of each reply the facts that a browser can keep.

Guarantee: the JSON form, which the browser keeps, reads back to the same value, and anything else in that place reads
as an empty conversation instead of breaking the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from tsumami.history import ConversationPlace, History, RememberedReply, talk
from tsumami.model import Model
from tsumami.prompts import Exchange, Memory, PromptFormat, Talk
from tsumami.runs import STOP_REASONS, Completeness, Prompt, Run
from tsumami.runs.tokenizing import reply_tokens
from tsumami.settings import Settings

FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class ReplyFacts:
    """How a reply came about: what a reader wants to see, and the receipt to get it again, which also says whether the
    text is complete in its grammar's sense. kept: its id in the history, "" where it is not kept.
    """

    prompt: str
    prompt_tokens: int
    n_ctx: int
    settings: dict[str, Any]
    seed: int
    stop_reason: str
    generated: int
    reused: int
    prompt_per_second: float
    generation_per_second: float
    exact: bool
    template: str
    receipt: dict[str, Any]
    kept: str = ""

    def complete(self, language: str) -> str:
        """Whether the text is complete, in words; empty where nothing constrains it, or where that is not known."""
        told = self.receipt.get("completeness")
        words = told.get(language) if isinstance(told, dict) else None
        return words if isinstance(words, str) else ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ReplyFacts:
        """What `asdict` gave.

        Raises:
            TypeError, ValueError: it is something else, which could not be shown.
        """
        data = {"kept": "", **data}  # an earlier version has not said it
        for name, kind in _KINDS.items():
            value = data[name]
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise TypeError(f"{name}: {value!r}")
        made = cls(**data)
        if made.stop_reason not in STOP_REASONS or made.n_ctx < 1 or not isinstance(made.receipt.get("engine"), dict):
            raise ValueError("no reply came about like this")
        return made

    @classmethod
    def of(cls, run: Run, kept: str = "") -> ReplyFacts:
        """The facts of a finished run."""
        receipt, timings = run.receipt, run.timings
        return cls(
            prompt=receipt.prompt,
            prompt_tokens=len(receipt.prompt_tokens),
            n_ctx=receipt.engine.n_ctx,
            settings=receipt.settings.to_dict(),
            seed=receipt.seed,
            stop_reason=run.stop_reason,
            generated=len(run.steps),
            reused=timings.reused,
            prompt_per_second=timings.prompt_per_second,
            generation_per_second=timings.generation_per_second,
            exact=receipt.engine.exact,
            template=receipt.template,
            receipt=receipt.to_dict() | {"reply_tokens": list(run.tokens)} | _told(run.completeness),
            kept=kept,
        )


def _told(found: Completeness | None) -> dict[str, Any]:
    return {} if found is None else {"completeness": asdict(found) | {"ja": found.ja, "en": found.en}}


_KINDS: Final[dict[str, Any]] = {
    name: {"str": str, "int": int, "bool": bool, "float": (int, float)}.get(str(kind), dict)
    for name, kind in ReplyFacts.__annotations__.items()
}


@dataclass(frozen=True, slots=True)
class Conversation(Talk[ReplyFacts]):
    """The page's conversation, in a form that a browser can keep. place: which one of the history it is, if it is."""

    place: ConversationPlace | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for the browser."""
        form = {"version": FORMAT_VERSION, "exchanges": [asdict(exchange) for exchange in self.exchanges]}
        return form if self.place is None else form | {"place": asdict(self.place)}

    def to_link(self) -> dict[str, Any]:
        """The same without what was said, where the history has that."""
        return (self if self.place is None else replace(self, exchanges=())).to_json()

    @classmethod
    def from_json(cls, data: object) -> Conversation:
        """What `to_json` gave; an empty conversation for anything else."""
        if not isinstance(data, dict) or data.get("version") != FORMAT_VERSION:
            return cls()
        try:
            return cls(tuple(map(exchange_from, data["exchanges"])), _place(data.get("place")))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            return cls()

    @classmethod
    def remembered(cls, store: History, key: str) -> Conversation:
        """The conversation that ends with a reply of the history.

        Raises:
            HistoryError: there is none of that id.
        """
        return cls(tuple(map(shown_again, talk(store, key).exchanges)))

    @property
    def kept(self) -> str | None:
        """The id of the last reply that the history has."""
        return next((one.facts.kept for one in self.exchanges[::-1] if one.facts and one.facts.kept), None)

    def branched(self, index: int) -> Conversation:
        """A conversation of its own that has all up to exchange number `index`."""
        return Conversation(self.until(index).exchanges)

    def forked(self, index: int, token: int) -> Conversation:
        """With message number `index` to be answered once more, by a reply of which a reader chooses token number
        `token`, from 0.
        """
        asked = self.beside(index)
        return replace(asked, exchanges=(*asked.exchanges[:-1], replace(asked.exchanges[-1], chosen=token + 1)))

    def settled(self) -> Conversation:
        """The same, but where the last reply is one that stands beside it already, of the same settings, that one."""
        last = self.exchanges[-1]
        for at, (other, *rest) in enumerate(last.before):
            if not rest and _same(other, last):
                shown = replace(other, before=last.before[:at], after=(*last.before[at + 1 :], *last.after))
                return replace(self, exchanges=(*self.exchanges[:-1], shown))
        return self

    def reply_tokens(self, exchange: Exchange[ReplyFacts]) -> tuple[int, ...] | None:
        """The ids that a reply was; a conversation of an earlier version has them in the receipt."""
        if exchange.tokens is None and exchange.facts is not None:
            return _ids(exchange.facts.receipt.get("reply_tokens"))
        return exchange.tokens


def shown_again(one: Exchange[RememberedReply]) -> Exchange[ReplyFacts]:
    """An exchange that the history remembers, as the page shows it."""
    facts = None if one.facts is None else ReplyFacts.of(one.facts.run, one.facts.entry.key)
    return Exchange(one.user, one.reply, facts, one.tokens, one.thought, own=one.own, chosen=one.chosen)


def exchange_from(item: Any) -> Exchange[ReplyFacts]:
    """An exchange as `asdict` gave it; one of an earlier version has no other ways.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is something else.
    """
    before, after = (
        tuple(tuple(map(exchange_from, way)) for way in item.get(name, ())) for name in ("before", "after")
    )
    if () in (*before, *after):
        raise ValueError("a reply that is none")
    return Exchange(
        str(item["user"]),
        str(item["reply"]),
        None if item["facts"] is None else ReplyFacts.from_json(item["facts"]),
        _ids(item.get("tokens")),
        _thought(item.get("thought"), str(item["reply"])),
        before,
        after,
        _count(item.get("own"), len(str(item["reply"]))),
        _count(item.get("chosen"), 1_000_000),
    )


def _place(given: Any) -> ConversationPlace | None:
    """Which conversation of the history it is; what says so in no such way says nothing."""
    match given:
        case {"key": str(key), "number": int(number)}:
            return ConversationPlace(key, number)
    return None


def _same(one: Exchange[ReplyFacts], other: Exchange[ReplyFacts]) -> bool:
    """Whether two replies are one, made twice from the same."""
    a, b = one.facts, other.facts
    if a is None or b is None or "cancelled" in (a.stop_reason, b.stop_reason):
        return False
    return (one.reply, a.prompt, a.settings, a.seed) == (other.reply, b.prompt, b.settings, b.seed)


def _ids(given: object) -> tuple[int, ...] | None:
    """Token ids, if they are some; which of them the model has is seen when they are used."""
    fits = isinstance(given, list | tuple) and all(type(one) is int and one >= 0 for one in given)
    return tuple(given) if fits else None  # type: ignore[arg-type]  # looked at above


def _thought(given: object, reply: str) -> tuple[int, int]:
    """How much of a reply is thinking; a conversation of an earlier version does not say, and nothing was."""
    match given:
        case [int() as characters, int() as tokens] if 0 <= characters <= len(reply) and tokens >= 0:
            return characters, tokens
    return 0, 0


def _count(given: object, most: int) -> int:
    """How much of a reply a reader did; a conversation of an earlier version does not say, and it was nothing."""
    return min(given, most) if type(given) is int and given > 0 else 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would be sent: the prompt, and how many of the first exchanges the memory leaves out. A reply that is to go
    on is the prompt's `begun`, or, where that cannot be (`stop` is in it), the end of its tokens.
    """

    prompt: Prompt
    dropped: int


def outlook(
    model: Model,
    conversation: Conversation,
    *,
    template: str | PromptFormat | None,
    system: str,
    memory: int | None,
    parse_special: bool | None = None,
    settings: Settings | None = None,
) -> Outlook:
    """The prompt of a conversation. `memory`: past exchanges to keep; None: the format's own default; below 0: all.
    `parse_special`: as in `Model.prompt`. `settings`: what the template is told, and the texts that would end a reply
    which is to go on, were it made again.
    """
    made, stop = model.format(template, parse_special, settings), () if settings is None else settings.stop
    kept = None if memory is None else Memory(memory if memory >= 0 else None)
    messages = conversation.messages(system or None)
    rendered = made.render(messages, kept)
    prompt, last = model.as_prompt(rendered), messages[-1]
    if last.role == "assistant" and not any(one in last.content for one in stop):
        before = made.render(messages[:-1], kept)
        if rendered.text == before.text + last.content:  # a format may put something in between
            begun = reply_tokens(model.tokenizer, last.content, last.tokens)
            prompt = replace(model.as_prompt(before), begun=begun)
    return Outlook(prompt, rendered.dropped // 2)
