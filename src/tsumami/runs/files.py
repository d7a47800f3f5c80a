"""Run files: a Run as JSON and back.

Guarantee: `parse(dump(run)) == run`. What does not fit is refused with the place in the file and what was expected
there. Bytes are hexadecimal, settings only those that differ from nothing: all of them, so that a later change of a
default does not change an old run.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Annotated, Any

import pydantic

from tsumami.errors import RunFileError, SettingsError
from tsumami.runs.run import FORMAT_VERSION, EngineCard, ModelCard, Receipt, Run, Step, StopReason, Timings
from tsumami.settings import Settings


def _read_settings(value: Any) -> Settings:
    if not isinstance(value, dict):
        raise ValueError("settings must be an object")  # noqa: TRY004  (pydantic reports ValueErrors, not TypeErrors)
    return Settings.from_mapping(value)  # a SettingsError is a ValueError, so pydantic reports it with its place


_CONFIG = pydantic.ConfigDict(ser_json_bytes="hex", val_json_bytes="hex", extra="forbid", arbitrary_types_allowed=True)
_SettingsField = Annotated[Any, pydantic.PlainValidator(_read_settings), pydantic.PlainSerializer(Settings.to_dict)]


@dataclass(frozen=True, slots=True)
class _ReceiptForm:
    """`Receipt` with settings in their JSON form."""

    __pydantic_config__ = _CONFIG

    model: ModelCard
    engine: EngineCard
    prompt: str
    prompt_tokens: tuple[int, ...]
    template: str
    settings: _SettingsField
    seed: int
    tsumami: str


@dataclass(frozen=True, slots=True)
class _Form:
    """The object that a run file holds."""

    __pydantic_config__ = _CONFIG

    version: int
    receipt: _ReceiptForm
    text: str
    steps: tuple[Step, ...]
    stop_reason: StopReason
    stop_string: str | None
    timings: Timings


@functools.cache
def _adapter() -> pydantic.TypeAdapter[_Form]:
    return pydantic.TypeAdapter(_Form)


def dump(run: Run, indent: int | None = None) -> str:
    """The JSON text of a run."""
    form = {
        "version": FORMAT_VERSION,
        "receipt": plain_receipt(run.receipt),
        "text": run.text,
        "steps": [_plain(step) for step in run.steps],
        "stop_reason": run.stop_reason,
        "stop_string": run.stop_string,
        "timings": _plain(run.timings),
    }
    return json.dumps(form, ensure_ascii=False, indent=indent, allow_nan=False)


def plain_receipt(receipt: Receipt) -> dict[str, Any]:
    """A receipt as plain values."""
    return {**_plain(receipt), "settings": receipt.settings.to_dict()}


def _plain(value: Any) -> Any:
    """Dataclasses as dictionaries, bytes as hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, Settings):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def parse(text: str | bytes) -> Run:
    """The run of a JSON text; see `Run.from_json`."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"this is not a run file: no valid JSON ({error})") from error
    if not isinstance(raw, dict) or "version" not in raw:
        raise RunFileError("this is not a run file: an object with a `version` is expected")
    if raw["version"] != FORMAT_VERSION:
        raise RunFileError(
            f"this run file has format version {raw['version']!r}; this tsumami reads version {FORMAT_VERSION}"
        )
    try:
        form = _adapter().validate_json(text)
    except (pydantic.ValidationError, SettingsError) as error:
        raise RunFileError(f"this run file does not fit: {_first_problem(error)}") from error
    receipt = Receipt(**{name: getattr(form.receipt, name) for name in Receipt.__dataclass_fields__})
    run = Run(receipt, form.steps, form.stop_reason, form.timings, form.stop_string)
    if run.text != form.text:
        raise RunFileError("this run file was edited: its `text` is not what its steps say")
    return run


def _first_problem(error: Exception) -> str:
    if not isinstance(error, pydantic.ValidationError):
        return str(error)
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}" + (f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else "")
