"""Which models a caller may name: what is here and has a name, for everybody; a path, at home only."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.gguf_writer import model

from tsumami.errors import HubError, ModelFormatError, ModelNotFoundError, OutOfMemoryError
from tsumami.models import remote_name
from tsumami.models.folders import VARIABLE
from tsumami.web.callers import naming


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.gguf").write_bytes(model())
    (tmp_path / "secret.gguf").write_bytes(model())
    monkeypatch.setenv(VARIABLE, str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


@pytest.mark.parametrize("name", ["smollm2", "SmolLM2", "a.gguf"])
@pytest.mark.parametrize("home", [True, False])
def test_what_is_here_and_has_a_name_is_for_everybody(name: str, home: bool) -> None:
    with naming(name, home):
        pass


@pytest.mark.parametrize("name", ["elyza", "ELYZA", "gpt2", "owner/repo:file.gguf"])
def test_nobody_from_elsewhere_has_a_model_fetched(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="not on this machine"), naming(name, False):
        raise AssertionError("it would have been fetched")
    with naming(name, True):
        pass


@pytest.mark.parametrize("name", ["{}/models/a.gguf", "{}/secret.gguf", "../secret.gguf", "./a.gguf", "", "a.gguf\0"])
def test_nobody_from_elsewhere_names_a_path(shelf: Path, name: str) -> None:
    with pytest.raises(ModelNotFoundError), naming(name.format(shelf), False):
        raise AssertionError("it would have been opened")


def test_nobody_from_elsewhere_makes_the_server_reach_a_host() -> None:
    with (
        pytest.raises(ModelNotFoundError, match="only at the machine on which tsumami runs") as told,
        naming("llama-server+http://10.0.0.1:8080", False),
    ):
        raise AssertionError("it would have been asked")
    assert "10.0.0.1" not in str(told.value)
    with naming("llama-server+http://10.0.0.1:8080", True):
        pass


def test_at_home_a_name_of_an_engine_elsewhere_is_not_repeated_in_its_error() -> None:
    with pytest.raises(ModelNotFoundError) as told, naming("openai+https://me:secret@host/m", True):
        remote_name("openai+https://me:secret@host/m")
    assert "secret" not in str(told.value)


def test_what_is_wrong_with_a_file_tells_nobody_from_elsewhere_where_it_lies(shelf: Path) -> None:
    broken = ModelFormatError(f"{shelf}/models/a.gguf is truncated")
    with pytest.raises(ModelNotFoundError) as told, naming("a.gguf", False):
        raise broken
    assert str(shelf) not in str(told.value)
    with pytest.raises(ModelFormatError), naming("a.gguf", True):
        raise broken


@pytest.mark.parametrize("error", [OutOfMemoryError("full"), HubError("away")])
def test_at_home_a_name_s_error_is_its_own(error: Exception) -> None:
    with pytest.raises(type(error)), naming("smollm2", True):
        raise error
