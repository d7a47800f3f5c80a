"""Every error that tsumami raises on purpose, as one tree.

Guarantee: whatever a user can get wrong ends in a subclass of `TsumamiError` whose message names the value, what would
have been accepted, and the remedy. The command line turns any of them into one line and exit code 2; the app into a
message in the page. Anything else that escapes is a bug of ours.

    TsumamiError
    ├── SettingsError            a settings value that cannot work (also a ValueError)
    │   ├── UnknownKnobError     no knob of that name; the nearest ones are named
    │   └── GrammarError         a GBNF grammar or JSON schema that does not parse
    ├── ModelError               a model that cannot be used
    │   ├── ModelNotFoundError   no such file, alias or installed package
    │   ├── ModelFormatError     not a GGUF file, a truncated one, or an unknown architecture
    │   ├── HubError             the hub could not be reached, or has no such file
    │   └── OutOfMemoryError     weights or context do not fit into memory
    ├── PromptError              a prompt that cannot be used
    │   ├── EmptyPromptError     no tokens to start from
    │   ├── PromptTooLongError   more tokens than the context holds
    │   └── TemplateError        a chat template that does not parse or refuses the messages
    ├── EngineError              the engine could not do what was asked
    │   ├── OutOfCellsError      a sequence needs more KV cells than the cache has
    │   ├── EngineClosedError    the model was closed
    │   ├── RemoteError          an engine elsewhere does not answer, or not as it should (a run stops on it)
    │   └── CancelledError       the work was cancelled
    ├── DeadEndError             a grammar or a bias forbids every token (a run stops on it)
    ├── RunFileError             a saved run that cannot be read
    ├── HistoryError             a history that cannot be opened, read or written
    │   └── QueryError           a search that does not fit (also a ValueError); the message shows the place
    ├── SpeechError              audio that cannot be heard or spoken
    └── MissingDependencyError   an optional package is missing; the message says the install command
"""

from __future__ import annotations

from typing import Self

__all__ = [
    "CancelledError",
    "DeadEndError",
    "EmptyPromptError",
    "EngineClosedError",
    "EngineError",
    "GrammarError",
    "HistoryError",
    "HubError",
    "MissingDependencyError",
    "ModelError",
    "ModelFormatError",
    "ModelNotFoundError",
    "OutOfCellsError",
    "OutOfMemoryError",
    "PromptError",
    "PromptTooLongError",
    "QueryError",
    "RemoteError",
    "RunFileError",
    "SettingsError",
    "SpeechError",
    "TemplateError",
    "TsumamiError",
    "UnknownKnobError",
    "japanese",
]


class TsumamiError(Exception):
    """Base of every error that tsumami raises on purpose. `ja` is the message in Japanese: whoever raises one says it
    (`in_japanese`), which a test of all our code sees to; it is empty only in errors that users make.
    """

    ja: str = ""

    def in_japanese(self, message: str) -> Self:
        """The same error, with its message in Japanese."""
        self.ja = message
        return self


def japanese(error: BaseException) -> str:
    """What an error says, in Japanese if it is one of ours."""
    return (error.ja if isinstance(error, TsumamiError) else "") or str(error)


class SettingsError(TsumamiError, ValueError):
    """A settings value that cannot work; the message names the knob, the value and the allowed range.

    `knob` and `value` are there for whoever says it in another language: what the knob allows stands in its table.
    """

    knob: str | None = None
    value: object = None

    def __init__(self, message: str = "", *, knob: str | None = None, value: object = None) -> None:
        super().__init__(message)
        self.knob, self.value = knob, value


class UnknownKnobError(SettingsError):
    """No knob has this name; the message names the nearest ones."""


class GrammarError(SettingsError):
    """A GBNF grammar or a JSON schema that does not parse."""


class ModelError(TsumamiError):
    """A model that cannot be used."""


class ModelNotFoundError(ModelError):
    """No such file, alias or installed model package."""


class ModelFormatError(ModelError):
    """Not a GGUF file, a truncated one, or an architecture that this build does not know."""


class HubError(ModelError):
    """The hub could not be reached or has no such file."""


class OutOfMemoryError(ModelError):
    """Weights or context do not fit into memory."""


class PromptError(TsumamiError):
    """A prompt that cannot be used."""


class EmptyPromptError(PromptError):
    """The prompt has no token to start from."""

    def __init__(
        self, message: str = "the prompt is empty: the model needs at least one token to go on from; give a text"
    ) -> None:
        super().__init__(message)
        self.ja = "プロンプトが空です。モデルが続けるには、少なくとも 1 トークンが要ります。文章を入れてください"


class PromptTooLongError(PromptError):
    """The prompt has more tokens than the context holds."""


class TemplateError(PromptError):
    """A chat template that does not parse, or that refuses these messages."""


class EngineError(TsumamiError):
    """The engine could not do what was asked."""


class OutOfCellsError(EngineError):
    """A sequence needs more KV cells than the whole cache has."""


class EngineClosedError(EngineError):
    """The engine was closed, so nothing can be decoded any more."""


class RemoteError(EngineError):
    """An engine elsewhere does not answer, or not as it should. A run that has tokens already stops on it and keeps
    them. The message holds no address, no key and nothing of a prompt.

    `again`: whether asking once more could help; `after`: how many seconds the engine asks to wait before.
    """

    def __init__(self, message: str = "", *, again: bool = False, after: float | None = None) -> None:
        super().__init__(message)
        self.again, self.after = again, after


class CancelledError(EngineError):
    """The work was cancelled before it was done."""


class DeadEndError(TsumamiError):
    """No candidate is left to choose: a grammar or a bias forbids every token. A run stops on it."""


class RunFileError(TsumamiError):
    """A saved run that cannot be read: not JSON, another format version, or fields that do not fit."""


class HistoryError(TsumamiError):
    """A history that cannot be opened, read or written; what was kept stays as it is."""


class QueryError(HistoryError, ValueError):
    """A search that does not fit. `at` is the place in `line`, counted in characters from 0."""

    def __init__(self, why: str, line: str, at: int, *, why_ja: str = "") -> None:
        place = f"{line[:at]}▸{line[at:]}"
        super().__init__(f"{why} (here: {place})")
        self.ja = f"{why_ja or why}（ここ: {place}）"
        self.why, self.line, self.at = why, line, at


class SpeechError(TsumamiError):
    """Audio that cannot be heard or text that cannot be spoken."""


class MissingDependencyError(TsumamiError):
    """An optional package is missing; the message says the exact install command."""
