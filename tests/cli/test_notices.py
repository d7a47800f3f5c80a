"""What llama.cpp says of a model reaches who uses it: stderr, the receipt, the doctor, the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine import tiny_model

from tsumami.app.parts.model_bar import describe
from tsumami.app.words.texts import Texts
from tsumami.engine import EngineOptions
from tsumami.model import Model, load
from tsumami.runs import Run

from .conftest import Invoke

WORDS = {"en": "does not say how its text is split", "ja": "文の区切り方（tokenizer.ggml.pre）が書かれていない"}
FAST = ["--fast", "--n-ctx", "512", "--threads", "1"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that does not say how its texts are split."""
    tokenizer = tiny_model.vocabulary(pre=False, bos=True)
    return tiny_model.write(tmp_path_factory.mktemp("nopre") / "nopre.gguf", tiny_model.EVEN, tokenizer=tokenizer)


@pytest.fixture(scope="module")
def loaded(path: Path) -> Iterator[Model]:
    with load(path, EngineOptions(n_ctx=512, threads=1, exact=False)) as model:
        yield model


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_run_says_it_on_stderr_and_in_the_receipt(invoke: Invoke, path: Path, tmp_path: Path, lang: str) -> None:
    out = tmp_path / "run.json"
    said = invoke("run", "ab", "-m", str(path), *FAST, "--max-tokens", "2", "-o", str(out), lang=lang)  # type: ignore[arg-type]  # a parameter of the test
    assert said.code == 0, said.err
    assert WORDS[lang] in said.err
    assert WORDS[lang] not in said.out
    assert str(path.parent) not in said.err
    run = Run.load(out)
    assert "pre_tokenizer" in [one.code for one in run.receipt.engine.notices]
    assert Run.from_json(run.to_json()) == run


def test_who_wants_quiet_has_quiet(invoke: Invoke, path: Path) -> None:
    assert invoke("run", "ab", "-m", str(path), *FAST, "--max-tokens", "2", "--quiet").err == ""


def test_what_is_said_of_the_prompt_is_told_as_well(invoke: Invoke, path: Path, loaded: Model) -> None:
    prompt = "<|begin|>ab"
    if loaded.tokenize(prompt)[:2] == [0xF5, 0xF5]:  # whoever makes sure that there is one has nothing to be told
        said = invoke("run", prompt, "-m", str(path), *FAST, "--max-tokens", "2")
        assert "so there are two of it" in said.err
        assert [one.code for one in loaded.run(prompt, max_tokens=1).receipt.notices] == ["two_bos"]
    assert loaded.run("ab", max_tokens=1).receipt.notices == ()


def test_the_doctor_says_it_with_llama_cpps_own_line(invoke: Invoke, path: Path) -> None:
    found = json.loads(invoke("doctor", "-m", str(path), *FAST, "--json").out)
    said = {one["code"]: one for one in found["notices"]}
    assert WORDS["en"] in said["pre_tokenizer"]["text"]
    assert "missing pre-tokenizer type" in said["pre_tokenizer"]["line"]
    assert not said["pre_tokenizer"]["ours"]
    told = invoke("doctor", "-m", str(path), *FAST, lang="ja").out
    assert "tokenizer.ggml.pre" in told


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_line_of_the_page_says_it(loaded: Model, lang: str) -> None:
    assert "tokenizer.ggml.pre" in describe(Texts(lang), loaded)  # type: ignore[arg-type]  # a parameter of the test
