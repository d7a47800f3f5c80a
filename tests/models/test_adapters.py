"""An adapter that was not made for a model is refused in words, before llama.cpp sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.engine import tiny_model
from tests.support.adapters import LORA, write_adapter, write_for
from tests.support.gguf_writer import INT32, array, text, u32

from tsumami.errors import ModelFormatError, ModelNotFoundError
from tsumami.models import ModelFile, check_adapter, open_adapter, resolve

QUERY, EMBEDDING = "blk.0.attn_q.weight", "token_embd.weight"
WIDE = tiny_model.EVEN.n_embd
GOOD = {f"{QUERY}.lora_a": (WIDE, 2), f"{QUERY}.lora_b": (2, WIDE)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return resolve(tiny_model.write(tmp_path_factory.mktemp("tiny") / "tiny.gguf", tiny_model.EVEN))


def test_one_that_fits_is_let_through(model: ModelFile, tmp_path: Path) -> None:
    adapter = open_adapter(write_for(tmp_path / "style.gguf", model.path, [QUERY, "blk.1.ffn_down.weight"]))
    check_adapter(adapter, model)
    assert (adapter.name, adapter.size) == ("style.gguf", (tmp_path / "style.gguf").stat().st_size)


def test_that_of_the_embeddings_stands_the_other_way_round(model: ModelFile, tmp_path: Path) -> None:
    turned = {f"{EMBEDDING}.lora_a": (2, tiny_model.N_VOCAB), f"{EMBEDDING}.lora_b": (2, WIDE)}
    check_adapter(open_adapter(write_adapter(tmp_path / "good.gguf", turned)), model)
    straight = {f"{EMBEDDING}.lora_a": (WIDE, 2), f"{EMBEDDING}.lora_b": (2, tiny_model.N_VOCAB)}
    with pytest.raises(ModelFormatError, match="does not fit"):
        check_adapter(open_adapter(write_adapter(tmp_path / "bad.gguf", straight)), model)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"architecture": "qwen3"}, "is an adapter for 'qwen3' models, and .* is 'llama'"),
        ({"matrices": {}}, "holds no pair of matrices"),
        ({"matrices": {f"{QUERY}.lora_a": (WIDE, 2)}}, "without its other half"),
        ({"matrices": GOOD | {"blk.0.attn_norm.weight": (WIDE,)}}, "is no part of a LoRA"),
        ({"matrices": {"blk.9.attn_q.weight.lora_a": (WIDE, 2), "blk.9.attn_q.weight.lora_b": (2, WIDE)}},
         "adapts the weight blk.9.attn_q.weight, which .* does not have"),
        ({"matrices": GOOD | {f"{QUERY}.lora_a": (WIDE, 3)}}, "does not fit .*64 x 64.*64 x 3 and 2 x 64"),
        ({"matrices": GOOD | {f"{QUERY}.lora_b": (2, WIDE + 1)}}, "made for another model"),
        ({"matrices": GOOD | {f"{QUERY}.lora_a": (WIDE,)}}, "does not fit"),
    ],
)  # fmt: skip
def test_one_that_does_not_fit_is_refused(model: ModelFile, tmp_path: Path, how: dict[str, Any], said: str) -> None:
    adapter = open_adapter(write_adapter(tmp_path / "bad.gguf", **({"matrices": GOOD} | how)))
    with pytest.raises(ModelFormatError, match=said):
        check_adapter(adapter, model)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ((), "holds a 'model', not an adapter"),
        ((text("general.type", "adapter"),), "of the type None"),
        ((text("general.type", "adapter"), text("adapter.type", "dora")), "of the type 'dora'"),
        ((*LORA, array("adapter.alora.invocation_tokens", INT32, 1, u32(5))), "activated LoRA"),
    ],
)
def test_what_is_no_lora_is_refused(tmp_path: Path, about: tuple[bytes, ...], said: str) -> None:
    path = write_adapter(tmp_path / "other.gguf", GOOD, about=about)
    with pytest.raises(ModelFormatError, match=said):
        open_adapter(path)


def test_what_is_no_file_or_no_gguf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no such file"):
        open_adapter(tmp_path / "none.gguf")
    (tmp_path / "text.gguf").write_text("LoRA")
    with pytest.raises(ModelFormatError, match="not a GGUF model"):
        open_adapter(tmp_path / "text.gguf")


def test_an_adapter_in_a_models_place_is_told_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"holds an 'adapter'.*--lora"):
        resolve(write_adapter(tmp_path / "style.gguf", GOOD))
