"""Connecting: from the name of an engine elsewhere to one that runs programs.

Guarantee: what the engine can do was found by asking it, and so was whether it repeats itself: the same tokens at once,
in pieces and beside others. What a receipt says of it is what it told (build, model, sizes), and never where it is. Of
several addresses all have the same model, or none is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Final, TypeAlias

import numpy as np

from tsumami.engine import EngineOptions, Exactness
from tsumami.errors import ModelError, ModelNotFoundError, SettingsError
from tsumami.models import RemoteName, resolve
from tsumami.native import NativeModel, Vocab
from tsumami.remote import (
    Capabilities,
    IdServer,
    LlamaServer,
    Patience,
    RemoteTokenizer,
    SglangServer,
    ToldRow,
    VllmServer,
)
from tsumami.runs.backend import TextTokenizer
from tsumami.runs.elsewhere import RemoteEngine
from tsumami.runs.values import ELSEWHERE, EngineCard, ModelCard
from tsumami.wording import counted

__all__ = ["DEFAULT_N_PROBS", "ConnectedModel", "connect"]

DEFAULT_N_PROBS: Final = 1000
_LEAST_PROBS: Final = 20  # what vLLM tells if it was not started with more
_BY_IDS: Final[Mapping[str, type[IdServer]]] = {"vllm": VllmServer, "sglang": SglangServer}
FullServer: TypeAlias = LlamaServer | IdServer
_CHECKED: Final = 65  # tokens: from 64 on, some kernels round otherwise
_CHECKED_PROBS: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class ConnectedModel:
    """An engine elsewhere that is ready to run programs, with what is known of it. `native` holds the vocabulary of a
    file, where the engine tells none.
    """

    servers: tuple[FullServer, ...]
    engine: RemoteEngine
    tokenizer: TextTokenizer
    native: NativeModel | None
    template: str | None
    options: EngineOptions
    n_ctx: int
    record: Capabilities
    exactness: Exactness
    model_card: ModelCard

    @property
    def server(self) -> FullServer:
        """The first of the servers, which speaks for all."""
        return self.servers[0]

    @property
    def vocab(self) -> Vocab | None:
        """The vocabulary that is here."""
        return None if self.native is None else self.native.vocab

    @property
    def engine_card(self) -> EngineCard:
        """Which arithmetic, as far as it was told."""
        record, verdict, server = self.record, self.exactness, self.server
        told = (f"n_probs={record.n_probs}", f"n_vocab={record.n_vocab}", f"slots={record.slots}")
        return EngineCard(
            binding=server.title,
            library=server.facts.build,
            features=(*told, *server.features),
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
        for one in self.servers:
            one.close()
        if self.native is not None:
            self.native.close()


def connect(name: RemoteName, options: EngineOptions, patience: Patience | None = None) -> ConnectedModel:
    """Ask the servers that a name leads to, and make an engine of them.

    Raises:
        RemoteError: it cannot be reached, or answers as it should not.
        ModelError: what answers is not that kind of server, the addresses have different models, or the vocabulary is
            another's.
        SettingsError: an option that only a model on this machine has.
    """
    if not _is_full(name, options):
        by_ids = name.kind in _BY_IDS
        remedy = "; or, with --vocabulary and a file of the same model, as such" if by_ids else ""
        remedy_ja = "（または、--vocabulary に同じモデルのファイルを指定すれば、同じように使えます）" if by_ids else ""
        raise ModelNotFoundError(
            f"{name.title} chooses tokens by itself and tells no rows, so only `tsumami run` and `tsumami compare` can "
            f"use it; all else needs a llama-server{remedy}"
        ).in_japanese(
            f"{name.title} は自分でトークンを選び、確率の行を知らせないので、"
            f"使えるのは tsumami run と tsumami compare だけです。ほかには llama-server が要ります{remedy_ja}"
        )
    _check_options(name, options)
    patience = patience or Patience()
    with ExitStack() as undo:
        servers: list[FullServer] = []
        for address in name.addresses:
            servers.append(_BY_IDS.get(name.kind, LlamaServer)(name, address, patience))
            undo.callback(servers[-1].close)
        first = servers[0]
        if any((one.facts.model, one.facts.n_params, one.facts.template) != _same(first) for one in servers):
            raise ModelError("the addresses do not have the same model; name those that have").in_japanese(
                "アドレスのモデルが同じではありません。同じモデルのものを指定してください"
            )
        known = _told(first, options) if isinstance(first, LlamaServer) else _from_file(first, options, undo)
        n_ctx, record = _n_ctx(first, options), known.record
        assert record.n_vocab is not None
        verdict = _verdict(first, record, _CHECKED)
        engine = RemoteEngine(name, first, record, record.n_vocab, patience, n_ctx)
        undo.pop_all()
    return ConnectedModel(
        tuple(servers), engine, known.tokenizer, known.native, known.template, options, n_ctx, record, verdict,
        _model_card(first, known.digest),
    )  # fmt: skip


def _is_full(name: RemoteName, options: EngineOptions) -> bool:
    """Whether our chain can choose from its rows."""
    return name.kind == "llama-server" or (name.kind in _BY_IDS and options.vocabulary is not None)


@dataclass(frozen=True, slots=True, eq=False)
class _KnownWords:
    """A vocabulary, wherever it is known from, and what can be done with it."""

    tokenizer: TextTokenizer
    native: NativeModel | None
    template: str | None
    record: Capabilities
    digest: str


def _told(server: LlamaServer, options: EngineOptions) -> _KnownWords:
    """The vocabulary that the server tells."""
    words = server.vocabulary()
    n_vocab = len(words.pieces)
    absolute = server.tells_zero(_some_tokens(n_vocab, 8))
    record = server.record(options.n_probs or DEFAULT_N_PROBS, n_vocab, absolute=absolute)
    return _KnownWords(RemoteTokenizer(words, server.tokenize), None, server.facts.template, record, words.digest)


def _from_file(server: IdServer, options: EngineOptions, undo: ExitStack) -> _KnownWords:
    """The vocabulary of a file here, once the server has shown that it has the same."""
    file = resolve(str(options.vocabulary))
    native = NativeModel(file.path, vocab_only=True)
    undo.callback(native.close)
    vocab = native.vocab

    def tokenize(text: str) -> list[int]:
        return vocab.tokenize(text.encode(), add_special=False, parse_special=False)

    server.check_vocabulary(tokenize)
    server.n_vocab = vocab.n_tokens
    counts = (DEFAULT_N_PROBS, _LEAST_PROBS) if options.n_probs is None else (options.n_probs,)
    told = server.most_told(tokenize("Hello world"), [min(count, vocab.n_tokens) for count in counts])
    record = server.record(told, vocab.n_tokens, template=native.chat_template is not None)
    return _KnownWords(vocab, native, native.chat_template, record, _digest(vocab))


def _digest(vocab: Vocab) -> str:
    """One number for a vocabulary."""
    made = hashlib.sha256()
    for token in range(vocab.n_tokens):
        piece = vocab.piece(token)
        made.update(len(piece).to_bytes(4, "little") + piece)
    return made.hexdigest()


def _same(server: FullServer) -> tuple[object, ...]:
    return server.facts.model, server.facts.n_params, server.facts.template


def _check_options(name: RemoteName, options: EngineOptions) -> None:
    """Refuse what is the server's own affair."""
    if name.kind in _BY_IDS and not options.exact:
        raise SettingsError(f"--fast: leave --vocabulary out, and {name.title} chooses by itself").in_japanese(
            f"--fast: --vocabulary を付けなければ、{name.title} が自分で選びます"
        )
    if name.kind not in _BY_IDS and options.vocabulary is not None:
        raise SettingsError(f"--vocabulary: {name.title} tells its own").in_japanese(
            f"--vocabulary: {name.title} は自分の語彙を知らせます"
        )
    usual = EngineOptions()
    for field, flag in (("n_gpu_layers", "--n-gpu-layers"), ("threads", "--threads"), ("lora", "--lora"),
                        ("n_cells", "n_cells")):  # fmt: skip
        if getattr(options, field) != getattr(usual, field):
            raise SettingsError(f"{flag} is the affair of the server on which the model runs; start it so").in_japanese(
                f"{flag} は、モデルが動いているサーバーの側のことです。そちらで指定して起動してください"
            )


