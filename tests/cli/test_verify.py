"""`tsumami verify`: the same bit for bit, or what differs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import tsumami
from tsumami.cli.options import ModelOptions
from tsumami.cli.verify import as_the_receipt_says


@pytest.fixture(scope="module")
def saved(model: tsumami.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("runs") / "run.json"
    model.run("The sky above the city", max_tokens=8, seed=5).save(file)
    return file


def edited(file: Path, target: Path, change: Any) -> Path:
    form = json.loads(file.read_text("utf-8"))
    change(form)
    target.write_text(json.dumps(form), "utf-8")
    return target


def test_the_same_run_is_the_same(invoke: Any, saved: Path) -> None:
    called = invoke("verify", str(saved))
    assert called.code == 0
    assert called.out == "The same, bit for bit: 8 tokens and every probability.\n"
    assert called.err == ""


def test_another_mode_is_named_as_the_circumstance(invoke: Any, saved: Path) -> None:
    called = invoke("verify", str(saved), "--fast")
    assert called.code in (0, 1)  # fast arithmetic may happen to agree
    assert "exact against fast mode: exact → fast" in called.err


def test_an_edited_seed_is_found_out(invoke: Any, saved: Path, tmp_path: Path) -> None:
    file = edited(saved, tmp_path / "r.json", lambda form: form["receipt"].update(seed=6))
    called = invoke("verify", str(file), lang="ja")
    assert called.code == 1
    assert called.out.startswith("違います")
    assert "書き換えられた" in called.err


def test_an_edited_probability_is_found_out(invoke: Any, saved: Path, tmp_path: Path) -> None:
    file = edited(saved, tmp_path / "r.json", lambda form: form["steps"][3].update(p_raw=0.5))
    called = invoke("verify", str(file), "--json")
    assert called.code == 1
    found = json.loads(called.out)
    assert (found["same_tokens"], found["same_numbers"], found["first_difference"]) == (True, False, 3)


def test_a_run_without_tokens_cannot_be_compared(refused: Any, saved: Path, tmp_path: Path) -> None:
    file = edited(saved, tmp_path / "r.json", lambda form: form.update(steps=[], text=""))
    assert "no tokens" in refused("verify", str(file))


def test_the_model_and_its_mode_come_from_the_receipt(model: tsumami.Model, saved: Path) -> None:
    receipt = tsumami.Run.load(saved).receipt
    exact = ModelOptions("smollm2", 4096, None, None, False, repack=False)
    assert as_the_receipt_says(ModelOptions(), receipt) == exact
    assert as_the_receipt_says(ModelOptions(repack=True), receipt).repack is True
    engine = dataclasses.replace(receipt.engine, repacked=True)
    assert as_the_receipt_says(ModelOptions(), dataclasses.replace(receipt, engine=engine)).repack is True
    assert as_the_receipt_says(ModelOptions(model="x", fast=True), receipt) == ModelOptions("x", 4096, None, None, True)
