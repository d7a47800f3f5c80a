"""Connecting: from the name of an engine elsewhere to one that runs programs.

Guarantee: what the engine can do was found by asking it, and so was whether it repeats itself: the same tokens at once,
in pieces and beside others. What a receipt says of it is what it told (build, model, sizes), and never where it is. Of
several addresses all have the same model, or none is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from tsumami.engine import EngineOptions, Exactness
from tsumami.errors import ModelError, ModelNotFoundError, SettingsError
from tsumami.models import RemoteName
from tsumami.remote import Capabilities, LlamaServer, Patience, RemoteTokenizer, ToldRow
from tsumami.runs.elsewhere import RemoteEngine
from tsumami.runs.values import ELSEWHERE, EngineCard, ModelCard

__all__ = ["DEFAULT_N_PROBS", "ConnectedModel", "connect"]

DEFAULT_N_PROBS: Final = 1000
_TITLE: Final = "llama-server"
_CHECKED: Final = 65  # tokens: from 64 on, some kernels round otherwise
_CHECKED_PROBS: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class ConnectedModel:
    """An engine elsewhere that is ready to run programs, with what is known of it."""

    server: LlamaServer
    others: tuple[LlamaServer, ...]
    engine: RemoteEngine
    tokenizer: RemoteTokenizer
    options: EngineOptions
    n_ctx: int
    record: Capabilities
    exactness: Exactness
    model_card: ModelCard

    @property
    def engine_card(self) -> EngineCard:
        """Which arithmetic, as far as it was told."""
        record, verdict = self.record, self.exactness
        return EngineCard(
            binding=_TITLE,
            library=self.server.facts.build,
            features=(f"n_probs={record.n_probs}", f"n_vocab={record.n_vocab}", f"slots={record.slots}"),
            processor="elsewhere",
            mode="exact",
            exact=verdict.exact,
            why_ja=verdict.why_ja,
            why_en=verdict.why_en,
            n_ctx=self.n_ctx,
        )

    def check(self, length: int = _CHECKED) -> Exactness:
        """The self-check, anew."""
        return _verdict(self.server, self.record, length)

    def close(self) -> None:
        """End what runs and let go of the connections."""
        self.engine.close()
        for one in (self.server, *self.others):
            one.close()


def connect(name: RemoteName, options: EngineOptions, patience: Patience | None = None) -> ConnectedModel:
    """Ask the servers that a name leads to, and make an engine of them.

    Raises:
        RemoteError: it cannot be reached, or answers as it should not.
        ModelError: what answers is not that kind of server, or the addresses have different models.
        SettingsError: an option that only a model on this machine has.
    """
    if name.kind != "llama-server":
        raise ModelNotFoundError(
            f"{name.title} chooses tokens by itself and tells no rows, so only `tsumami run` and `tsumami compare` can "
            "use it; all else needs a llama-server"
        )
    _check_options(options)
    patience = patience or Patience()
    with ExitStack() as undo:
        servers = []
        for address in name.addresses:
            servers.append(LlamaServer(name, address, patience))
            undo.callback(servers[-1].close)
        first = servers[0]
        if any((one.facts.model, one.facts.n_params, one.facts.template) != _same(first) for one in servers):
            raise ModelError("the addresses do not have the same model; name those that have")
        words = first.vocabulary()
        tokenizer = RemoteTokenizer(words, first.tokenize)
        n_vocab, n_ctx = len(words.pieces), _n_ctx(first, options)
        record = first.record(
            options.n_probs or DEFAULT_N_PROBS, n_vocab, absolute=first.tells_zero(_some_tokens(n_vocab, 8))
        )
        verdict = _verdict(first, record, _CHECKED)
        engine = RemoteEngine(name, first, record, n_vocab, patience, n_ctx)
        undo.pop_all()
    card = _model_card(first, words.digest)
    return ConnectedModel(first, tuple(servers[1:]), engine, tokenizer, options, n_ctx, record, verdict, card)


def _same(server: LlamaServer) -> tuple[object, ...]:
    return server.facts.model, server.facts.n_params, server.facts.template


def _check_options(options: EngineOptions) -> None:
    """Refuse what is the server's own affair."""
    usual = EngineOptions()
    for field, flag in (("n_gpu_layers", "--n-gpu-layers"), ("threads", "--threads"), ("lora", "--lora"),
                        ("n_cells", "n_cells")):  # fmt: skip
        if getattr(options, field) != getattr(usual, field):
            raise SettingsError(f"{flag} is the affair of the server on which the model runs; start it so")