def _n_ctx(server: FullServer, options: EngineOptions) -> int:
    if options.n_ctx is not None and options.n_ctx > server.facts.context:
        raise SettingsError(
            f"n_ctx = {options.n_ctx}: a request there may have {counted(server.facts.context, 'token')}; start "
            "the server with more"
        ).in_japanese(
            f"n_ctx = {options.n_ctx}: そこで 1 回に使えるのは {server.facts.context} "
            "トークンです。サーバーをもっと大きくして起動してください"
        )
    return options.n_ctx or server.facts.context


def _some_tokens(n_vocab: int, count: int) -> list[int]:
    rng = np.random.default_rng(20261121)
    made: list[int] = rng.integers(n_vocab // 8, n_vocab // 2, count).tolist()
    return made


# --- does it repeat itself? ---


def _verdict(server: FullServer, record: Capabilities, length: int) -> Exactness:
    if not server.asks_anew and "deterministic" not in server.features:
        return _UNKNOWN
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
        f"({counted(length, 'token')}). That holds while it runs; started anew with other options it may differ.",
    )


_UNKNOWN: Final = Exactness(
    False,
    "このサーバーは、知っている書き出しをいつもキャッシュから使うので、分けて計算しても同じになるかを確かめられません。"
    "同じシードでも文章が変わることがあります。",
    "this server always takes a beginning that it knows from its cache, so it cannot be found out whether pieces give "
    "the same: the same seed may give another text.",
    "サーバーを --enable-deterministic-inference で起動してください。",
    "start the server with --enable-deterministic-inference.",
    ("in pieces",),
)


def _comparisons(server: FullServer, record: Capabilities, tokens: list[int]) -> Iterator[tuple[str, bool]]:
    """Yield (name of the check, whether every probability had the same bits)."""
    half = len(tokens) // 2
    # a row of logits is nothing without all of it
    count = record.n_probs if server.tells_logits else min(_CHECKED_PROBS, record.n_probs)

    def row(asked: Sequence[int], *, cached: bool = False) -> ToldRow:
        body = server.row_body(asked, count, cached=cached)
        return server.read_row(server.wire.post(server.path_there, body)).likeliest(count)

    whole = row(tokens)
    if server.asks_anew:
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


def _model_card(server: FullServer, digest: str) -> ModelCard:
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
        source=f"{ELSEWHERE}{server.title}",
    )
