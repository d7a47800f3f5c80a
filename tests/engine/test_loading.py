"""Loading: what is refused, what is known afterwards, and that nothing is left behind."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
from tests.support.gguf_writer import BOOL, F32, gguf, pair, text

from tsumami.engine import exactness
from tsumami.engine import loading as loading_module
from tsumami.engine.exactness import EXACT_VERDICT, FAST_VERDICT
from tsumami.engine.loading import EngineKeywords, EngineOptions, LoadedModel, load
from tsumami.engine.planning import SOLO, TOGETHER
from tsumami.engine.sequence import Sequence
from tsumami.errors import EngineClosedError, ModelFormatError, OutOfMemoryError, SettingsError
from tsumami.models.finding import resolve
from tsumami.native import NativeModel
from tsumami.storage import cache_directory

from . import tiny_model

TinyFiles = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Notes every self-check that really runs."""
    ran: list[object] = []
    really = exactness.check_exactness

    def check(*args: Any, **options: Any) -> exactness.Exactness:
        ran.append(args[0])
        return really(*args, **options)

    monkeypatch.setattr(exactness, "check_exactness", check)
    return ran


def engine_threads() -> int:
    return sum(thread.name == "tsumami-engine" for thread in threading.enumerate())


# --- options


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_ctx", 511), ("n_ctx", 0), ("n_ctx", -1), ("n_ctx", 2**31), ("threads", 0), ("threads", 513),
     ("n_cells", 511), ("n_cells", 2**40), ("n_gpu_layers", -2), ("n_gpu_layers", 2**31)],
)  # fmt: skip
def test_an_option_outside_its_range_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(SettingsError, match=rf"{name} = {value}: needs -?\d+ to \d+"):
        EngineOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["n_ctx", "threads", "n_cells", "n_gpu_layers"])
@pytest.mark.parametrize("value", ["4096", 1024.5, float("nan"), True, [1]])
def test_an_option_that_is_no_whole_number_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=rf"{name} = .*whole number"):
        EngineOptions(**{name: value})  # type: ignore[arg-type]


def test_the_keywords_are_the_fields() -> None:
    assert get_type_hints(EngineKeywords) == get_type_hints(EngineOptions)


def test_more_context_than_the_model_was_trained_for_is_refused(tiny_files: TinyFiles) -> None:
    """gpt2, say, has a table of positions: one beyond it would take the process down."""
    before = engine_threads()
    with pytest.raises(SettingsError, match=r"n_ctx = 4097: .*trained for 4,096 tokens"):
        load(tiny_files("Q8_0"), EngineOptions(n_ctx=4097))
    assert engine_threads() == before
    load(tiny_files("Q8_0"), EngineOptions(n_ctx=4096)).close()


def test_a_cache_that_cannot_be_is_out_of_memory_and_leaves_nothing(tiny_files: TinyFiles) -> None:
    before = engine_threads()
    with pytest.raises(OutOfMemoryError, match="smaller n_ctx"):
        load(tiny_files("Q8_0"), EngineOptions(n_cells=2**31 - 1))
    assert engine_threads() == before


def test_the_cache_has_whole_rows_of_256_cells_and_room_for_one_context(tiny_files: TinyFiles) -> None:
    for options, n_cells, n_ctx in (
        (EngineOptions(), 8192, 4096),
        (EngineOptions(n_ctx=600), 1280, 600),
        (EngineOptions(n_ctx=600, n_cells=600), 768, 600),
        (EngineOptions(n_ctx=1000, n_cells=1000), 1024, 1000),
    ):
        loaded = load(tiny_files("Q8_0"), options)
        assert (loaded.engine.n_cells, loaded.n_ctx, loaded.options) == (n_cells, n_ctx, options)
        loaded.close()


def test_a_cache_that_could_not_hold_one_run_is_refused_with_both_numbers(tiny_files: TinyFiles) -> None:
    with pytest.raises(SettingsError, match=r"n_cells = 512.*n_ctx = 1,000"):
        load(tiny_files("Q8_0"), EngineOptions(n_ctx=1000, n_cells=512))


