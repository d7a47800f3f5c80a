"""Settings files as people have them: each imports with the values that its own program would use.

The files are other people's work and do not come with the project: they are read from `shared/foreign-settings` beside
it, and where they are not there these tests are skipped. What is expected was read off the files by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from tests.exchange.test_exchange import acting

from tsumami.exchange import read_settings
from tsumami.exchange.dialect import ALL

PLACES: Final = [folder / "shared" / "foreign-settings" for folder in Path(__file__).resolve().parents]
FILES: Final = next((folder for folder in PLACES if folder.is_dir()), None)
PENALISED: Final = ("penalties", "top_k", "top_p", "min_p", "temperature")
#: File: dialect, mode, the stages that act, in their order, and the knobs that it or its program sets.
EXPECTED: Final[dict[str, tuple[str, str, tuple[str, ...] | None, dict[str, Any]]]] = {
    "hf/do-sample.generation_config.json": (
        "transformers", "sample", ("temperature", "top_k", "top_p"), {"temperature": 0.6, "top_k": 20, "top_p": 0.95},
    ),
    "hf/no-do-sample.generation_config.json": ("transformers", "greedy", None, {}),
    "lm-studio/codellama.preset.json": (
        "lm-studio-old", "sample", PENALISED, {"temperature": 0.2, "top_p": 0.9, "top_k": 40, "repeat_penalty": 1.1},
    ),
    "lm-studio/deepseek-coder.preset.json": (
        "lm-studio-old", "sample", PENALISED, {"temperature": 0.8, "top_p": 0.95, "stop": ("### Instruction:",)},
    ),
    "lm-studio/llama3-v2.preset.json": (
        "lm-studio-old", "sample", PENALISED, {"temperature": 0.8, "stop": ("<|start_header_id|>", "<|eot_id|>")},
    ),
    "lm-studio/lm_studio_blank_preset.preset.json": (
        "lm-studio-old", "sample", PENALISED, {"temperature": 0.8, "top_k": 40, "stop": ()},
    ),
    "ollama/assistant.Modelfile": (
        "ollama-modelfile", "sample", None, {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "min_p": 0.0},
    ),
    "ollama/gpu.Modelfile": (
        "ollama-modelfile", "sample", None, {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "min_p": 0.0},
    ),
    "sillytavern-kobold/Godlike.json": (
        "sillytavern-kobold", "sample", ("penalties", "temperature", "typ_p", "tfs_z", "top_p", "top_a"),
        {"temperature": 0.7, "repeat_penalty": 1.1, "repeat_last_n": 1024, "top_p": 0.5, "top_a": 0.75, "top_k": 0,
         "typical_p": 0.19, "tfs_z": 0.97},
    ),
    "sillytavern-kobold/Miro Silver.json": (
        "sillytavern-kobold", "mirostat", None,
        {"temperature": 1.17, "mirostat_mode": 2, "mirostat_tau": 9.62, "mirostat_eta": 1.0, "repeat_penalty": 1.0},
    ),
    "sillytavern-kobold/TFS-with-Top-A.json": (
        "sillytavern-kobold", "sample", ("penalties", "top_a", "tfs_z", "temperature"),
        {"temperature": 0.7, "repeat_penalty": 1.15, "repeat_last_n": 2048, "top_a": 0.2, "tfs_z": 0.95},
    ),
    "sillytavern-kobold/Universal-Creative.json": (
        "sillytavern-kobold", "sample", ("temperature", "min_p"), {"temperature": 1.5, "min_p": 0.1, "top_k": 0},
    ),
    "sillytavern-textgen/Beam Search.json": (
        "sillytavern", "sample", ("penalties", "no_repeat_ngram", "top_k", "top_p", "temperature"),
        {"temperature": 0.7, "top_p": 0.92, "top_k": 150, "repeat_penalty": 3.0, "repeat_last_n": ALL,
         "no_repeat_ngram_size": 2, "min_tokens": 200},
    ),
    "sillytavern-textgen/Contrastive Search.json": (
        "sillytavern", "contrastive", None, {"penalty_alpha": 0.6, "top_k": 4},
    ),
    "sillytavern-textgen/Default.json": (
        "sillytavern", "sample", ("penalties", "top_k", "top_p", "temperature"),
        {"temperature": 0.7, "top_p": 0.5, "top_k": 40, "repeat_penalty": 1.2, "repeat_last_n": ALL},
    ),
    "sillytavern-textgen/Deterministic.json": ("sillytavern", "greedy", None, {"repeat_penalty": 1.18}),
    "sillytavern-textgen/Midnight Enigma.json": (
        "sillytavern", "sample", ("penalties", "top_k", "top_p", "temperature"),
        {"temperature": 0.98, "top_p": 0.37, "top_k": 100, "repeat_penalty": 1.18},
    ),
    "sillytavern-textgen/Miro Gold.json": (
        "sillytavern", "mirostat", None,
        {"temperature": 1.17, "mirostat_mode": 2, "mirostat_tau": 9.91, "mirostat_eta": 1.0},
    ),
    "sillytavern-textgen/Mirostat.json": (
        "sillytavern", "mirostat", None,
        {"temperature": 1.0, "mirostat_mode": 2, "mirostat_tau": 8.0, "mirostat_eta": 0.1},
    ),
    "sillytavern-textgen/Universal-Light.json": (
        "sillytavern", "sample", ("temperature", "min_p"), {"temperature": 1.25, "min_p": 0.1, "top_k": 0},
    ),
    "text-generation-webui/Creative.yaml": (
        "text-generation-webui", "sample", ("min_p", "xtc"),
        {"temperature": 1.0, "min_p": 0.02, "xtc_probability": 0.5, "xtc_threshold": 0.1},
    ),
    "text-generation-webui/Deterministic.yaml": ("text-generation-webui", "greedy", None, {}),
    "text-generation-webui/Top-P.yaml": (
        "text-generation-webui", "sample", ("top_p",), {"temperature": 1.0, "top_p": 0.95, "top_k": 0, "min_p": 0.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_file_means_here_what_it_means_there(name: str) -> None:
    if FILES is None:
        pytest.skip("the files of other people are not here")
    dialect, mode, stages, knobs = EXPECTED[name]
    found = read_settings((FILES / name).read_text("utf-8"))
    settings = found.settings
    assert (found.dialect, settings.mode) == (dialect, mode)
    assert {knob: getattr(settings, knob) for knob in knobs} == knobs
    assert stages is None or acting(settings) == stages


def test_every_file_has_its_expectation() -> None:
    if FILES is None:
        pytest.skip("the files of other people are not here")
    there = {str(path.relative_to(FILES)) for path in FILES.glob("*/*") if path.is_file()}
    assert there == set(EXPECTED)


def test_adaptive_p_is_off_at_0_where_it_is_off_there() -> None:
    for dialect, text in (
        ("sillytavern", '{{"adaptive_target": {}}}'),
        ("text-generation-webui", "adaptive_target: {}"),
    ):
        for value, ours in ((0, -1.0), (-0.01, -1.0), (0.5, 0.5)):
            assert read_settings(text.format(value), dialect).settings.adaptive_target == ours
