"""A model that runs elsewhere, with everything that a model here has, as far as its engine tells enough.

Guarantee: it is used as any other model; what it cannot do is refused with the reason (`lacks`), and what was not
seen of a row is said with each token.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tsumami.engine import EngineOptions, Exactness
from tsumami.errors import EngineError, SettingsError
from tsumami.exchange.notes import Note
from tsumami.explore.intervals import Interval
from tsumami.model.local import Model
from tsumami.model.there import ThereReply, ThereStream, sent
from tsumami.native import Vocab
from tsumami.remote import Capabilities, RemoteTokenizer, ThereReading, lacks
from tsumami.runs import EngineCard, ModelCard, Run, Verification
from tsumami.runs.backend import TextTokenizer
from tsumami.runs.cards import ModelShape
from tsumami.runs.connecting import ConnectedModel
from tsumami.runs.elsewhere import RemoteEngine
from tsumami.runs.prompt import check_prompt
from tsumami.runs.prompting import PromptLike
from tsumami.settings import Settings


class RemoteModel(Model):
    """A model on a server elsewhere. Use it in a `with` block or `close()` it."""

    def __init__(self, connected: ConnectedModel) -> None:
        self._connected = connected
        self._closing = weakref.finalize(self, connected.close)

    def there(self, prompt: PromptLike, settings: Settings | None = None, **knobs: Any) -> ThereStream:
        """Let the server choose by itself, in one call, which is faster: iterate for the text, then read `.reply`.

        Args:
            prompt: as in `run`.
            settings: where to start from (default: the defaults); what the server does not have is in `reply.lost`.
            knobs: values that replace those of `settings`.

        Raises:
            SettingsError: a knob that does not exist or cannot have this value.
            PromptError: an empty or too long prompt.
        """
        made, begin = (settings or Settings()).replace(**knobs), self.as_prompt(prompt)
        check_prompt(begin, self.n_ctx, self.engine.n_vocab)
        if not isinstance(self.tokenizer, RemoteTokenizer):
            raise SettingsError("only a llama-server can choose by itself for a chain that is here").in_japanese(
                "ここのチェーンのために自分で選べるのは llama-server だけです"
            )
        reading = ThereReading(self.tokenizer, self._connected.server.check_model)
        return ThereStream(self.engine, reading, begin, made)

    def run_of(self, reply: ThereReply, *, ledger: bool = False) -> Run:
        """The run whose tokens the server has chosen (those that it told), with all that our chain says of them; each
        row is asked for.

        Raises:
            RemoteError: the server told of no token which it is.
            SettingsError: a knob that this engine lacks when rows are asked for.
        """
        prompt, settings = reply.as_prompt()
        run = self.run(prompt, settings, ledger=ledger)
        broken = reply.stop_reason in ("lost", "cancelled") and run.stop_reason == "length"
        return replace(run, stop_reason=reply.stop_reason, trouble=reply.trouble) if broken else run

    def lost_there(self, settings: Settings) -> tuple[Note, ...]:
        """What becomes of those turned knobs that the server does not have when it chooses by itself."""
        return sent(settings)[1]

    @property
    def chooses_there(self) -> bool:
        """Whether it was loaded to let the server choose (`exact=False`): so do the command line and the page."""
        return not self.options.exact

    def verify(self, run: Run) -> Verification:
        """Run it again, asking for every row anew, and say whether it is the same or what differs."""
        self.engine.forget()
        return super().verify(run)

    def intervals(self, run: Run, knobs: Iterable[str] | None = None) -> dict[str, Interval]:
        """As of a model here; but where rows are not told whole, none is certain."""
        found = super().intervals(run, knobs)
        return found if self.record.whole else {name: replace(one, certain=False) for name, one in found.items()}

    def check(self, length: int) -> Exactness:
        """Whether the server repeats itself, found out anew on so many tokens."""
        return self._connected.check(length)

    @property
    def record(self) -> Capabilities:
        """What its engine can do."""
        return self._connected.record

    @property
    def lacks(self) -> Mapping[str, tuple[str, str]]:
        """The knobs that cannot be used with it, each with the reason in ja and en."""
        return lacks(self.record, vocabulary=self.vocab is not None)

    @property
    def engine(self) -> RemoteEngine:
        """Where programs run."""
        return self._connected.engine

    @property
    def tokenizer(self) -> TextTokenizer:
        """Its tokenizer; texts become tokens over there, unless its vocabulary is here."""
        return self._connected.tokenizer

    @property
    def vocab(self) -> Vocab | None:
        """Its vocabulary, if a file here has it; llama-server's is not llama.cpp's own."""
        return self._connected.vocab

    @property
    def n_ctx(self) -> int:
        """Tokens that one run may have, prompt and reply together."""
        return self._connected.n_ctx

    @property
    def name(self) -> str:
        """What the server calls it."""
        return self._connected.model_card.name

    @property
    def chat_template(self) -> str | None:
        """Its chat template, as the server tells it."""
        return self._connected.template

    @property
    def templates(self) -> tuple[str, ...]:
        """Other chat templates are not told."""
        return ()

    @property
    def recommended(self) -> None:
        """What its file recommends is not told."""
        return

    @property
    def exactness(self) -> Exactness:
        """Whether the server repeated itself when it was asked."""
        return self._connected.exactness

    @property
    def usage(self) -> None:
        """How full the server's cache is, nobody tells."""
        return

    @property
    def options(self) -> EngineOptions:
        """How it was connected to."""
        return self._connected.options

    @property
    def shape(self) -> ModelShape:
        """Nobody tells how large its parts are."""
        raise EngineError(
            "an engine elsewhere does not tell how its model is built; take a model on this machine"
        ).in_japanese("ほかの場所のエンジンは、モデルの作りを知らせません。このマシンのモデルを使ってください")

    @functools.cached_property
    def model_card(self) -> ModelCard:
        """Which weights these are, as far as it was told."""
        return self._connected.model_card

    @functools.cached_property
    def engine_card(self) -> EngineCard:
        """Which arithmetic this is, as far as it was told."""
        return self._connected.engine_card

    def __repr__(self) -> str:
        exact = "exact" if self.exactness.exact else "not exact"
        return f"<tsumami.RemoteModel {self.name}: elsewhere, n_ctx {self.n_ctx}, {exact}>"