# --- files


@pytest.mark.parametrize("keep", [0, 3, 10, 200, 3000, 100_000])
def test_a_truncated_file_is_refused(tiny_files: TinyFiles, tmp_path: Path, keep: int) -> None:
    data = tiny_files("Q8_0").read_bytes()
    assert keep < len(data)
    path = tmp_path / "cut.gguf"
    path.write_bytes(data[:keep])
    with pytest.raises(ModelFormatError, match=r"cut\.gguf"):
        load(path)
    path.write_bytes(data[:-1])
    with pytest.raises(ModelFormatError, match=r"cut\.gguf"):
        load(path)


def test_garbage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "garbage.gguf"
    for data in (b"\0" * 5000, b"GGUF" + b"\xff" * 5000, np.random.default_rng(0).bytes(5000)):
        path.write_bytes(data)
        with pytest.raises(ModelFormatError, match=r"garbage\.gguf"):
            load(path)


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.gguf"
    path.write_bytes(gguf(tensors=(), data=0))
    with pytest.raises(ModelFormatError, match=r"vocabulary\.gguf"):
        load(path)


def test_weights_that_are_not_a_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(gguf())
    with pytest.raises(ModelFormatError, match=r"odd\.gguf: llama\.cpp cannot load this file: .+"):
        load(path)


def test_an_unknown_architecture_is_named_with_the_remedy(tmp_path: Path) -> None:
    data = resolve().path.read_bytes()
    at = data.index(b"llama", data.index(b"general.architecture"))
    path = tmp_path / "new.gguf"
    path.write_bytes(data[:at] + b"lloma" + data[at + 5 :])
    with pytest.raises(ModelFormatError, match=r"new\.gguf: the architecture 'lloma'.*newer llama-cpp-python"):
        load(path)


def test_an_embedding_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bert.gguf"
    pairs = [text("general.architecture", "bert"), pair("bert.attention.causal", BOOL, b"\0")]
    path.write_bytes(gguf(pairs, (("w", (4, 2), F32, 0),)))
    with pytest.raises(ModelFormatError, match="does not generate text"):
        load(path)


