"""The shards of a split model: files that belong together, told by their names (`…-00001-of-00003.gguf`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tsumami.errors import ModelNotFoundError
from tsumami.wording import counted

__all__ = ["is_later_shard", "shard_names", "shards"]

_SHARD: Final = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)


def is_later_shard(filename: str) -> bool:
    """Whether a file is named as a shard that is not its model's first."""
    match = _SHARD.fullmatch(filename)
    return match is not None and int(match["number"]) != 1


def shard_names(path: Path) -> tuple[Path, ...]:
    """The files of the model at `path`: itself, or all shards if it is the first of a split model.

    Raises:
        ModelNotFoundError: it is a later shard.
    """
    match = _SHARD.fullmatch(path.name)
    if match is None or (count := int(match["count"])) < 2:
        return (path,)
    names = tuple(path.with_name(f"{match['stem']}-{n:05d}-of-{count:05d}.gguf") for n in range(1, count + 1))
    if int(match["number"]) != 1:
        raise ModelNotFoundError(
            f"{path} is a later shard of a split model; give the first one, {names[0].name}"
        ).in_japanese(f"{path} は分割されたモデルの途中のファイルです。最初の {names[0].name} を指定してください")
    return names


def shards(path: Path) -> tuple[Path, ...]:
    """As `shard_names`, of a model on this machine.

    Raises:
        ModelNotFoundError: a shard is missing, or `path` is a later one.
    """
    names = shard_names(path)
    missing = [shard.name for shard in names if not shard.exists()]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ModelNotFoundError(
            f"{path} is the first of {counted(len(names), 'shard')}, and {', '.join(missing[:5])}{more} "
            f"{'is' if len(missing) == 1 else 'are'} missing; put all shards into one folder"
        ).in_japanese(
            f"{path} は {len(names)} 個に分かれた最初のファイルですが、{', '.join(missing[:5])}"
            f"{'…' if more else ''} がありません。すべてを 1 つのフォルダーに入れてください"
        )
    return names
