"""Adapters belong to the loaded model: they change its rows, its fingerprint, and what its runs can be verified on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine import tiny_model
from tests.support.adapters import write_for

import tsumami
from tsumami.apart import BrokeDownError
from tsumami.engine import Adapter, EngineOptions, loading, trying
from tsumami.engine.adapting import adapters_from, prepared
from tsumami.engine.exactness import EXACT_VERDICT
from tsumami.errors import ModelFormatError, RunFileError, SettingsError
from tsumami.models import resolve
from tsumami.native import Float32Array

WEIGHTS = ("blk.0.attn_q.weight", "blk.1.ffn_down.weight")
PROMPT = [1, 2, 3, 4, 5]


@pytest.fixture(scope="module")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("tiny") / "tiny.gguf", tiny_model.SENSITIVE)


@pytest.fixture(scope="module")
def styles(tiny_path: Path) -> list[Path]:
    return [write_for(tiny_path.parent / f"style{i}.gguf", tiny_path, WEIGHTS, rank=3, seed=i) for i in range(3)]


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(loading, "remembered_check", lambda *_, **__: EXACT_VERDICT)


def loaded(path: Path, *adapters: Any) -> tsumami.Model:
    return tsumami.load(path, n_ctx=512, threads=1, lora=adapters)


def row(path: Path, *adapters: Any) -> Float32Array:
    with loaded(path, *adapters) as model:
        run = model.run(PROMPT, seed=0, max_tokens=2)
        return np.concatenate(list(run.replayer.rows(run)))  # type: ignore[union-attr]  # a model's run has one


def test_a_scale_changes_the_rows_and_0_changes_no_bit(
    tiny_path: Path, styles: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "try_first", lambda *_, **__: None)
    none = row(tiny_path)
    assert row(tiny_path, (styles[0], 0)).tobytes() == none.tobytes()
    half, full = row(tiny_path, f"{styles[0]}:0.5"), row(tiny_path, styles[0])
    assert len({one.tobytes() for one in (none, half, full)}) == 3
    assert row(tiny_path, f"{styles[0]}:0.5").tobytes() == half.tobytes()
    two = row(tiny_path, (styles[0], 0.5), (styles[1], -1))
    assert two.tobytes() not in {none.tobytes(), half.tobytes(), full.tobytes()}
    assert row(tiny_path, (styles[0], 0.5), (styles[1], -1)).tobytes() == two.tobytes()


def test_the_receipt_names_them_and_another_model_of_them_is_another_model(
    tiny_path: Path, styles: list[Path], tmp_path: Path
) -> None:
    with loaded(tiny_path) as bare, loaded(tiny_path, f"{styles[0]}:0.5") as adapted:
        ours, theirs = adapted.model_card, bare.model_card
        assert [(one.name, one.scale) for one in ours.adapters] == [("style0.gguf", 0.5)]
        assert ours.file_sha256 == theirs.fingerprint == theirs.file_sha256 != ours.fingerprint
        assert str(tiny_path.parent) not in str(ours.adapters)
        run = adapted.run(PROMPT, seed=0, max_tokens=6)
        run.save(tmp_path / "run.json")
        assert tsumami.Run.load(tmp_path / "run.json") == run
        assert adapted.verify(run).same
        found = bare.verify(run)
        assert not found.same
        (told,) = (en for _, en in found.circumstances if "LoRA" in en)
        assert told.startswith("other LoRA adapters: style0.gguf x 0.5")
        assert told.endswith("→ none")
        assert not any("other weights" in en for _, en in found.circumstances)
        with pytest.raises(RunFileError, match=r"made with .* \+ style0.gguf x 0.5"):
            run.attach(bare).ledger(0)
        plain = bare.run(PROMPT, seed=0, max_tokens=1)
    assert '"adapters"' not in plain.to_json()


def test_of_three_nobody_says_exact(tiny_path: Path, styles: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """llama.cpp adds them up in an order that depends on where they lie in memory."""
    monkeypatch.setattr(loading, "try_first", lambda *_, **__: None)
    with loaded(tiny_path, *styles[:2], (styles[2], 0)) as two, loaded(tiny_path, *styles) as three:
        assert two.exactness.exact
        assert not three.exactness.exact
        assert "three LoRA adapters" in three.exactness.why_en
        assert three.exactness.remedy_ja


def test_one_that_does_not_fit_is_refused_before_anything_is_loaded(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tiny_model.write(tmp_path / "other.gguf", tiny_model.EVEN)
    monkeypatch.setattr(loading, "NativeModel", None)
    with pytest.raises(ModelFormatError, match="does not fit"):
        loaded(tiny_path, write_for(tmp_path / "style.gguf", other, WEIGHTS))


def test_one_over_which_llama_cpp_breaks_down_breaks_down_a_process_of_its_own(
    tiny_path: Path, styles: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking:
        """Helpers in which every adapter ends the process."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def ask(self, _key: str, request: bytes, *_: object) -> bytes:
            if b"style0" in request:
                raise BrokeDownError("SIGSEGV", "")
            return b""

        def close(self) -> None: ...

    monkeypatch.setattr(trying, "Helpers", Breaking)
    with pytest.raises(ModelFormatError, match=r"style0.gguf: llama.cpp breaks down over this file \(SIGSEGV"):
        loaded(tiny_path, styles[0])
    loaded(tiny_path).close()


def test_a_good_one_is_tried_once_with_its_model_also_where_that_is_not(
    tiny_path: Path, styles: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = resolve(tiny_path)
    adapters = prepared(adapters_from(str(styles[0])), file)
    trying.try_first(file, "its sha256", adapters, repack=False)
    monkeypatch.setattr(trying, "Helpers", None)
    trying.try_first(file, "its sha256", adapters, repack=False)
    with pytest.raises(TypeError):
        trying.try_first(resolve(), "a package's", adapters, repack=False)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("a.gguf", Adapter("a.gguf")),
        ("a.gguf:0.5", Adapter("a.gguf", 0.5)),
        ("a.gguf:-2", Adapter("a.gguf", -2)),
        ("C:a.gguf", Adapter("C:a.gguf")),
        (Path("a.gguf:0.5"), Adapter("a.gguf:0.5")),
        (("a.gguf", 0), Adapter("a.gguf", 0)),
        (Adapter("a.gguf", 3), Adapter("a.gguf", 3)),
    ],
)
def test_every_way_to_give_one(given: Any, made: Adapter) -> None:
    assert EngineOptions(lora=(given,)) == EngineOptions(lora=given if not isinstance(given, tuple) else (given,))
    assert EngineOptions(lora=(given,)).adapters == (made,)


def test_a_file_whose_name_ends_like_a_scale_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a:2").touch()
    assert Adapter.parse(f"{tmp_path}/a:2") == Adapter(f"{tmp_path}/a:2")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("a.gguf:101",), "needs -100 to 100"),
        (("a.gguf:nan",), "no number"),
        ((("a.gguf", True),), "no number"),
        ((":0.5",), "path of an adapter is empty"),
        (("a.gguf:1", "a.gguf:2"), "named twice"),
        ((7,), "7 is no adapter"),
        (tuple(f"{i}.gguf" for i in range(17)), "at most 16"),
    ],
)
def test_what_is_none_is_refused(given: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        EngineOptions(lora=given)
