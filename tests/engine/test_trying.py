"""A file that breaks llama.cpp down breaks down another process, and a good one is tried once."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.engine import tiny_model
from tests.support.gguf_writer import UINT32, string, u32

from tsumami import engine
from tsumami.apart import BrokeDownError, CannotBeginError
from tsumami.engine import trying
from tsumami.errors import EngineError, ModelError, ModelFormatError, OutOfMemoryError
from tsumami.models import resolve


@pytest.fixture(autouse=True)
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path / "cache"))


def crafted(path: Path, key: str, value: int) -> Path:
    """A model of which one number was changed."""
    data = tiny_model.write(path, tiny_model.EVEN).read_bytes()
    place = string(f"llama.{key}") + u32(UINT32)
    at = data.index(place) + len(place)
    path.write_bytes(data[:at] + u32(value) + data[at + 4 :])
    return path


@pytest.mark.parametrize(("key", "value"), [("block_count", 0)])
def test_a_file_over_which_llama_cpp_breaks_down_is_refused_in_words(tmp_path: Path, key: str, value: int) -> None:
    path = crafted(tmp_path / "crafted.gguf", key, value)
    with pytest.raises(ModelFormatError, match=r"breaks down over this file \(SIGABRT: GGML_ASSERT") as caught:
        engine.load(path)
    assert str(tmp_path) not in str(caught.value).replace(str(path), "")


@examples(max_examples=8, suppress_health_check=list(HealthCheck))
@given(
    key=st.sampled_from(["block_count", "embedding_length", "feed_forward_length", "attention.head_count"]),
    value=st.sampled_from([0, 1, 3, 7, 255, 2**16, 2**31 - 1, 2**32 - 1]),
)  # fmt: skip
def test_whatever_number_was_changed_this_process_goes_on(key: str, value: int, tmp_path: Path) -> None:
    with contextlib.suppress(ModelError, EngineError):
        engine.load(crafted(tmp_path / f"{key} {value}.gguf", key, value)).close()


def nobody(*_: object, **__: object) -> Any:
    raise AssertionError("it was tried")


def test_a_good_file_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    file = resolve(resolve().path)
    trying.try_first(file, "its sha256", repack=False)
    monkeypatch.setattr(trying, "Helpers", nobody)
    trying.try_first(file, "its sha256", repack=False)
    with pytest.raises(AssertionError, match="it was tried"):
        trying.try_first(file, "another", repack=False)
    trying.try_first(resolve(), "another", repack=False)  # a package, installed as code is


def test_a_trial_that_nobody_waits_for_is_broken_off(tmp_path: Path) -> None:
    def gone() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trying.try_first(resolve(resolve().path), "its sha256", repack=False, waits=gone)


class Ending:
    """Helpers whose every request ends so."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __call__(self, *_: object, **__: object) -> Ending:
        return self

    def ask(self, *_: object) -> bytes:
        raise self._error

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("ending", "refused"),
    [
        (BrokeDownError("SIGSEGV", ""), ModelFormatError),
        (BrokeDownError(None, "assertion failed"), ModelFormatError),
        (BrokeDownError("SIGKILL", ""), OutOfMemoryError),
        (BrokeDownError(None, "Traceback (most recent call last):"), None),
        (CannotBeginError("no more processes"), None),
    ],
    ids=["a wild pointer", "an exit", "for want of memory", "Python's own exception", "no process"],
)
def test_only_what_would_end_this_process_is_refused(
    monkeypatch: pytest.MonkeyPatch, ending: Exception, refused: type[Exception] | None
) -> None:
    monkeypatch.setattr(trying, "Helpers", Ending(ending))
    file = resolve(resolve().path)
    for _ in range(2):  # and nothing is remembered that was not seen to go well
        if refused is None:
            trying.try_first(file, "its sha256", repack=False)
        else:
            with pytest.raises(refused):
                trying.try_first(file, "its sha256", repack=False)
    assert not trying.recall(trying._MEMORY)


@pytest.mark.parametrize("source", ["package", "file"])
def test_kernels_of_the_fast_mode_that_break_down_are_not_the_files_fault(
    monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """A processor with AMX and a compiler that sets up no tiles for it: the exact mode uses neither."""

    def helpers(_: str, *__: object, **___: object) -> Any:
        made = Ending(BrokeDownError("SIGILL", ""))
        given = made.ask
        made.ask = lambda key, request, waits: b"" if b"false" in request else given(key, request, waits)  # type: ignore[method-assign]
        return made

    monkeypatch.setattr(trying, "Helpers", helpers)
    file = resolve() if source == "package" else resolve(resolve().path)
    with pytest.raises(EngineError, match=r"as it was compiled here.*SIGILL.*without --fast"):
        trying.try_first(file, "its sha256", repack=True)
    trying.try_first(file, "its sha256", repack=False)


def test_a_file_over_which_both_break_down_is_the_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "Helpers", Ending(BrokeDownError("SIGSEGV", "")))
    with pytest.raises(ModelFormatError, match="SIGSEGV"):
        trying.try_first(resolve(resolve().path), "its sha256", repack=True)
