"""Choosing there, in one call: the server's own samplers make the reply; what our chain says of it comes afterwards.

Guarantee: nothing is claimed of how a token was chosen that was not told: a `ThereReply` holds text and tokens.
`RemoteModel.run_of` makes a run of it, whose tokens are those that the server chose and whose rows are asked for one by
one; each roll passes and chooses nothing, as in a branch. Whatever breaks it off, the reply keeps what had come, and
says why it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from tsumami.errors import CancelledError, RemoteError, SettingsError
from tsumami.exchange import DIALECTS
from tsumami.exchange.notes import Note, Phrase
from tsumami.exchange.writing import export_values
from tsumami.remote import ThereReading, there_body
from tsumami.runs import Prompt, StopReason
from tsumami.runs.elsewhere import RemoteEngine
from tsumami.runs.making import EngineMaking
from tsumami.sampling import effective_seed
from tsumami.settings import Settings

_NOT_SENT: Final = ("chat_template_kwargs", "reasoning_budget")  # of chats; here goes a prompt that is tokens already
_OF_CHATS: Final = Phrase(
    "サーバーが選ぶときには使えない（プロンプトはトークンで送る）",
    "not possible where the server chooses: the prompt is sent as tokens",
)


@dataclass(frozen=True, slots=True)
class ThereReply:
    """What a server wrote by itself: its text, how many tokens these were, and the ids of the first of them, as far as
    they were told (usually all of them, but for a last one in the middle of a character); why it stopped, and how fast
    it was. `settings` are those that were asked for, with the seed that was sent; `lost`: what became of those
    knobs that the server does not have. `error`: what the engine elsewhere did, if that ended it.
    """

    prompt: Prompt
    settings: Settings
    text: str
    tokens: tuple[int, ...]
    count: int
    stop_reason: StopReason
    stop_string: str | None
    error: RemoteError | None
    lost: tuple[Note, ...]
    seconds: float
    reused: int

    @property
    def trouble(self) -> str | None:
        """What the error says."""
        return None if self.error is None else str(self.error)

    @property
    def tokens_per_second(self) -> float:
        """Tokens after the first per second, from the first on."""
        return max(self.count - 1, 0) / max(self.seconds, 1e-9)

    def as_prompt(self) -> tuple[Prompt, Settings]:
        """What a run of ours starts from that has the tokens which are known, and its settings.

        Raises:
            RemoteError: the server told of none which it is.
        """
        if not self.tokens:
            raise RemoteError(
                "the server did not tell which tokens its reply has, so nothing can be computed of it"
            ).in_japanese("サーバーが返事のトークンを知らせなかったので、それについて何も計算できません")
        begun = self.prompt.begun + self.tokens
        itself = self.count == len(self.tokens) and self.stop_reason in ("eog", "length")
        settings = self.settings if itself else self.settings.replace(max_tokens=max(len(begun), 1))
        return replace(self.prompt, begun=begun), settings


class ThereStream(EngineMaking[str, ThereReply]):
    """A reply that a server chooses by itself: iterate for its text as it comes, then read `reply`."""

    def __init__(self, engine: RemoteEngine, reading: ThereReading, prompt: Prompt, settings: Settings) -> None:
        """Ask, and read the stream with `reading`.

        Raises:
            SettingsError: the end of the prompt is to be taken back, which only our chain can.
        """
        super().__init__()
        if prompt.healing:
            raise SettingsError("heal_tokens needs our chain: it takes back the end of the prompt").in_japanese(
                "heal_tokens はプロンプトの終わりを取り消すので、こちらのチェーンが要ります"
            )
        self._prompt, self._settings = prompt, settings.replace(seed=effective_seed(settings))
        values, self._lost = sent(self._settings, begun=len(prompt.begun))
        self._reading = reading
        self._first = self._last = time.perf_counter()
        tokens = prompt.tokens + prompt.begun
        self._ticket = self._follow(engine.listen(tokens, there_body(tokens, values), self._take))

    def _take(self, piece: dict[str, Any]) -> None:
        if not self._reading.count:
            self._first = time.perf_counter()
        new = self._reading.take(piece)
        self._last = time.perf_counter()
        if new:
            self._tell(new)

    def __iter__(self) -> Iterator[str]:
        """The text as it comes; what goes wrong on the way stands in the reply, unless nothing had come."""
        return super().__iter__()

    def _join(self) -> None:
        self._finish()

    @property
    def reply(self) -> ThereReply:
        """The reply; waits for its end.

        Raises:
            RemoteError: the server answered with nothing.
        """
        return self.result

    def _finish(self) -> ThereReply:
        reading = self._reading
        reason, error = self._how_it_ended()
        return ThereReply(
            self._prompt, self._settings, reading.text, tuple(reading.tokens), reading.count, reason,
            reading.stop_string, error, self._lost, self._last - self._first, reading.cached,
        )  # fmt: skip

    def _how_it_ended(self) -> tuple[StopReason, RemoteError | None]:
        """Why it stopped, and what the engine elsewhere did, if that ended it."""
        try:
            self._ticket.result()
        except CancelledError:
            return self._reading.reason or "cancelled", None
        except RemoteError as error:
            if not self._reading.count:
                raise
            return "lost", error
        if self._reading.reason is None:
            return "lost", RemoteError("llama-server ended its stream before the reply had ended").in_japanese(
                "llama-server が、返事の終わる前にストリームを終えました"
            )
        return self._reading.reason, None


def sent(settings: Settings, *, begun: int = 0) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """The settings as llama-server takes them, and what it cannot hold of those that are turned. `begun`: so many of
    `max_tokens` are there already.
    """
    values, notes = export_values(DIALECTS["llama-server"], settings)
    turned = settings.changed()
    lost = [one for one in notes if one.fate in ("lost", "limited") and one.knob in turned]
    if begun and settings.max_tokens:
        values["n_predict"] = max(settings.max_tokens - begun, 1)
    lost += [
        Note("lost", one.name, None, one.knob, getattr(settings, str(one.knob)), _OF_CHATS)
        for one in DIALECTS["llama-server"].fields
        if one.name in _NOT_SENT and values.pop(one.name, None) is not None and one.knob in turned
    ]
    return values, tuple(lost)
