"""Where models come from: a name in, a checked GGUF file on this machine out.

Guarantee: what `resolve` returns exists, is complete and has a readable header; whatever is wrong with it is said
before llama.cpp opens it. A name means the same wherever one stands: a word of the table (known.py) is that model, and
a file in a folder of models (folders.py) is that file, even where another of that name lies around (`./gpt2` is that).
Only hub names use the network, and only for files that are not in the hub's cache yet.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tsumami.errors import ModelError, ModelFormatError, ModelNotFoundError
from tsumami.models import hub
from tsumami.models.digest import ByteProgress, fingerprint
from tsumami.models.folders import in_folders
from tsumami.models.gguf import GGUFHeader, read_header
from tsumami.models.known import DEFAULT_MODEL, KNOWN, Known, OnHub
from tsumami.models.packaged import packaged_path
from tsumami.models.shards import shard_names, shards

__all__ = ["ModelFile", "is_name", "no_such_model", "printable_name", "resolve"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on this machine.

    `path` is what llama.cpp opens; `parts` are all files (one, or every shard of a split model); `size` is their bytes.
    `name` leads here again. `source` says where the weights come from ("package …", "hub owner/repo:file", "file"),
    `revision` the hub's commit.
    """

    path: Path
    name: str
    source: str
    license: str | None
    size: int
    parts: tuple[Path, ...]
    header: GGUFHeader = field(repr=False, compare=False)
    revision: str | None = None

    def fingerprint(self, *, progress: ByteProgress | None = None) -> str:
        """The sha256 of the weights (see digest.py)."""
        return fingerprint(*self.parts, progress=progress)


_HUB_NAME: Final = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+):(?P<filename>[^:]+\.gguf)", re.ASCII | re.IGNORECASE)
_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w.-]+(:[^:]*)?", re.ASCII)
_BYTE: Final = re.compile(r"\\u(dc[89a-f][0-9a-f])")  # of a name that is not in the system's encoding (PEP 383)
_IN_FOLDER: Final = "file in a folder of models"
_ALIASES: Final = f"accepted are an alias ({', '.join(KNOWN)})"
_HUB_FORM: Final = "or a hub name like owner/repo:file.gguf"
_FORMS: Final = f"{_ALIASES}, the path of a GGUF file, {_HUB_FORM}"
_FORMS_JA: Final = (
    f"使えるのは別名（{', '.join(KNOWN)}）、GGUF ファイルのパス、owner/repo:file.gguf のようなハブの名前です"
)
_NAMES: Final = f"{_ALIASES} {_HUB_FORM}; paths can be named only at the machine on which tsumami runs"
_NAMES_JA: Final = (
    f"使えるのは別名（{', '.join(KNOWN)}）か、owner/repo:file.gguf のようなハブの名前です。"
    "パスを指定できるのは、tsumami が動いているマシンの上だけです"
)


def resolve(name: str | os.PathLike[str] = DEFAULT_MODEL, *, progress: ByteProgress | None = None) -> ModelFile:
    """The model that `name` means: an alias, a file in a folder of models, the path of a GGUF file, or
    `owner/repo:file.gguf` on the hub.

    Args:
        name: see above; an alias is a word of the table, in any case.
        progress: called with (bytes done, bytes in all or None) while something is downloaded or joined.

    Raises:
        ModelNotFoundError: no such alias or file, a folder, or a shard that is missing.
        ModelFormatError: the file is not GGUF, truncated, or no model.
        HubError: the hub could not deliver it.
        MissingDependencyError: the package that carries the weights is not installed.
        ModelError: the file cannot be read, or there is no room for it.
    """
    text = _as_it_is(os.fspath(name))
    if not text.strip():
        raise ModelNotFoundError(f"the model's name is empty; {_FORMS}").in_japanese(
            f"モデルの名前が空です。{_FORMS_JA}"
        )
    if isinstance(name, str):
        if (known := KNOWN.get(text.lower())) is not None:
            return _resolve_known(text.lower(), known, progress)
        if (file := in_folders().get(text)) is not None:
            return _model_file(shards(file), text, _IN_FOLDER, None)
        match = _HUB_NAME.fullmatch(text)
        if match is not None and not _exists(text):
            return _resolve_hub(text, OnHub(match["repository"], match["filename"]), None, progress)
        if not _looks_like_path(text):
            raise no_such_model(text)
    path = Path(os.path.expanduser(text))  # noqa: PTH111  Path.expanduser raises for a user it does not know
    _check_path(text, path)
    return _model_file(shards(path), printable_name(text), "file", None)


def _resolve_known(name: str, known: Known, progress: ByteProgress | None) -> ModelFile:
    if isinstance(known.origin, OnHub):
        return _resolve_hub(name, known.origin, known.license, progress)
    return _model_file((packaged_path(name, known.origin, progress),), name, known.origin.source, known.license)


def _resolve_hub(name: str, origin: OnHub, terms: str | None, progress: ByteProgress | None) -> ModelFile:
    filenames = [path.as_posix() for path in shard_names(Path(origin.filename))]
    parts = tuple(hub.download(origin.repository, filename, progress=progress) for filename in filenames)
    depth = len(Path(origin.filename).parts)  # the cache keeps a file as snapshots/<commit>/<name in the repository>
    return _model_file(parts, name, origin.source, terms, revision=parts[0].parents[depth - 1].name)