def _n_ctx(server: LlamaServer, options: EngineOptions) -> int:
    if options.n_ctx is not None and options.n_ctx > server.facts.context:
        raise SettingsError(
            f"n_ctx = {options.n_ctx}: a request there may have {server.facts.context} tokens; start the server "
            "with more"
        )
    return options.n_ctx or server.facts.context


def _some_tokens(n_vocab: int, count: int) -> list[int]:
    rng = np.random.default_rng(20261121)
    made: list[int] = rng.integers(n_vocab // 8, n_vocab // 2, count).tolist()
    return made


# --- does it repeat itself? ---


def _verdict(server: LlamaServer, record: Capabilities, length: int) -> Exactness:
    tokens = _some_tokens(record.n_vocab or 1, length)
    failed = tuple(name for name, same in _comparisons(server, record, tokens) if not same)
    if failed:
        names = ", ".join(failed)
        return Exactness(
            False,
            f"このサーバーは、計算のまとめ方で確率が変わります（違いが出た検査: {names}）。"
            "同じシードでも文章が変わることがあります。",
            f"this server's probabilities depend on what else it computes (differed: {names}): the same seed may give "
            "another text.",
            "サーバーを 1 スロット（--parallel 1）で、キャッシュを使い回さずに動かすと、変わりにくくなります。",
            "start the server with one slot (--parallel 1), so that nothing else is in a batch.",
            failed,
        )
    return Exactness(
        True,
        f"一括・分割・混在のどの計算でも、知らせてきた確率が1ビットも変わらないことを、"
        f"このサーバーで確かめました（{length} トークン）。"
        "サーバーが動いている間のことで、設定を変えて起動し直せば変わりえます。",
        f"checked on this server: at once, in pieces, beside others, all probabilities that it told had the same bits "
        f"({length} tokens). That holds while it runs; started anew with other options it may differ.",
    )


def _comparisons(server: LlamaServer, record: Capabilities, tokens: list[int]) -> Iterator[tuple[str, bool]]:
    """Yield (name of the check, whether every probability had the same bits)."""
    count, half = min(_CHECKED_PROBS, record.n_probs), len(tokens) // 2

    def row(asked: Sequence[int], *, cached: bool = False) -> ToldRow:
        body = server.row_body(asked, count) | {"cache_prompt": cached}
        return server.read_row(server.wire.post(server.path, body))

    whole = row(tokens)
    row(tokens[:half], cached=True)
    yield "in pieces", _equal(row(tokens, cached=True), whole)
    if record.slots > 1:
        yield "among others", _beside(row, tokens, whole)


def _beside(row: Callable[[Sequence[int]], ToldRow], tokens: list[int], whole: ToldRow) -> bool:
    """Whether the row is the same while another is computed."""
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(row, tokens[1:])
        same = _equal(pool.submit(row, tokens).result(), whole)
        other.result()
    return same


def _equal(a: ToldRow, b: ToldRow) -> bool:
    return np.array_equal(a.ids, b.ids) and np.array_equal(a.logprobs, b.logprobs)


def _model_card(server: LlamaServer, digest: str) -> ModelCard:
    """Which weights, as far as it was told: the fingerprint is one of what was told, not of the file."""
    facts = server.facts
    told = {name: value for name, value in asdict(facts).items() if name not in ("build", "slots", "context")}
    return ModelCard(
        name=facts.model,
        fingerprint=hashlib.sha256(json.dumps([told, digest], sort_keys=True).encode()).hexdigest(),
        architecture="?",
        quantization=facts.quantization,
        n_params=facts.n_params,
        size=facts.size,
        source=f"{ELSEWHERE}{_TITLE}",
    )
