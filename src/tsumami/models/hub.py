"""Model files from the Hugging Face hub, through huggingface_hub and its cache.

Guarantee: a file that is in the cache is used as it is, without asking the network, so a name keeps meaning the same
weights. Everything that can go wrong ends in a `HubError` that names the file and the
remedy; Ctrl-C and whatever `progress` raises pass through, and a half-downloaded file is never left under a model's
name. HF_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are huggingface_hub's own and mean what they mean there; that
library reads them when it is first imported, which happens here on first use and not earlier.
"""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsumami.errors import HubError
from tsumami.models.digest import ByteProgress
from tsumami.wording import counted

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

__all__ = ["CachedFile", "cached", "cached_ggufs", "download"]


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A GGUF file in the hub's cache: repository, file name in it, path here, size in bytes."""

    repository: str
    filename: str
    path: Path
    size: int


def cached(repository: str, filename: str) -> Path | None:
    """The file's path in the hub's cache, or None; asks no network."""
    from huggingface_hub import try_to_load_from_cache

    try:
        path = try_to_load_from_cache(repository, filename)
    except (ValueError, OSError):  # a name that the hub cannot have, or a cache that cannot be read
        return None
    return Path(path) if isinstance(path, str) else None


def cached_ggufs() -> list[CachedFile]:
    """The GGUF files in the hub's cache that their names lead to now, sorted by name; asks no network."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = [repo for repo in scan_cache_dir().repos if repo.repo_type == "model"]
    except (CacheNotFound, OSError, ValueError):  # no cache yet, or one that cannot be read: nothing is here
        return []
    found: dict[tuple[str, str], CachedFile] = {}
    for repo in repositories:
        for revision in repo.revisions:
            for file in revision.files:
                name = file.file_path.relative_to(revision.snapshot_path).as_posix()
                if name.endswith(".gguf") and (path := cached(repo.repo_id, name)) is not None:
                    found[repo.repo_id, name] = CachedFile(repo.repo_id, name, path, path.stat().st_size)
    return [found[key] for key in sorted(found)]


def download(
    repository: str,
    filename: str,
    *,
    progress: ByteProgress | None = None,
) -> Path:
    """The path of `filename` of the hub repository `repository`, downloaded unless it is in the cache.

    Args:
        repository: "owner/name".
        filename: the file's name in the repository, folders included.
        progress: called with the bytes done and the bytes in all (None while unknown), first with 0.

    Raises:
        HubError: the file could not be had; the message says why and what to do.
    """
    if (path := cached(repository, filename)) is not None:
        return path
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url

    name = f"{repository}:{filename}"
    try:
        # hf_hub_download repeats a refused connection for half a minute; this one question fails at once.
        size = get_hf_file_metadata(hf_hub_url(repository, filename)).size
    except Exception as error:  # the hub client's HTTP library has exceptions of its own; all of them mean no file
        raise _reason(name, error, ("cannot be reached", "届きません")) from error
    _check_space(name, size, Path(constants.HF_HUB_CACHE))
    raised: list[BaseException] = []
    try:
        return Path(hf_hub_download(repository, filename, tqdm_class=_reporter(progress, raised)))
    except Exception as error:  # as above
        if error in raised:
            raise
        raise _reason(name, error, ("the download was interrupted", "取得が途中で切れました")) from error


def _check_space(name: str, size: int | None, folder: Path) -> None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if size is not None and size > free:
        raise _no_space(
            name,
            f"it needs {counted(size, 'byte')} and {folder} has {free:,} free",
            f"{size:,} バイト要りますが、{folder} の空きは {free:,} バイトです",
        )


def _reporter(progress: ByteProgress | None, raised: list[BaseException]) -> Any:
    """A tqdm class that draws nothing and reports to `progress`; what `progress` raises is noted in `raised`."""
    from huggingface_hub.utils.tqdm import tqdm

    class Reporter(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **(kwargs | {"disable": True}))  # type: ignore[no-untyped-call]  # tqdm has no types
            self._report()

        def update(self, n: float | None = 1) -> bool | None:
            self.n += n or 0
            self._report()
            return None

        def update_transfer(self, n: float = 1) -> None:
            """Bytes on the wire; their presence tells huggingface_hub to use this one bar and no second one."""

        def set_transfer_postfix_str(self, *args: Any, **kwargs: Any) -> None:
            """A speed for people to read; nobody reads here."""

        def _report(self) -> None:
            if progress is None:
                return
            try:
                progress(int(self.n), None if self.total is None else int(self.total))
            except BaseException as error:
                raised.append(error)
                raise

    return Reporter


def _reason(name: str, error: Exception, otherwise: tuple[str, str]) -> HubError:
    """What happened to `name`, and the remedy; `otherwise` in English and Japanese."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{name.partition(':')[0]}"
    if isinstance(error, errors.HfHubHTTPError):
        return _answered(name, page, error)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubError(
            f"{name} is not in the cache, and HF_HUB_OFFLINE forbids the network; unset it and fetch the file once"
        ).in_japanese(
            f"{name} はキャッシュになく、HF_HUB_OFFLINE がネットワークを禁じています。外して一度取得してください"
        )
    if isinstance(error, errors.HFValidationError):
        return HubError(f"{name}: not a name that the hub can have; the form is owner/repo:file.gguf").in_japanese(
            f"{name}: ハブの名前になりません。owner/repo:file.gguf の形にしてください"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return _no_space(name, str(error), str(error))
    why, why_ja = otherwise
    place = f"{constants.ENDPOINT}: {_one_line(error)}"
    return HubError(
        f"{name}: {why} ({place}); check the network connection and HF_ENDPOINT, and try again, or give the path of a"
        " GGUF file that is here"
    ).in_japanese(
        f"{name}: {why_ja}（{place}）。ネットワークと HF_ENDPOINT を確かめてやり直すか、ここにある GGUF ファイルの"
        "パスを指定してください"
    )


def _answered(name: str, page: str, error: HfHubHTTPError) -> HubError:
    """What the hub's own answer means."""
    from huggingface_hub import errors

    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        return HubError(
            f"{name}: the repository is gated; accept its terms at {page} and set HF_TOKEN to a token of yours"
        ).in_japanese(
            f"{name}: 許可の要るリポジトリです。{page} で条件に同意し、HF_TOKEN に自分のトークンを入れてください"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return HubError(
            f"{name}: the hub has no such repository ({page}); check the spelling, or set HF_TOKEN if it is private"
        ).in_japanese(
            f"{name}: ハブにそのリポジトリはありません（{page}）。"
            "つづりを確かめるか、非公開なら HF_TOKEN を設定してください"
        )
    if isinstance(error, errors.EntryNotFoundError):
        return HubError(
            f"{name}: the repository has no such file; see {page}/tree/main for the files that it has"
        ).in_japanese(f"{name}: リポジトリにそのファイルはありません。あるファイルは {page}/tree/main で見られます")
    if status in (401, 403):
        return HubError(
            f"{name}: the hub refused access ({status}); set HF_TOKEN to a valid token that may read the repository"
        ).in_japanese(f"{name}: ハブに断られました（{status}）。読む権限のあるトークンを HF_TOKEN に入れてください")
    return HubError(f"{name}: the hub answered with the error {status}; try again later").in_japanese(
        f"{name}: ハブがエラー {status} を返しました。あとでやり直してください"
    )


def _no_space(name: str, why: str, why_ja: str) -> HubError:
    return HubError(
        f"{name}: no room for the download ({why}); free some, or point HF_HOME to a larger disk"
    ).in_japanese(
        f"{name}: 取得する空きがありません（{why_ja}）。空きを作るか、HF_HOME を大きいディスクに向けてください"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
