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
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tsumami.apart import Allowance, BrokeDownError, CannotBeginError, Helpers, OvertimeError
from tsumami.errors import EngineError, ModelError, ModelFormatError, OutOfMemoryError, TsumamiError
from tsumami.machine import processor
from tsumami.models import ModelFile
from tsumami.native import ContextOptions, DecodeRow, NativeContext, NativeModel, engine_build
from tsumami.storage import recall, remember

__all__ = ["answer", "try_first"]

_MEMORY: Final = "tried"
_VERSION: Final = 2  # raise it when the trial itself changes
_SLOWEST: Final = 20e6  # bytes of weights a second of processor time
_LEAST_SECONDS: Final = 20.0
_KINDS: Final = "Hello, world! 12345 don't\n\n\t 日本語の文章。 é 😀 <s></s> \x00\x7f " + "".join(map(chr, range(256)))
_PROMPT: Final = 40  # tokens: more than one piece of 32


def try_first(file: ModelFile, fingerprint: str, *, repack: bool, waits: Callable[[], None] | None = None) -> None:
    """Load a file apart, unless it went well before.

    waits: called some times a second meanwhile; what it raises breaks the trial off.

    Raises:
        ModelFormatError: llama.cpp breaks down over it.
        EngineError: it breaks down only where it rearranges the weights.
        OutOfMemoryError: it takes more memory than there is.
        ModelError: it takes far longer than a file of its size should.
    """
    trusted = file.source.startswith("package ")
    if not repack:
        if not trusted:
            _try(file, fingerprint, repack=False, waits=waits)
        return
    try:
        _try(file, fingerprint, repack=True, waits=waits)
    except ModelFormatError as error:
        if not trusted:
            _try(file, fingerprint, repack=False, waits=waits)
        raise EngineError(
            f"llama.cpp, as it was compiled here, breaks down over rearranged weights ({error.__cause__}). Load the"
            " model exactly (without --fast), or compile llama-cpp-python anew: make clean, then make setup"
        ) from error


def _try(file: ModelFile, fingerprint: str, *, repack: bool, waits: Callable[[], None] | None) -> None:
    key = f"{_VERSION}|{fingerprint}|{engine_build()}|{processor() if repack else 'exact'}"
    if recall(_MEMORY).get(key) is True:
        return
    helpers = Helpers("tsumami.engine.trying:answer", Allowance(_LEAST_SECONDS + file.size / _SLOWEST), room=1)
    try:
        with contextlib.closing(helpers):
            helpers.ask(key, json.dumps([os.fspath(file.path), repack]).encode(), waits)
    except CannotBeginError:
        return  # it is loaded without a trial
    except BrokeDownError as error:
        if error.signal is None and "Traceback" in error.said:
            return  # that was Python, which ends nobody's process
        raise _refusal(file, error) from error
    except OvertimeError as error:
        raise ModelError(
            f"{file.name}: loading it for a trial took longer than a file of {file.size:,} bytes should"
        ) from error
    remember(_MEMORY, key, True)


def _refusal(file: ModelFile, error: BrokeDownError) -> ModelError:
    if error.signal == "SIGKILL":
        return OutOfMemoryError(f"{file.name}: the system ended the process that loaded it, for want of memory")
    return ModelFormatError(
        f"{file.name}: llama.cpp breaks down over this file ({error.signal or 'it ended'}{_words(error.said)}), so it "
        "is damaged or was made to do harm; download it again from somebody you trust"
    )


def _words(said: str) -> str:
    """The line in which llama.cpp says what it asserts, without the place in its source."""
    found = [line.partition("GGML_ASSERT")[2] for line in said.splitlines() if "GGML_ASSERT" in line]
    return f": GGML_ASSERT{found[-1]}"[:200] if found else ""


def answer(request: bytes) -> bytes:
    """Load the file, and do with it what a run does."""
    path, repack = json.loads(request)
    with contextlib.suppress(TsumamiError):
        model = NativeModel(Path(path), repack=repack)
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
