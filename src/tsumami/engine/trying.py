"""Trying: a model file that was never loaded here is loaded apart first, because a crafted one ends the process.

Guarantee: a file over which llama.cpp breaks down, by an assertion, a division by zero or a wild pointer, breaks down a
process of its own, and is a `ModelFormatError`. What went well is remembered by the sha256 of the weights and the
build, so a model is tried once; weights that came as a Python package, as code does, are not tried at all.

Weights that llama.cpp rearranges (fast mode) go through other kernels, which the compiler or the processor may have
wrong: those are tried whatever they came from, and where only they break down it is an `EngineError` that says so.

The trial does what a run does: it loads everything, reads every piece of the vocabulary, splits a text of many kinds,
and decodes a prompt and a token. What llama.cpp refuses with words is none of its business: loading says the same.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tsumami.apart import Allowance, BrokeDownError, CannotBeginError, Helpers, OvertimeError
from tsumami.engine.adapting import LoadedAdapter, fingerprint_with
from tsumami.errors import EngineError, ModelError, ModelFormatError, OutOfMemoryError, TsumamiError
from tsumami.machine import processor
from tsumami.models import ModelFile
from tsumami.native import ContextOptions, DecodeRow, NativeContext, NativeModel, engine_build
from tsumami.storage import recall, remember
from tsumami.wording import counted

__all__ = ["answer", "try_first"]

_MEMORY: Final = "tried"
_VERSION: Final = 2  # raise it when the trial itself changes
_SLOWEST: Final = 20e6  # bytes of weights a second of processor time
_LEAST_SECONDS: Final = 20.0
_KINDS: Final = "Hello, world! 12345 don't\n\n\t 日本語の文章。 é 😀 <s></s> \x00\x7f " + "".join(map(chr, range(256)))
_PROMPT: Final = 40  # tokens: more than one piece of 32


def try_first(
    file: ModelFile,
    fingerprint: str,
    adapters: Sequence[LoadedAdapter] = (),
    *,
    repack: bool,
    waits: Callable[[], None] | None = None,
) -> None:
    """Load a file apart, and then with its adapters, unless it went well before.

    Args:
        file: the model.
        fingerprint: of its weights.
        adapters: found to fit it.
        repack: as it will be loaded.
        waits: called some times a second meanwhile; what it raises breaks the trial off.

    Raises:
        ModelFormatError: llama.cpp breaks down over it.
        EngineError: it breaks down only where it rearranges the weights.
        OutOfMemoryError: it takes more memory than there is.
        ModelError: it takes far longer than a file of its size should.
    """
    if not file.source.startswith("package "):
        _try(_Attempt(_key(fingerprint), file.name, file.path, file.size), waits)
    if repack:
        _try_fast(file, fingerprint, waits)
    if adapters:
        key = _key(fingerprint_with(fingerprint, adapters), repack=repack)
        names, size = ", ".join(one.name for one in adapters), sum(one.file.size for one in adapters)
        paths = tuple((os.fspath(one.file.path), one.scale) for one in adapters)
        _try(_Attempt(key, names, file.path, file.size + size, repack, paths), waits)


def _try_fast(file: ModelFile, fingerprint: str, waits: Callable[[], None] | None) -> None:
    try:
        _try(_Attempt(_key(fingerprint, repack=True), file.name, file.path, file.size, repack=True), waits)
    except ModelFormatError as error:
        raise EngineError(
            f"llama.cpp, as it was compiled here, breaks down over rearranged weights ({error.__cause__}). Load the"
            " model exactly (without --fast), or compile llama-cpp-python anew: make clean, then make setup"
        ).in_japanese(
            "このマシンでコンパイルされた llama.cpp は、並べ替えた重みで止まります"
            f"（{error.__cause__}）。exact で（--fast なしで）読み込むか、llama-cpp-python "
            "をコンパイルし直してください（make clean のあとに make setup）"
        ) from error


def _key(fingerprint: str, *, repack: bool = False) -> str:
    return f"{_VERSION}|{fingerprint}|{engine_build()}|{processor() if repack else 'exact'}"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt: what it is remembered by, who is to blame, and what is loaded."""

    key: str
    name: str
    path: Path
    size: int
    repack: bool = False
    adapters: tuple[tuple[str, float], ...] = ()


