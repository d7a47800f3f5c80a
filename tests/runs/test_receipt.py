"""The receipt is enough: from it alone, another process gives the same tokens and probabilities."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import tsumami
from tsumami.engine import processor
from tsumami.native import engine_build
from tsumami.runs import Run

_AGAIN = """
import json, sys
import tsumami
receipt = json.load(sys.stdin)
settings = tsumami.Settings.from_mapping(receipt["settings"]).replace(seed=receipt["seed"])
with tsumami.load(receipt["model"]["name"], threads=1) as model:
    run = model.run(receipt["prompt_tokens"], settings)
    sys.stdout.write(run.to_json())
"""


def test_it_holds_what_the_text_depends_on(smollm2: tsumami.Model) -> None:
    made = tsumami.Settings(temperature=1.2, max_tokens=4, stop=("\n",))
    receipt = smollm2.run("発光ダイオード", made).receipt
    assert receipt.prompt == "発光ダイオード"
    assert receipt.prompt_tokens == tuple(smollm2.tokenize("発光ダイオード"))
    assert receipt.template == "raw"
    assert receipt.settings == made
    assert 0 <= receipt.seed < 2**32 - 1
    assert receipt.tsumami == version("tsumami")
    assert receipt.model == smollm2.model_card
    assert (receipt.model.name, receipt.model.quantization) == ("smollm2", "Q4_1")
    assert len(bytes.fromhex(receipt.model.fingerprint)) == 32
    assert receipt.model.source
    assert receipt.model.license == "Apache-2.0"
    build = engine_build()
    assert (receipt.engine.binding, receipt.engine.library) == (build.binding, build.library)
    assert (receipt.engine.features, receipt.engine.processor) == (build.features, processor())
    assert (receipt.engine.mode, receipt.engine.exact, receipt.engine.n_ctx) == ("exact", True, smollm2.n_ctx)
    assert receipt.engine.why_ja
    assert receipt.engine.why_en


def test_the_seed_that_was_given_is_the_effective_one(model: tsumami.Model) -> None:
    assert model.run("x", seed=77, max_tokens=1).receipt.seed == 77


def test_the_format_that_made_the_prompt_is_named(model: tsumami.Model) -> None:
    receipt = model.chat("Hello", template="llama2", max_tokens=1).receipt
    assert receipt.template == "llama2"
    assert receipt.prompt.startswith("<s>[INST] <<SYS>>")
    assert receipt.prompt_tokens == tuple(model.tokenize(receipt.prompt, add_special=False))
    assert model.run([1, 2, 3], max_tokens=1).receipt.template == "tokens"


@pytest.mark.parametrize("knobs", [{}, {"mirostat_mode": 2}], ids=["sample", "mirostat"])
def test_a_fresh_process_gives_the_same_from_the_receipt_alone(model: tsumami.Model, knobs: dict[str, int]) -> None:
    run = model.chat("A poem about a lamp, please.", max_tokens=24, **knobs)
    done = subprocess.run(
        [sys.executable, "-c", _AGAIN],
        input=json.dumps(run.receipt.to_dict()),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    again = Run.from_json(done.stdout)
    assert run.settings.seed == -1
    assert (again.steps, again.stop_reason) == (run.steps, run.stop_reason)
    assert again.receipt.model.fingerprint == run.receipt.model.fingerprint


def test_a_saved_run_verifies_with_the_command_of_the_library(model: tsumami.Model, tmp_path: Path) -> None:
    model.run("A lamp", max_tokens=8).save(tmp_path / "run.json")
    assert model.verify(Run.load(tmp_path / "run.json")).same