def _model_file(
    parts: tuple[Path, ...], name: str, source: str, terms: str | None, revision: str | None = None
) -> ModelFile:
    header = read_header(parts[0])
    for part in parts[1:]:
        read_header(part)
    if header.kind != "model":
        hint = ", and the adapter as --lora beside it" if header.kind == "adapter" else ""
        raise ModelFormatError(
            f"{parts[0]} holds an {header.kind!r}, not a model; give the model's own GGUF file{hint}"
        ).in_japanese(
            f"{parts[0]} の中身は {header.kind!r} で、モデルではありません。モデルの "
            "GGUF ファイルを指定してください"
            f"{'（アダプターは一緒に --lora で）' if header.kind == 'adapter' else ''}"
        )
    if not header.tensors and len(parts) == 1:
        raise ModelFormatError(
            f"{parts[0]} holds a vocabulary and no weights; give a file with the model's weights"
        ).in_japanese(f"{parts[0]} には語彙だけで重みがありません。モデルの重みの入ったファイルを指定してください")
    size = sum(part.stat().st_size for part in parts)
    return ModelFile(parts[0], name, source, terms or header.license, size, parts, header, revision)


def _exists(text: str) -> bool:
    try:
        return os.path.exists(os.path.expanduser(text))  # noqa: PTH110, PTH111  these say False where Path's raise
    except ValueError:
        return False


def _looks_like_path(text: str) -> bool:
    separators = [separator for separator in (os.sep, os.altsep) if separator]
    named = any(separator in text for separator in separators) or text.lower().endswith(".gguf")
    return _exists(text) or (named and not _REPOSITORY.fullmatch(text)) or text in (".", "..", "~")


def printable_name(name: str) -> str:
    r"""A name that any file, page or terminal can hold: a byte that is no text becomes `\udc83`, as Python and JSON
    write it. It leads where the name leads.
    """
    return name.encode("utf-8", "backslashreplace").decode()


def _as_it_is(text: str) -> str:
    """The name behind a printable one, if there is such a file."""
    meant = _BYTE.sub(lambda match: chr(int(match[1], 16)), text)
    return meant if meant != text and _exists(meant) else text


def is_name(text: str) -> bool:
    """Whether `text` is a name, an alias or one of a file in a folder of models, or has the form of one on the hub, and
    is no path; looks at no other file.
    """
    return text.lower() in KNOWN or _HUB_NAME.fullmatch(text) is not None or text in in_folders()


def no_such_model(text: str, *, paths: bool = True, hint: tuple[str, str] | None = None) -> ModelNotFoundError:
    """What to say of a name that leads to no model; looks at no file.

    Args:
        text: the name.
        paths: whether a path would have done.
        hint: what is said besides, in English and Japanese.
    """
    said, said_ja = _no_such_model(text, paths=paths)
    if hint is not None:
        said, said_ja = f"{said}; {hint[0]}", f"{said_ja}。{hint[1]}"
    return ModelNotFoundError(said).in_japanese(said_ja)


def _no_such_model(text: str, *, paths: bool) -> tuple[str, str]:
    if _REPOSITORY.fullmatch(text):
        repository = text.partition(":")[0]
        return (
            f"{text!r} names no GGUF file here or on the hub; on the hub name the file too: {repository}:file.gguf",
            f"{text!r} という GGUF ファイルはここにもハブにもありません。"
            f"ハブなら、ファイルの名前も書いてください: {repository}:file.gguf",
        )
    near = difflib.get_close_matches(text.lower(), KNOWN, n=2, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    meant_ja = f"{' か '.join(near)} のことですか。" if near else ""
    forms, forms_ja = (_FORMS, _FORMS_JA) if paths else (_NAMES, _NAMES_JA)
    return f"there is no model {text!r}; {meant}{forms}", f"{text!r} というモデルはありません。{meant_ja}{forms_ja}"


def _check_path(text: str, path: Path) -> None:
    try:
        if path.is_dir():
            inside = sorted(file.name for file in path.glob("*.gguf"))[:5]
            holds = f"it holds {', '.join(inside)}" if inside else "it holds no GGUF file"
            holds_ja = f"中に {', '.join(inside)} があります" if inside else "中に GGUF ファイルはありません"
            raise ModelNotFoundError(f"{text} is a folder, and {holds}; give the path of one GGUF file").in_japanese(
                f"{text} はフォルダーで、{holds_ja}。GGUF ファイル 1 つのパスを指定してください"
            )
        path.stat()
    except FileNotFoundError as error:
        hint, hint_ja = _hint(text, path)
        raise ModelNotFoundError(f"no such file: {text}{hint}; {_FORMS}").in_japanese(
            f"ファイルがありません: {text}{hint_ja}。{_FORMS_JA}"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{text!r} cannot be read: {getattr(error, 'strerror', None) or error}").in_japanese(
            f"{text!r} が読めません: {getattr(error, 'strerror', None) or error}"
        ) from error


def _hint(text: str, path: Path) -> tuple[str, str]:
    """What may be meant, in English and Japanese."""
    if "://" in text:
        return (
            " (for a file on the hub, give owner/repo:file.gguf instead of its address)",
            "（ハブのファイルなら、アドレスではなく owner/repo:file.gguf にしてください）",
        )
    try:
        near = difflib.get_close_matches(path.name, [file.name for file in path.parent.glob("*.gguf")], n=1)
    except OSError:
        return "", ""
    there = path.with_name(near[0]) if near else None
    return ("", "") if there is None else (f" (there is {there})", f"（{there} ならあります）")