def _try(trial: _Attempt, waits: Callable[[], None] | None) -> None:
    if recall(_MEMORY).get(trial.key) is True:
        return
    helpers = Helpers("tsumami.engine.trying:answer", Allowance(_LEAST_SECONDS + trial.size / _SLOWEST), room=1)
    request = json.dumps([os.fspath(trial.path), trial.repack, trial.adapters]).encode()
    try:
        with contextlib.closing(helpers):
            helpers.ask(trial.key, request, waits)
    except CannotBeginError:
        return  # it is loaded without a trial
    except BrokeDownError as error:
        if error.signal is None and "Traceback" in error.said:
            return  # that was Python, which ends nobody's process
        raise _refusal(trial.name, error) from error
    except OvertimeError as error:
        raise ModelError(
            f"{trial.name}: loading it for a trial took longer than a file of {counted(trial.size, 'byte')} should"
        ).in_japanese(
            f"{trial.name}: 試しに読み込む時間が、{trial.size:,} バイトのファイルにしては長すぎます"
        ) from error
    remember(_MEMORY, trial.key, True)


def _refusal(name: str, error: BrokeDownError) -> ModelError:
    if error.signal == "SIGKILL":
        return OutOfMemoryError(f"{name}: the system ended the process that loaded it, for want of memory").in_japanese(
            f"{name}: メモリーが足りないため、読み込んでいたプロセスをシステムが止めました"
        )
    return ModelFormatError(
        f"{name}: llama.cpp breaks down over this file ({error.signal or 'it ended'}{_words(error.said)}), so it "
        "is damaged or was made to do harm; download it again from somebody you trust"
    ).in_japanese(
        f"{name}: このファイルを読むと llama.cpp が止まります（{error.signal or '終了'}"
        f"{_words(error.said)}）。壊れているか、害を与えるために作られたファイルです。"
        "信頼できる所から取り直してください"
    )


def _words(said: str) -> str:
    """The line in which llama.cpp says what it asserts, without the place in its source."""
    found = [line.partition("GGML_ASSERT")[2] for line in said.splitlines() if "GGML_ASSERT" in line]
    return f": GGML_ASSERT{found[-1]}"[:200] if found else ""


def answer(request: bytes) -> bytes:
    """Load the file, and do with it what a run does."""
    path, repack, adapters = json.loads(request)
    with contextlib.suppress(TsumamiError):
        model = NativeModel(Path(path), repack=repack)
        for adapter, scale in adapters:
            model.add_adapter(Path(adapter), scale)
        pieces = [model.vocab.piece(token) for token in range(model.vocab.n_tokens)]
        tokens = []
        if model.vocab.has_texts:
            tokens = model.vocab.tokenize(_KINDS.encode(), add_special=True, parse_special=True)
        assert len(pieces) == model.vocab.n_tokens
        _ = (model.chat_template, model.description, model.vocab.bos, model.vocab.eos)
        if model.generates:
            _decode(model, [token for token in tokens if 0 <= token < len(pieces)] or [0])
        model.close()
    return b"loaded"


def _decode(model: NativeModel, tokens: list[int]) -> None:
    prompt = (tokens * _PROMPT)[:_PROMPT]
    context = NativeContext(model, ContextOptions(256, 64, 32, 2, 1, exact=True))
    with contextlib.closing(context):
        context.decode([DecodeRow(token, place, 0, place == _PROMPT - 1) for place, token in enumerate(prompt)])
        context.decode([DecodeRow(tokens[0], _PROMPT, 0, True)])
        context.logits(0)
