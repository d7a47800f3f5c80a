"""Rearranged weights in exact mode: taken where every bit is the same, once for all, and never in anybody's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tsumami
from tsumami import native
from tsumami.engine import exactness, loading, repacking
from tsumami.engine.loading import EngineOptions, load
from tsumami.errors import CancelledError, EngineError, OutOfMemoryError
from tsumami.models.finding import resolve
from tsumami.runs import Run

Quantised = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory, little_file: Path) -> Quantised:
    """The little model in another weight type."""
    folder = tmp_path_factory.mktemp("quantised")

    def file(kind: str) -> Path:
        path = folder / f"{kind}.gguf"
        if not path.exists():
            native.quantize(little_file, path, kind, threads=2)
        return path

    return file


@pytest.fixture
def layouts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of every load of weights from now on, whether they were rearranged."""
    seen: list[bool] = []
    real = native.NativeModel

    def noted(path: Path, **how: Any) -> native.NativeModel:
        seen.append(how["repack"])
        return real(path, **how)

    monkeypatch.setattr(loading, "NativeModel", noted)
    return seen


def outcome(path: Path, **options: Any) -> tuple[bool, bool]:
    """Whether weights are rearranged, and whether every bit is the same."""
    loaded = load(path, EngineOptions(n_ctx=512, n_cells=1024, **options))
    try:
        return loaded.native.repacked, loaded.exactness.exact
    finally:
        loaded.close()


@pytest.mark.parametrize("kind", ["Q4_0", "IQ4_NL"])
def test_weights_whose_kernels_are_alike_are_rearranged_and_exact(kind: str, quantised: Quantised) -> None:
    assert outcome(quantised(kind)) == (True, True)


def test_weights_whose_kernels_differ_are_not_even_tried(quantised: Quantised, layouts: list[bool]) -> None:
    assert outcome(quantised("Q4_K_M")) == (False, True)
    assert outcome(quantised("Q8_0")) == (False, True)
    assert layouts == [False, False]


@pytest.mark.parametrize("repack", [True, False])
def test_who_says_how_they_are_to_lie_gets_it(repack: bool, quantised: Quantised, layouts: list[bool]) -> None:
    assert outcome(quantised("Q4_0"), repack=repack) == (repack, True)
    assert outcome(quantised("Q4_0"), repack=repack, exact=False) == (repack, False)
    assert layouts == [repack, repack]


def test_a_self_check_that_fails_leaves_them_as_they_are_once_for_all(
    quantised: Quantised, layouts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = exactness.check_exactness

    def check(engine: Any, *given: Any, **options: Any) -> exactness.Exactness:
        if engine.model.repacked:
            return exactness.Exactness(False, "丸めが違う", "other rounding", failed=("in pieces",))
        return real(engine, *given, **options)

    monkeypatch.setattr(exactness, "check_exactness", check)
    assert outcome(quantised("Q4_0")) == (False, True)
    assert layouts == [True, False]
    assert outcome(quantised("Q4_0")) == (False, True)
    assert layouts == [True, False, False]


@pytest.mark.parametrize("breakdown", [EngineError("broken down"), OutOfMemoryError("ended")])
def test_kernels_that_break_down_leave_them_as_they_are_once_for_all(
    breakdown: Exception, quantised: Quantised, layouts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def try_first(*_: Any, repack: bool, **__: Any) -> None:
        tried.append(repack)
        if repack:
            raise breakdown

    monkeypatch.setattr(loading, "try_first", try_first)
    for _ in range(2):
        assert outcome(quantised("Q4_0")) == (False, True)
    assert layouts == [False, False]
    assert tried == [True, False, False]


def test_a_trial_that_nobody_waits_for_any_more_decides_nothing(
    quantised: Quantised, monkeypatch: pytest.MonkeyPatch
) -> None:
    def try_first(*_: Any, **__: Any) -> None:
        raise CancelledError("stopped")

    path = quantised("Q4_0")
    with monkeypatch.context() as patched:
        patched.setattr(loading, "try_first", try_first)
        with pytest.raises(CancelledError):
            load(path)
    assert outcome(quantised("Q4_0")) == (True, True)


def test_a_copy_that_memory_does_not_easily_hold_is_not_made(
    quantised: Quantised, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But a choice that was made stays: the other layout would give another text for the same seed."""
    path = quantised("Q4_0")
    size = path.stat().st_size
    monkeypatch.setattr(repacking, "total_memory", lambda: int(size * 1.5))
    assert outcome(path) == (False, True)
    monkeypatch.setattr(repacking, "total_memory", lambda: size * 2)
    assert outcome(path) == (True, True)
    monkeypatch.setattr(repacking, "total_memory", lambda: int(size * 1.5))
    assert outcome(path) == (True, True)


def test_the_bundled_model_stays_as_it_was() -> None:
    file = resolve()
    assert not repacking.may_repack(file, file.fingerprint())


def test_a_run_says_how_the_weights_lay_and_is_verified_on_the_same_layout(quantised: Quantised) -> None:
    """The other layout has other last bits: a run from before stays what it was by the option that its receipt has."""
    path = quantised("Q4_0")
    runs = {}
    for repack in (None, False):
        with tsumami.load(path, n_ctx=512, n_cells=1024, repack=repack) as model:
            run = Run.from_json(model.run("The lamp", max_tokens=60, seed=2).to_json())
            runs[run.receipt.engine.repacked] = run
            assert model.verify(run).same
    assert set(runs) == {True, False}
    with tsumami.load(path, n_ctx=512, n_cells=1024, repack=False) as model:
        made = model.verify(runs[True])
        assert not made.same_numbers
        assert [en for _, en in made.circumstances] == ["another layout of the weights: --repack → --no-repack"]
