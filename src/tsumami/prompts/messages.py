"""What is said in a conversation, and how much of it is remembered.

Guarantee: a `Message` that exists has a role that every format knows and text that can be encoded, so no format checks
this again. A memory forgets whole exchanges, oldest first; it never cuts one in two, because an answer without its
question, or a question without its answer, teaches the model a conversation that did not happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from tsumami.errors import EmptyPromptError, PromptError, japanese

__all__ = ["ROLES", "Memory", "Message", "Remembered", "Role", "messages_from"]

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@dataclass(frozen=True)
class Message:
    """One message: who speaks, and the text as it was typed or generated. `tokens`: the ids that a reply was, as which
    it goes back to the model that wrote it (`Run.message` has them). `more`: what a chat template is told of it besides
    (`tool_calls`, `tool_call_id`, `name`); other formats do not write it.

    Raises `PromptError` for another role, for content that is not a string, for a lone surrogate, which is what is left
    of invalid UTF-8 and has no tokens, and for tokens that are no ids, or of somebody else than the assistant.
    """

    role: Role
    content: str
    tokens: tuple[int, ...] | None = None
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise PromptError(f"role {self.role!r} is unknown; use one of {', '.join(ROLES)}").in_japanese(
                f"役 {self.role!r} は知りません。使えるのは {', '.join(ROLES)} です"
            )
        if not isinstance(cast(object, self.content), str):
            kind = type(self.content).__name__
            raise PromptError(f"the content of a {self.role} message is {kind}; give it as one string").in_japanese(
                f"{self.role} の発言の中身が {kind} です。1 つの文字列にしてください"
            )
        try:
            self.content.encode("utf-8")
        except UnicodeEncodeError as error:
            raise PromptError(
                f"the content of a {self.role} message is not valid Unicode: character {error.start} is the lone "
                f"surrogate U+{ord(self.content[error.start]):04X}; read the text as UTF-8 again or remove it"
            ).in_japanese(
                f"{self.role} の発言の中身が正しい Unicode ではありません。{error.start} "
                f"文字目がサロゲートの片割れ U+{ord(self.content[error.start]):04X} "
                "です。文章を UTF-8 として読み直すか、取り除いてください"
            ) from error
        self._check_tokens()

    def _check_tokens(self) -> None:
        ids = cast(object, self.tokens)
        if ids is None:
            return
        if self.role != "assistant":
            raise PromptError(
                f"a {self.role} message has tokens; only a reply goes back as the tokens that it was"
            ).in_japanese(f"{self.role} の発言にトークンがあります。トークンのまま渡せるのは返事だけです")
        if not isinstance(ids, tuple) or not all(type(one) is int and one >= 0 for one in ids):
            raise PromptError(
                "the tokens of an assistant message are no token ids; give whole numbers from 0"
            ).in_japanese("アシスタントの発言のトークンがトークン ID ではありません。0 以上の整数にしてください")

    def as_dict(self) -> dict[str, Any]:
        """The form that chat templates and JSON know: `{"role": …, "content": …}`, and what there is more."""
        return {**self.more, "role": self.role, "content": self.content}


def messages_from(
    given: str | Message | Mapping[str, object] | Iterable[Message | Mapping[str, object]],
) -> tuple[Message, ...]:
    """Messages from whatever a caller has: a string (one user message), one message, or several, as dicts or `Message`.

    Raises `EmptyPromptError` when there is none, and `PromptError` that names the position of one that does not fit.
    """
    if isinstance(given, str):
        return (Message("user", given),)
    if isinstance(given, Message | Mapping):
        given = (given,)
    if not isinstance(given, Iterable):
        raise PromptError(f"messages are {type(given).__name__}; give a string or a list of messages").in_japanese(
            f"発言が {type(given).__name__} です。文字列か発言のリストを渡してください"
        )
    messages = tuple(_message_from(item, position) for position, item in enumerate(given, start=1))
    if not messages:
        raise EmptyPromptError(
            "there is no message; give at least one, such as {'role': 'user', 'content': 'Hello'}"
        ).in_japanese("発言がありません。少なくとも 1 つ渡してください（{'role': 'user', 'content': 'Hello'} など）")
    return messages


def _message_from(item: object, position: int) -> Message:
    if isinstance(item, Message):
        return item
    if not isinstance(item, Mapping):
        kind = type(item).__name__
        raise PromptError(
            f"message {position} is {kind}; give a dict with 'role' and 'content', or a Message"
        ).in_japanese(f"{position} 番目の発言が {kind} です。'role' と 'content' のある辞書か Message を渡してください")
    wanted = {"role", "content"}
    if missing := sorted(wanted - item.keys()):
        raise PromptError(f"message {position} has no {' and no '.join(map(repr, missing))}").in_japanese(
            f"{position} 番目の発言に {'、'.join(map(repr, missing))} がありません"
        )
    # A key that we would ignore (tool_calls, images) would be something said that the model never hears.
    if unknown := sorted(str(key) for key in item.keys() - wanted - {"tokens"}):
        raise PromptError(
            f"message {position} has {', '.join(unknown)}; only 'role' and 'content' can be used"
        ).in_japanese(
            f"{position} 番目の発言に {', '.join(unknown)} があります。使えるのは 'role' と 'content' だけです"
        )
    try:
        return Message(cast(Role, item["role"]), cast(str, item["content"]), _tokens_from(item.get("tokens")))
    except PromptError as error:
        raise PromptError(f"message {position}: {error}").in_japanese(
            f"{position} 番目の発言: {japanese(error)}"
        ) from error


def _tokens_from(given: object) -> tuple[int, ...] | None:
    """What `Message` checks: JSON has lists where we have tuples."""
    return tuple(given) if isinstance(given, list) else cast("tuple[int, ...] | None", given)


@dataclass(frozen=True)
class Remembered:
    """What a memory kept, in order, and how many messages it left out (all of them right after the system prompt)."""

    messages: tuple[Message, ...]
    dropped: int


@dataclass(frozen=True)
class Memory:
    """How many complete exchanges before the new message the model sees: a number from 0, or None for all of them.

    An exchange is what the user said and what the assistant answered. The system prompt (the system messages at the
    start) and the new message, with the beginning of its reply if there is one, are always kept.
    """

    exchanges: int | None

    def __post_init__(self) -> None:
        number = self.exchanges
        if number is None:
            return
        if isinstance(number, bool) or not isinstance(cast(object, number), int) or number < 0:
            raise PromptError(
                f"the memory is {number!r}: use a whole number from 0, or None for all exchanges"
            ).in_japanese(f"覚えるやりとりの数が {number!r} です。0 以上の整数か、すべてなら None にしてください")

    def keep(self, messages: Sequence[Message]) -> Remembered:
        """The messages that the model sees: the system prompt, the last exchanges and the new message."""
        if self.exchanges is None:
            return Remembered(tuple(messages), 0)
        turns = [at for at, message in enumerate(messages) if message.role != "system"]
        start = turns[0] if turns else len(messages)
        # Every exchange after the first begins where somebody speaks after the assistant; the last is the new message.
        begins = [
            at
            for at in range(start + 1, len(messages))
            if messages[at - 1].role == "assistant" and messages[at].role != "assistant"
        ]
        # A greeting that nobody asked for is no exchange of its own: it goes with the one that follows it.
        if begins and all(message.role != "user" for message in messages[start : begins[0]]):
            begins = begins[1:]
        begins = [start, *begins]
        first = begins[max(0, len(begins) - 1 - self.exchanges)]
        return Remembered((*messages[:start], *messages[first:]), first - start)