def test_a_model_that_does_not_generate_is_refused(tiny_files: TinyFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsumami.native.NativeModel.generates", False)
    before = engine_threads()
    with pytest.raises(ModelFormatError, match="does not generate text"):
        load(tiny_files("Q8_0"))
    assert engine_threads() == before


# --- the verdict


def test_an_exact_model_runs_together_and_says_so(tiny_files: TinyFiles, checks: list[object]) -> None:
    loaded = load(tiny_files("Q8_0"))
    assert loaded.exactness == EXACT_VERDICT
    assert loaded.engine.policy == TOGETHER
    assert loaded.engine.usage().live_sequences == 0
    assert len(checks) == 1
    loaded.close()


def test_a_model_that_is_not_exact_runs_alone_and_says_so(tiny_files: TinyFiles, checks: list[object]) -> None:
    for _ in range(2):
        loaded = load(tiny_files("F16"))
        assert not loaded.exactness.exact
        assert "-DGGML_LLAMAFILE=OFF" in loaded.exactness.remedy_en
        assert loaded.engine.policy == SOLO
        loaded.close()
    assert len(checks) == 1, "a bad verdict is remembered, too"


def test_fast_mode_is_not_checked_and_says_so(tiny_files: TinyFiles, checks: list[object]) -> None:
    loaded = load(tiny_files("Q8_0"), EngineOptions(exact=False))
    assert loaded.exactness == FAST_VERDICT
    assert loaded.engine.policy == TOGETHER
    assert loaded.engine.options.n_ubatch == 512
    assert not checks
    loaded.close()


def test_a_verdict_is_remembered_for_what_it_was_found_on(
    tiny_files: TinyFiles, checks: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(name: str, **options: Any) -> int:
        checks.clear()
        load(tiny_files(name), EngineOptions(**options)).close()
        return len(checks)

    assert again("Q8_0", threads=2) == 1
    assert again("Q8_0", threads=2) == 0
    assert again("Q8_0", threads=3) == 0, "how many threads is no matter"
    assert again("Q8_0", threads=2, n_ctx=600) == 1, "a cache of another size is checked by itself"
    assert again("Q8_0", threads=1) == 1, "but one thread proves nothing about two"
    assert again("Q4_1", threads=2) == 1, "other weights"
    monkeypatch.setattr(exactness, "processor", lambda: "another")
    assert again("Q8_0", threads=2) == 1, "another processor"
    monkeypatch.setitem(exactness.USER_ENVIRONMENT, "GGML_CPU_TILED_MM", "1")
    assert again("Q8_0", threads=2) == 1, "the user has chosen other kernels"
    (cache_directory() / "exactness.json").write_text('{"half')
    assert again("Q8_0", threads=2) == 1, "a broken memory"


def test_a_memory_that_says_nonsense_is_not_believed(tiny_files: TinyFiles, checks: list[object]) -> None:
    load(tiny_files("Q8_0")).close()
    path = cache_directory() / "exactness.json"
    path.write_text(path.read_text().replace("[]", "true"))
    assert len(checks) == 1
    load(tiny_files("Q8_0")).close()
    assert len(checks) == 2


# --- life


def test_two_loaded_models_live_beside_each_other(tiny_files: TinyFiles) -> None:
    first, second = load(tiny_files("Q8_0")), load(tiny_files("Q8_0"))
    assert first.fingerprint == second.fingerprint
    rows = [loaded.engine.feed(Sequence(), [1, 2, 3]).last.tobytes() for loaded in (first, second)]
    assert rows[0] == rows[1]
    first.close()
    assert second.engine.feed(Sequence(), [1, 2, 3]).last.tobytes() == rows[0]
    second.close()


def test_closing_twice_is_closing_once(tiny_files: TinyFiles) -> None:
    before = engine_threads()
    loaded = load(tiny_files("Q8_0"))
    assert engine_threads() == before + 1
    loaded.close()
    loaded.close()
    assert engine_threads() == before
    with pytest.raises(EngineClosedError, match="load it again"):
        loaded.engine.feed(Sequence(), [1])


@pytest.mark.parametrize("trouble", [RuntimeError("trouble"), KeyboardInterrupt()])
def test_whatever_interrupts_a_load_leaves_nothing(
    tiny_files: TinyFiles, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(loading_module, "remembered_check", interrupted)
    before = engine_threads()
    with pytest.raises(type(trouble)):
        load(tiny_files("Q8_0"))
    assert engine_threads() == before


def test_closing_gives_the_memory_back(tiny_files: TinyFiles) -> None:
    def resident() -> float:
        ctypes.CDLL(None).malloc_trim(0)  # what other tests gave back, glibc may keep, and use again here
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096 / 2**20

    def use() -> float:
        loaded = load(tiny_files("Q8_0"), EngineOptions(n_cells=150_000, threads=1))
        used = resident()
        loaded.close()
        return used

    use()
    before = resident()
    peaks = [use() - before for _ in range(3)]
    assert min(peaks) > 50, "MiB: so it would show"
    assert resident() - before < 50


def test_progress_of_loading_comes_as_a_share(tiny_files: TinyFiles) -> None:
    shares: list[float] = []
    load(tiny_files("Q8_0"), load_progress=shares.append).close()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(0 <= share <= 1 for share in shares)


def test_what_was_loaded_is_known(tiny_files: TinyFiles) -> None:
    loaded: LoadedModel = load(tiny_files("Q8_0"))
    assert loaded.file.path == tiny_files("Q8_0")
    assert loaded.native.vocab.n_tokens == tiny_model.N_VOCAB
    assert loaded.fingerprint == loaded.file.fingerprint()
    loaded.close()


def test_ctrl_c_while_loading_is_not_lost_in_a_callback() -> None:
    """C calls our log and progress functions; what Python raises inside them, ctypes would print and drop."""
    shares: list[float] = []

    def press(share: float) -> None:
        shares.append(share)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started us may have it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            NativeModel(resolve("smollm2").path, progress=press)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert max(shares) < 1, "loading went on to the end"
